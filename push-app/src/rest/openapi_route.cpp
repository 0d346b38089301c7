#include "rest/openapi.h"

namespace herald::push {
namespace {

Task<HttpResponse> describe(HttpRequest) {
  auto response = HttpResponse::json(200, std::string(openapi_document()));
  response.headers.push_back({"Access-Control-Allow-Origin", "*"});  // nothing secret: browsers' viewers may read it
  co_return response;
}

}  // namespace

void add_openapi_route(HttpRoutes& routes) {
  routes.add("GET", "/openapi.json", [](HttpRequest request) { return describe(std::move(request)); });
}

}  // namespace herald::push
