// A SUBSCRIBE to pushes: whose they are, whether he may, and what it says about his consent. PS-60, PS-62, PS-63, S-5, PA-2.
// Thread: the shard that got the request. Exactly one final response is sent in every case.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "delivery/knowledge.h"
#include "herald/notifier.h"
#include "herald/servlet_context.h"

namespace herald::push {

Task<void> serve_subscription(ServletContext* context, Books books, std::shared_ptr<const bool> stopped, SubscribeRequest wish);

// Is that one of the names the service itself goes by (PS-60)?
[[nodiscard]] bool is_service_identity(const PushConfig& config, const std::vector<ServiceProfile>& services,
                                       const std::string& canonical);

}  // namespace herald::push
