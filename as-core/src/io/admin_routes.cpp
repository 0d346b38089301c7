#include "io/admin_routes.h"

#include <nlohmann/json.hpp>

#include "herald/metrics.h"

namespace herald::io {
namespace {

HttpResponse health(const Readiness& readiness) {
  nlohmann::ordered_json checks = nlohmann::ordered_json::object();
  bool ok = true;
  for (const auto& check : readiness.checks()) {
    checks[check.name] = check.failure.value_or("ok");
    ok = ok && !check.failure;
  }
  nlohmann::ordered_json document;
  document["status"] = ok ? "ok" : "failed";
  document["checks"] = std::move(checks);
  auto response =
      HttpResponse::json(ok ? 200 : 503, document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  response.headers.push_back(HttpField{"Cache-Control", "no-store"});
  return response;
}

// Coroutines take values and references that outlive them; a lambda's captures would not.
Task<HttpResponse> answer_now(HttpResponse response) { co_return response; }

}  // namespace

void add_admin_routes(HttpRoutes& routes, const AdminSources& sources) {
  routes.add("GET", "/metrics", [](HttpRequest) {
    HttpResponse response;
    response.headers.push_back(HttpField{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"});
    response.body = metrics::text();
    return answer_now(std::move(response));
  });
  routes.add("GET", "/readyz", [&ready = sources.ready](HttpRequest) { return answer_now(health(ready)); });
  routes.add("GET", "/livez", [&live = sources.live](HttpRequest) { return answer_now(health(live)); });
  if (sources.node_json)
    routes.add("GET", "/v1/node",
               [node_json = sources.node_json](HttpRequest) { return answer_now(HttpResponse::json(200, node_json())); });
}

}  // namespace herald::io
