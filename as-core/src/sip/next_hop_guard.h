// Keeps a next hop that does not answer from eating the shard: a cap in flight, a bounded queue behind it, a circuit breaker
// with one probe per interval, and the pauses a hop asks for. Pure rules; knows neither Sofia nor messages.
// Thread: one owner.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "herald/clock.h"
#include "sip/sip_stack.h"

namespace herald::sip {

class NextHopGuard {
 public:
  using HopId = std::uint32_t;
  using Ticket = std::uint64_t;  // the owner's name for a request, unique while it waits

  enum class Answer {
    go,       // counted in flight: the owner owes one finished()
    wait,     // queued: take_released() will name it, unless it is withdrawn
    blocked,  // breaker open, pause asked for, or queue full
  };
  enum class Outcome {
    answered,  // any response: the hop is alive
    failed,    // time-out or transport failure
    unused,    // nothing was sent after all
  };
  struct Released {
    Ticket ticket;
    HopId hop;
    bool go;  // false: it has waited too long
  };
  static constexpr Duration kLongestPause = std::chrono::seconds(300);  // AS-84

  // Nobody waits longer than `longest_wait`; the stack takes 64*T1, the time Timer F would have given it.
  NextHopGuard(const Clock& clock, HopLimits limits, Duration longest_wait);

  HopId hop(std::string_view name);
  [[nodiscard]] const std::string& name(HopId id) const { return hops_[id].name; }
  // What ask() would say, without doing it.
  [[nodiscard]] Answer would(HopId id) const;
  Answer ask(HopId id, Ticket ticket);
  void withdraw(Ticket ticket);
  // True when this opened or closed the breaker.
  bool finished(HopId id, Outcome outcome);
  // 503 with Retry-After from the hop itself.
  void pause(HopId id, Duration span);
  [[nodiscard]] bool open(HopId id) const { return hops_[id].open; }
  // How long the hop stays closed to new requests; nothing when it is not.
  [[nodiscard]] std::optional<Duration> closed_for(HopId id) const;

  // Up to `limit` requests that may go now or have waited too long. Call after finished() and when due() has come.
  std::vector<Released> take_released(std::size_t limit);
  [[nodiscard]] std::optional<TimePoint> due() const;
  [[nodiscard]] std::vector<HopState> states() const;

 private:
  struct Waiting {
    Ticket ticket;
    TimePoint since;
  };
  struct Hop {
    std::string name;
    std::size_t in_flight = 0;
    std::list<Waiting> queue;
    unsigned failures = 0;  // consecutive
    bool open = false;
    TimePoint next_probe{};
    TimePoint paused_until{};
    TimePoint used{};
  };
  struct Place {
    HopId hop;
    std::list<Waiting>::iterator entry;
  };

  [[nodiscard]] bool admits(const Hop& hop, TimePoint now) const;
  void take(Hop& hop, TimePoint now);
  void forget_idle();

  const Clock& clock_;
  const HopLimits limits_;
  const Duration longest_wait_;
  std::vector<Hop> hops_;
  std::vector<HopId> free_;
  std::unordered_map<std::string, HopId> id_of_;
  std::unordered_map<Ticket, Place> place_of_;
  std::set<HopId> waiting_;  // hops with a queue
  HopId turn_ = 0;           // whose queue is looked at first, so that no hop starves the others
};

}  // namespace herald::sip
