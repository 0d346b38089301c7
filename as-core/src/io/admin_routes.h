// What every node tells about itself: GET /metrics, /livez, /readyz and /v1/node.
// The other admin paths (see as-core/ctl/README.md) belong to whoever knows the answer: the daemon and the modules.
#pragma once

#include <functional>
#include <string>

#include "herald/http.h"
#include "io/readiness.h"

namespace herald::io {

struct AdminSources {
  Readiness& ready;  // /readyz: 200 {"status":"ok","checks":{...}} or 503 with the reasons
  Readiness& live;   // /livez: the same; a failure means "restart me"
  // /v1/node: a JSON object with version, uptime, configuration hash, shards, peers. Called on the I/O loop; must not block.
  // Empty: somebody else serves that path.
  std::function<std::string()> node_json;
};

// The handlers answer at once, on the I/O loop: pass HttpServer::routes(loop). The sources must outlive the server.
void add_admin_routes(HttpRoutes& routes, const AdminSources& sources);

}  // namespace herald::io
