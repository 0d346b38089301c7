// How a push goes: by NOTIFY, as a MESSAGE, in a session, or as a reference. sip-push.md 8.2, 8.4, 8.5; PS-23, PS-81. Pure.
//
// Ways that the receiver is known to take go first, in the configured order, each content the initiator gave before the next one.
// Then, rather than giving up, those of which nobody knows (PS-33: a 415 is how one finds out). A MESSAGE is what every receiver
// takes as long as nothing says otherwise (8.3 g).
#pragma once

#include <vector>

#include "delivery/delivery_plan.h"

namespace herald::push {

[[nodiscard]] Plan choose_mode(const PlanInput& input, const PlanRules& rules);

// What could still carry a push whose attempt by `delivery.mode` failed, as far as one can tell without its receiver. NOTIFY is
// not among it: it went first if there was a subscription.
struct ModesLeft {
  bool message = false;  // pager or a reference
  bool session = false;
  [[nodiscard]] bool any() const noexcept { return message || session; }
};
[[nodiscard]] ModesLeft modes_left(const PushJob& job, const Delivery& delivery, const ServiceApplication& application,
                                   const PlanRules& rules);
// The bit that says a mode was tried in vain.
[[nodiscard]] Fix fix_of(Mode mode) noexcept;
[[nodiscard]] DeliveryMode capability_of(Mode mode) noexcept;

}  // namespace herald::push
