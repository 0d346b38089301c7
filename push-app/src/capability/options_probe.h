// Whether a receiver is worth asking by OPTIONS before it gets a push. sip-push.md 8.6, PS-104. Pure.
#pragma once

#include "capability/capabilities.h"
#include "delivery/delivery_plan.h"

namespace herald::push {

// Nothing is known about types, and the content is more than text/plain of pager size. A NOTIFY needs no question: its
// subscription said what it accepts.
[[nodiscard]] bool worth_asking(const PushJob& job, const Attempt& wish, const Capabilities& known);

}  // namespace herald::push
