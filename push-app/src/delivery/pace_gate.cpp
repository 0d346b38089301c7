#include "delivery/pace_gate.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace herald::push {
namespace {

constexpr std::size_t kMaxIdleDomains = 1000;

std::uint64_t key_of(SlotId slot) { return std::uint64_t{slot.generation} << 32U | slot.index; }

std::uint64_t rank_of(SlotId slot, const DeliveryQueue& queue) {
  return (std::uint64_t{2} - static_cast<std::uint64_t>(queue.priority(slot))) << 32U | queue.order(slot);
}

// Of a canonical identity: "sip:alice@ims.lab". A tel URI has none: its own name is "tel".
std::string_view domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return address.substr(0, address.find(':'));
  auto domain = address.substr(at + 1);
  return domain.substr(0, domain.find_first_of(":;>"));
}

const DomainPace* pace_of(const std::vector<DomainPace>& paces, std::string_view domain) {
  const DomainPace* other = nullptr;
  for (const auto& pace : paces) {
    if (pace.domain == domain) return &pace;
    if (pace.domain == "*") other = &pace;
  }
  return other;
}

}  // namespace

void PaceGate::refill(Domain& domain, double per_second, WallTime now) {
  // A tenth of a second's worth may go at once: timers are not finer than what a fast pace needs.
  const double most = std::max(1.0, per_second / 10);
  if (domain.per_second == 0) {
    domain.tokens = most;
  } else if (now > domain.at) {
    domain.tokens += std::chrono::duration<double>(now - domain.at).count() * per_second;
  }
  domain.tokens = std::min(domain.tokens, most);
  domain.at = now;
  domain.per_second = per_second;
}

bool PaceGate::admit(const std::vector<DomainPace>& paces, std::string_view address, SlotId slot, const DeliveryQueue& queue,
                     WallTime now) {
  if (granted_.erase(key_of(slot)) > 0) return true;
  if (paces.empty()) return true;
  const auto name = domain_of(address);
  const auto* pace = pace_of(paces, name);
  if (pace == nullptr || pace->rate.per_second <= 0) return true;
  auto found = domains_.find(name);
  if (found == domains_.end()) {
    if (domains_.size() >= kMaxIdleDomains) std::erase_if(domains_, [](const auto& one) { return one.second.line.empty(); });
    found = domains_.emplace(std::string(name), Domain{}).first;
  }
  auto& domain = found->second;
  refill(domain, pace->rate.per_second, now);
  if (domain.line.empty() && domain.tokens >= 1.0) {
    domain.tokens -= 1.0;
    return true;
  }
  domain.line.insert({rank_of(slot, queue), slot});
  return false;
}

std::vector<SlotId> PaceGate::release(const std::vector<DomainPace>& paces, const DeliveryQueue& queue, WallTime now) {
  std::vector<SlotId> released;
  std::erase_if(granted_, [&queue](std::uint64_t key) {  // ended before its turn came
    return !queue.alive({static_cast<std::uint32_t>(key & 0xffffffffU), static_cast<std::uint32_t>(key >> 32U)});
  });
  for (auto& [name, domain] : domains_) {
    const auto* pace = pace_of(paces, name);
    const bool unlimited = pace == nullptr || pace->rate.per_second <= 0;  // since a reload
    if (!unlimited) refill(domain, pace->rate.per_second, now);
    while (!domain.line.empty() && (unlimited || domain.tokens >= 1.0)) {
      const auto slot = domain.line.begin()->slot;
      domain.line.erase(domain.line.begin());
      if (!queue.alive(slot) || queue.phase(slot) != DeliveryQueue::Phase::parked) continue;
      if (!unlimited) domain.tokens -= 1.0;
      granted_.insert(key_of(slot));
      released.push_back(slot);
    }
  }
  return released;
}

std::optional<WallTime> PaceGate::next() const {
  std::optional<WallTime> first;
  for (const auto& [name, domain] : domains_) {
    if (domain.line.empty()) continue;
    const double wait = std::max(0.0, 1.0 - domain.tokens) / std::max(domain.per_second, 1e-6) * 1000;
    const auto at = domain.at + std::chrono::milliseconds(static_cast<long>(std::ceil(std::min(wait, 86400000.0))));
    if (!first || at < *first) first = at;
  }
  return first;
}

std::size_t PaceGate::waiting() const noexcept {
  std::size_t sum = 0;
  for (const auto& [name, domain] : domains_) sum += domain.line.size();
  return sum;
}

}  // namespace herald::push
