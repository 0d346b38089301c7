// The description of the REST interface, served at /openapi.json without token.
// Its source is rest/openapi.json; a test holds it equal to the routes and answers of the server.
#pragma once

#include <string_view>

#include "herald/http.h"

namespace herald::push {

[[nodiscard]] std::string_view openapi_document() noexcept;
void add_openapi_route(HttpRoutes& routes);

}  // namespace herald::push
