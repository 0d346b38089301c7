// GET /v1/capabilities/{user}: every fact with its source and expiry, and what they come to. sip-push.md 8.
#include <utility>

#include "rest/rest_api.h"
#include "rest/rest_request.h"
#include "text/json_members.h"

namespace herald::push {

Task<HttpResponse> RestApi::show_capabilities(Self self, Caller caller, HttpRequest request) {
  if (auto known = check_query(request, {"app"}); !known) co_return to_response(known.error());
  auto recipient = parse_address(request.path_parameters["user"], "user", 256);
  if (!recipient) co_return to_response(recipient.error());
  auto application = query_value(request, "app");
  if (!application.empty()) {
    if (!is_application_id(application) || application.size() > 64) {
      co_return to_response({400, 2000, "app: not an application id"});
    }
    if (caller.initiator != nullptr) {
      if (auto allowed = check_application(*caller.initiator, application); !allowed) co_return to_response(allowed.error());
    }
  }
  const auto report =
      co_await CapabilityBook::describe(self->books_.capabilities, std::move(recipient->user), std::move(application));
  if (!report) co_return to_response({503, 4001, report.error().text, std::chrono::seconds(2)});
  if (self->stopped_) co_return to_response({503, 4001, "the node is shutting down", std::chrono::seconds(2)});
  co_return HttpResponse::json(200, *report);
}

}  // namespace herald::push
