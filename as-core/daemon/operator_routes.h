// What heraldctl and operators ask of the daemon itself, on admin.listen and the admin socket:
//
//   GET  /v1/node                      name, version, uptime, configuration hash, peers
//   GET  /v1/status                    the node, its checks, its peers, its counts
//   GET  /v1/sh/{user}?data=&service=  a question to the HSS, through the cache
//   POST /v1/config/check   {path}     {ok, issues}
//   POST /v1/config/diff    {path}     {ok, issues, changes}
//   POST /v1/config/reload             {ok, issues, changes}; 422 when refused
//   POST /v1/drain                     no new work from now on
//   GET  /v1/ifc                       the initial filter criteria that the HSS must hold for our services
//   POST /v1/ifc/diff       XML        {ok, differences}
//
// Thread: the handlers run on the executor behind `routes`, which must be the node's control executor.
#pragma once

#include <functional>
#include <string>

#include "herald/http.h"

namespace herald::daemon {

class Node;

void add_operator_routes(HttpRoutes& routes, Node& node, std::function<std::string()> node_json);

}  // namespace herald::daemon
