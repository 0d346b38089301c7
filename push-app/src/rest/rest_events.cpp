// GET /v1/pushes/{id}/events. See rest_api.h, push_events.h.
#include <utility>

#include "rest/push_events.h"
#include "rest/rest_api.h"
#include "rest/rest_request.h"

namespace herald::push {

Task<HttpResponse> RestApi::watch(Self self, Caller caller, HttpRequest request) {
  if (auto known = check_query(request, {"last_event_id"}); !known) co_return to_response(known.error());
  std::optional<EventId> last;
  // Some clients cannot set the header.
  const auto header = request.header("Last-Event-ID");
  const auto text = header ? std::string(*header) : query_value(request, "last_event_id");
  if (!text.empty()) {
    last = EventId::parse(text);
    if (!last) co_return to_response({400, 2000, "Last-Event-ID: not one of ours"});
  }
  auto id = request.path_parameters["id"];
  auto view = co_await PushService::view(self->service_, std::move(id), caller.owner(), 1, std::string());
  if (!view) co_return to_response(view.error());
  if (self->stopped_) co_return to_response({503, 4001, "the node is shutting down", std::chrono::seconds(2)});
  for (auto& content : view->job.contents) std::string().swap(content.bytes);  // kept as long as somebody watches
  auto job = std::make_shared<const PushJob>(std::move(view->job));
  co_return co_await PushEvents::open(self->events_, std::move(job), last);
}

}  // namespace herald::push
