// What a decision about consent changes at once: pushes that wait for it, subscriptions that it ends or lets begin.
// sip-push.md 9, PS-62, PS-72.
// Thread: the home shard of `identity`.
#pragma once

#include <string>

#include "consent/consent.h"
#include "delivery/delivery_scheduler.h"
#include "herald/servlet_context.h"

namespace herald::push {

struct ConsentChange {
  std::string identity;  // one of the user's
  std::string application;
  Consent state = Consent::none;
};

void apply_consent(ServletContext& context, DeliveryScheduler& scheduler, const std::string& package,
                   const ConsentChange& change);

}  // namespace herald::push
