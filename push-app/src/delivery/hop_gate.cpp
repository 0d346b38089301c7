#include "delivery/hop_gate.h"

#include <algorithm>
#include <utility>

namespace herald::push {
namespace {
constexpr std::chrono::milliseconds kFirstPause{1000};
constexpr std::chrono::milliseconds kLongestPause{10000};
}  // namespace

bool HopGate::admit(const std::string& hop, WallTime now) {
  const auto found = hops_.find(hop);
  if (found == hops_.end()) return true;
  auto& state = found->second;
  if (state.probing || now < state.until) return false;
  state.probing = true;
  return true;
}

std::vector<SlotId> HopGate::report(const std::string& hop, bool blocked, std::optional<Duration> retry_after, WallTime now) {
  if (!blocked) {
    const auto found = hops_.find(hop);
    if (found == hops_.end()) return {};
    auto released = std::move(found->second.parked);
    hops_.erase(found);
    return released;
  }
  auto& state = hops_[hop];
  // Those that were on their way when it closed do not prolong the pause.
  if (state.blocks == 0 || state.probing) {
    auto pause = std::min(kLongestPause, kFirstPause * (1U << std::min(state.blocks, 4U)));
    if (retry_after) {
      pause =
          std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*retry_after), std::chrono::milliseconds(100), kLongestPause);
    }
    state.until = state.probe_at = now + pause;
    ++state.blocks;
  }
  state.probing = false;
  return {};
}

void HopGate::abandon(const std::string& hop) {
  if (const auto found = hops_.find(hop); found != hops_.end()) found->second.probing = false;
}

void HopGate::park(const std::string& hop, SlotId slot) { hops_[hop].parked.push_back(slot); }

std::optional<WallTime> HopGate::next_probe() const {
  std::optional<WallTime> next;
  for (const auto& [name, hop] : hops_) {
    if (!hop.probing && !hop.parked.empty()) next = std::min(next.value_or(hop.probe_at), hop.probe_at);
  }
  return next;
}

std::vector<SlotId> HopGate::take_probes(WallTime now, const DeliveryQueue& queue) {
  std::vector<SlotId> probes;
  for (auto& [name, hop] : hops_) {
    if (hop.probing || now < hop.probe_at) continue;
    hop.probe_at = now + kFirstPause;
    // The first that still waits; the others may have expired or been cancelled meanwhile.
    while (!hop.parked.empty()) {
      const auto slot = hop.parked.back();
      hop.parked.pop_back();
      if (queue.phase(slot) != DeliveryQueue::Phase::parked) continue;
      probes.push_back(slot);
      break;
    }
  }
  return probes;
}

}  // namespace herald::push
