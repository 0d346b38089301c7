// The MESSAGE of one attempt, ready to be sent: with its content, or with links to it. PS-10, PS-20..PS-22, PS-30, PS-34.
// Thread: the delivery's home shard.
#pragma once

#include <memory>

#include "delivery/delivery_plan.h"
#include "delivery/delivery_queue.h"
#include "herald/servlet_context.h"
#include "mode/content_links.h"
#include "mode/message_builder.h"

namespace herald::push {

struct Preparation {
  ServletContext* context = nullptr;
  std::shared_ptr<ContentLinks> links;  // may be empty
  std::shared_ptr<const bool> stopped;
};

// Error{too_large}: it does not fit into `attempt.max_bytes`. Error{invalid}: a header field is refused. Error{unavailable}: no
// link could be made. `attempt.report` goes when only the request for reports does not fit and may be left out. `loaded` and
// `attempt` must outlive the task.
Task<Expected<SipServletRequest>> prepare_message(Preparation with, const LoadedDelivery* loaded, Attempt* attempt);

// What every request of an attempt starts from; a new icid each (PS-3).
[[nodiscard]] MessageContext message_context(ServletContext& context);

}  // namespace herald::push
