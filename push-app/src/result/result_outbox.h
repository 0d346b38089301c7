// Sends the result notifications that lie in the store (result_notice.h), at least once each and in no particular order, until
// the initiator has them. What is due is claimed, sent and settled; a host that fails or is slow keeps only its own
// notifications back: they are parked, and looked at again when it may be asked.
//
//   look:  due notices -> claim (attempt counted, due moved behind the timeout) and send | park
//   drain: a host that has room: its parked notices -> claim and send
//
// Memory holds what is being sent and one page; everything else stays in the store, whatever its number.
// Thread: the shard that serves HTTP, so that a host's limits hold for the whole node. Held by shared_ptr: stop() ends what a
// suspended attempt may do.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "delivery/delivery_writer.h"
#include "herald/metrics.h"
#include "herald/servlet_context.h"
#include "result/callback_rules.h"
#include "result/result_notice.h"

namespace herald::push {

class ResultOutbox : public std::enable_shared_from_this<ResultOutbox> {
 public:
  explicit ResultOutbox(ServletContext& context);
  void start();
  void stop() noexcept;
  // Something may have become due.
  void ring();

  [[nodiscard]] std::size_t sending() const noexcept { return sending_; }
  [[nodiscard]] std::size_t hosts() const noexcept { return hosts_.size(); }

 private:
  using Self = std::shared_ptr<ResultOutbox>;
  struct Choice {
    std::vector<ResultNotice> claimed, parked, dead;
  };

  static Task<void> look(Self self);
  static Task<bool> look_at_notices(Self self);
  static Task<bool> look_at_hosts(Self self);
  static Task<void> arm(Self self);
  static Task<void> drain(Self self, std::string host);
  // Writes what was chosen in one batch; then the claimed ones are on their way. False: the store did not take it.
  static Task<bool> commit(Self self, Choice choice);
  static Task<void> send(Self self, ResultNotice notice);
  static Task<CallbackReading> attempt(Self self, const ResultNotice* notice, WallTime now);
  static Task<void> settle(Self self, const ResultNotice* notice);
  static Task<std::shared_ptr<const PushJob>> find_job(Self self, std::string push);

  void choose(ResultNotice notice, const CallbackConfig& config, WallTime now, Choice& choice);
  void judge(const std::string& host, const CallbackReading& reading, WallTime started, WallTime now);
  void finished(const std::string& host);
  void refill();
  void tell_dead(const std::string& host, std::size_t number, std::string_view cause);
  void look_later(Duration pause);
  void wake_at(WallTime due);
  [[nodiscard]] unsigned free_seats(const CallbackConfig& config) const;

  ServletContext& context_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  std::map<std::string, HostState> hosts_;           // those that something is sent to, or that are down
  std::deque<std::shared_ptr<const PushJob>> jobs_;  // the last few: recipients of one push end together
  std::size_t sending_ = 0;
  bool looking_ = false;
  bool rung_ = false;
  TimerId timer_;
  TimePoint timer_due_{};
  metrics::Gauge sending_gauge_, down_gauge_;
};

}  // namespace herald::push
