#include "sip/next_hop_guard.h"

#include <algorithm>

namespace herald::sip {
namespace {
constexpr std::size_t kMostHops = 1024;  // idle ones beyond are forgotten
}

NextHopGuard::NextHopGuard(const Clock& clock, HopLimits limits, Duration longest_wait)
    : clock_(clock), limits_(limits), longest_wait_(longest_wait) {}

NextHopGuard::HopId NextHopGuard::hop(std::string_view name) {
  std::string key(name);
  if (auto found = id_of_.find(key); found != id_of_.end()) {
    hops_[found->second].used = clock_.now();
    return found->second;
  }
  if (id_of_.size() >= kMostHops) forget_idle();
  HopId id = 0;
  if (free_.empty()) {
    id = static_cast<HopId>(hops_.size());
    hops_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
    hops_[id] = Hop{};
  }
  hops_[id].name = key;
  hops_[id].used = clock_.now();
  id_of_.emplace(std::move(key), id);
  return id;
}

// Only hops without state worth keeping; the others stay, bounded by the requests that use them.
void NextHopGuard::forget_idle() {
  const auto now = clock_.now();
  for (auto entry = id_of_.begin(); entry != id_of_.end();) {
    const auto& hop = hops_[entry->second];
    const bool idle = hop.in_flight == 0 && hop.queue.empty() && hop.used < now;
    const bool closed = hop.open && now < hop.next_probe + std::chrono::minutes(5);
    if (idle && !closed && hop.paused_until <= now) {
      free_.push_back(entry->second);
      entry = id_of_.erase(entry);
    } else {
      ++entry;
    }
  }
}

bool NextHopGuard::admits(const Hop& hop, TimePoint now) const {
  if (now < hop.paused_until) return false;
  if (hop.open) return now >= hop.next_probe;  // over the cap if need be: those in flight may be stuck for 64*T1
  return hop.in_flight < limits_.max_in_flight;
}

void NextHopGuard::take(Hop& hop, TimePoint now) {
  ++hop.in_flight;
  if (hop.open) hop.next_probe = now + limits_.probe_interval;
}

NextHopGuard::Answer NextHopGuard::would(HopId id) const {
  const auto& hop = hops_[id];
  const auto now = clock_.now();
  if (hop.queue.empty() && admits(hop, now)) return Answer::go;
  if (hop.open || now < hop.paused_until) return Answer::blocked;
  return hop.queue.size() < limits_.max_queued ? Answer::wait : Answer::blocked;
}

NextHopGuard::Answer NextHopGuard::ask(HopId id, Ticket ticket) {
  const auto answer = would(id);
  auto& hop = hops_[id];
  const auto now = clock_.now();
  if (answer == Answer::go) {
    take(hop, now);
  } else if (answer == Answer::wait) {
    hop.queue.push_back({ticket, now});
    place_of_.emplace(ticket, Place{id, std::prev(hop.queue.end())});
    waiting_.insert(id);
  }
  return answer;
}

void NextHopGuard::withdraw(Ticket ticket) {
  auto found = place_of_.find(ticket);
  if (found == place_of_.end()) return;
  const auto place = found->second;
  place_of_.erase(found);
  auto& hop = hops_[place.hop];
  hop.queue.erase(place.entry);
  if (hop.queue.empty()) waiting_.erase(place.hop);
}

bool NextHopGuard::finished(HopId id, Outcome outcome) {
  auto& hop = hops_[id];
  const auto now = clock_.now();
  hop.used = now;
  if (hop.in_flight > 0) --hop.in_flight;
  if (outcome == Outcome::unused) return false;
  if (outcome == Outcome::answered) {
    hop.failures = 0;
    return std::exchange(hop.open, false);
  }
  ++hop.failures;
  if (hop.open || hop.failures < limits_.failures_to_open) return false;
  hop.open = true;
  hop.next_probe = now + limits_.probe_interval;
  return true;
}

void NextHopGuard::pause(HopId id, Duration span) {
  auto& hop = hops_[id];
  hop.paused_until = std::max(hop.paused_until, clock_.now() + std::min(span, kLongestPause));
}

std::optional<Duration> NextHopGuard::closed_for(HopId id) const {
  const auto& hop = hops_[id];
  const auto until = hop.open ? std::max(hop.paused_until, hop.next_probe) : hop.paused_until;
  const auto now = clock_.now();
  if (until <= now) return std::nullopt;
  return until - now;
}

std::vector<NextHopGuard::Released> NextHopGuard::take_released(std::size_t limit) {
  std::vector<Released> out;
  const auto now = clock_.now();
  const std::vector<HopId> ids = [&] {
    std::vector<HopId> order(waiting_.lower_bound(turn_), waiting_.end());
    order.insert(order.end(), waiting_.begin(), waiting_.lower_bound(turn_));
    return order;
  }();
  const auto share = std::max<std::size_t>(1, limit / std::max<std::size_t>(1, ids.size()));
  for (const auto id : ids) {
    auto& hop = hops_[id];
    for (std::size_t n = 0; n < share && out.size() < limit && !hop.queue.empty(); ++n) {
      const auto front = hop.queue.front();
      const bool too_long = front.since + longest_wait_ <= now;
      if (!too_long && !admits(hop, now)) break;
      if (!too_long) take(hop, now);
      hop.queue.pop_front();
      place_of_.erase(front.ticket);
      out.push_back({front.ticket, id, !too_long});
    }
    if (hop.queue.empty()) waiting_.erase(id);
    if (out.size() >= limit) {
      turn_ = id + 1;
      break;
    }
  }
  return out;
}

std::optional<TimePoint> NextHopGuard::due() const {
  std::optional<TimePoint> soonest;
  const auto now = clock_.now();
  for (const auto id : waiting_) {
    const auto& hop = hops_[id];
    auto when = hop.queue.front().since + longest_wait_;
    if (hop.open || now < hop.paused_until) {
      when = std::min(when, hop.open ? std::max(hop.next_probe, hop.paused_until) : hop.paused_until);
    } else if (hop.in_flight < limits_.max_in_flight) {
      when = now;
    }
    if (!soonest || when < *soonest) soonest = when;
  }
  return soonest;
}

std::vector<HopState> NextHopGuard::states() const {
  std::vector<HopState> out;
  out.reserve(id_of_.size());
  const auto now = clock_.now();
  for (const auto& [name, id] : id_of_) {
    const auto& hop = hops_[id];
    out.push_back({name, hop.in_flight, hop.queue.size(), hop.open || now < hop.paused_until});
  }
  std::sort(out.begin(), out.end(), [](const HopState& a, const HopState& b) { return a.hop < b.hop; });
  return out;
}

}  // namespace herald::sip
