#include "event/media_ranges.h"
#include "herald/notifier.h"

namespace herald {

bool EventPackage::acceptable(const std::vector<std::string>& accept) const {
  if (accept.empty()) return true;
  for (const auto& range : accept)
    for (const auto& type : rules().body_types)
      if (event::ranges_meet(range, type)) return true;
  return false;
}

void EventPackage::notified(const SubscriptionInfo&, std::uint64_t, const NotifyOutcome&) {}
void EventPackage::began(const SubscriptionInfo&, bool) {}
void EventPackage::ended(const SubscriptionInfo&, EndReason, bool) {}

}  // namespace herald
