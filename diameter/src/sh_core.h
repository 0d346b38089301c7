// The Sh client above the wire: cache, questions joined, retries, what to say when the HSS fails. SH sections 7 to 9.
// Thread: ask() on any executor; one lock inside, never held while anything is called.
// Lifetime: shared; requests under way keep it. Executors outlive the stack's shutdown().
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "diameter/sh_options.h"
#include "herald/sh.h"
#include "limited_log.h"
#include "sh_cache.h"
#include "sh_metrics.h"
#include "sh_transport.h"
#include "sh_verdict.h"

namespace herald::diameter {

class ShCore : public std::enable_shared_from_this<ShCore> {
 public:
  ShCore(std::shared_ptr<ShTransport> transport, ShOptions options);

  Future<ShReply> ask(ShQuery query, Deadline deadline);
  [[nodiscard]] std::vector<ShClient::PeerState> peers() const { return transport_->peers(); }
  [[nodiscard]] std::size_t flights() const;

 private:
  // One asker of a flight. Touched on its own executor only.
  struct Waiter {
    Promise<ShReply> promise;
    Executor* executor = nullptr;
    TimerId timer{};
    bool settled = false;
  };
  // One question under way, with everybody who asked it meanwhile. SH-50
  struct Flight {
    ShKey key;
    ShQuery query;
    std::string destination_host;
    TimePoint end{};                               // of the budget
    std::vector<std::shared_ptr<Waiter>> waiters;  // under the lock
    std::atomic<std::size_t> live{0};              // waiters whose deadline has not passed: without any, no retry
  };
  struct Outcome {
    Verdict verdict;
    ShAnswer answer;
  };

  static Task<void> fly(std::shared_ptr<ShCore> self, std::shared_ptr<Flight> flight);
  static Task<Outcome> pursue(std::shared_ptr<ShCore> self, std::shared_ptr<Flight> flight);
  static Task<ShAnswer> attempt(std::shared_ptr<ShCore> self, std::shared_ptr<Flight> flight, std::string host);
  void land(Flight& flight, const Outcome& outcome, TimePoint now);

  std::shared_ptr<Waiter> add_waiter(Flight& flight);
  void start_timer(const std::shared_ptr<Waiter>& waiter, const std::shared_ptr<Flight>& flight, Deadline deadline);
  void settle(Waiter& waiter, ShReply reply);
  // The reply for a failure: stale data when there is some.
  ShReply failure(const std::string& key, ShResult result, std::uint32_t code, TimePoint now);
  ShReply read(const Flight& flight, Verdict& verdict, ShAnswer& answer);
  [[nodiscard]] ShReply count(ShReply reply) const;
  [[nodiscard]] Future<ShReply> at_once(ShReply reply) const;
  void report(const Flight& flight, const Verdict& verdict, const ShAnswer& answer, TimePoint now);

  const std::shared_ptr<ShTransport> transport_;
  const ShOptions options_;
  const ShMetrics& metrics_ = ShMetrics::instance();
  std::array<LimitedLog, ShMetrics::kResults> failure_log_;
  std::array<LimitedLog, 6> alarm_log_;

  mutable std::mutex mutex_;
  ShCache cache_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
  std::map<ShDataRef, TimePoint> forbidden_until_;  // 5102
  std::size_t waiting_ = 0;
};

// The contract of herald/sh.h over a core.
std::unique_ptr<ShClient> make_client(std::shared_ptr<ShCore> core);

}  // namespace herald::diameter
