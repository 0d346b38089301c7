#include "consent/consent_effects.h"

namespace herald::push {

void apply_consent(ServletContext& context, DeliveryScheduler& scheduler, const std::string& package,
                   const ConsentChange& change) {
  if (change.state == Consent::pending) return;  // nothing was decided
  const bool refused = change.state == Consent::denied || change.state == Consent::revoked;
  auto& notifier = context.notifier();
  for (const auto& subscription : notifier.find(package, change.identity)) {
    // PA-2: one that is for all applications stays; what is not allowed in it does not come.
    if (canonical_application(subscription.key) != change.application) continue;
    if (refused) {
      static_cast<void>(notifier.end(subscription.id, EndReason::rejected));
    } else if (change.state == Consent::granted && subscription.status == SubscriptionStatus::pending) {
      static_cast<void>(notifier.activate(subscription.id));
    }
  }
  if (refused) scheduler.reconsider(change.identity, change.application);
  scheduler.wake(change.identity);
}

}  // namespace herald::push
