// Calls a servlet's hook and sees to it that every request ends with an answer and no exception gets out (SV-6).
// Thread: one shard.
#pragma once

#include <memory>

#include "container/states.h"

namespace herald::container {

// Runs the hook of the request's method; afterwards an unanswered request gets 500.
void run_request_hook(Core& core, HostedServlet& hosted, const std::shared_ptr<detail::RequestState>& request);
void run_cancel_hook(Core& core, HostedServlet& hosted, const std::shared_ptr<detail::RequestState>& request);
void run_provisional_hook(Core& core, HostedServlet& hosted, const std::shared_ptr<detail::ResponseState>& response);

}  // namespace herald::container
