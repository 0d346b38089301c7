// How fast requests go to the users of a domain (domain_pace). What comes too soon waits in line, best priority first and then
// by age, so that the order of one user's pushes stays whatever their way is. PS-11, PS-17.
// Thread: one shard.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "delivery/delivery_queue.h"
#include "push_config.h"

namespace herald::push {

class PaceGate {
 public:
  // True: go now. False: it stands in line; release() gives it back, and then it may go without asking.
  [[nodiscard]] bool admit(const std::vector<DomainPace>& paces, std::string_view address, SlotId slot,
                           const DeliveryQueue& queue, WallTime now);
  // Whose time has come. Those that ended meanwhile are left out.
  [[nodiscard]] std::vector<SlotId> release(const std::vector<DomainPace>& paces, const DeliveryQueue& queue, WallTime now);
  [[nodiscard]] std::optional<WallTime> next() const;
  [[nodiscard]] std::size_t waiting() const noexcept;

 private:
  struct InLine {
    std::uint64_t rank;
    SlotId slot;
    friend bool operator<(const InLine& a, const InLine& b) noexcept {
      return std::pair(a.rank, a.slot.index) < std::pair(b.rank, b.slot.index);
    }
  };
  struct Domain {
    double tokens = 0;
    WallTime at{};  // when there were so many
    double per_second = 0;
    std::set<InLine> line;
  };
  void refill(Domain& domain, double per_second, WallTime now);

  std::map<std::string, Domain, std::less<>> domains_;  // those with a pace that were used; "*" is one for each domain
  std::unordered_set<std::uint64_t> granted_;           // released, and not asked again yet
};

}  // namespace herald::push
