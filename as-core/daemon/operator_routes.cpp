#include "operator_routes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/service_profile_loader.h"
#include "ims/ifc_exporter.h"
#include "ims/ifc_parser.h"
#include "node.h"

namespace herald::daemon {

namespace {

using Json = nlohmann::json;

HttpResponse json(int status, const Json& document) {
  return HttpResponse::json(status, document.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Json to_json(const ReloadResult& result) {
  Json issues = Json::array();
  for (const auto& issue : result.issues) issues.push_back(issue.line());
  Json changes = Json::array();
  for (const auto& change : result.changes) changes.push_back({{"key", change.path}, {"needs_restart", change.needs_restart}});
  return {{"ok", result.ok}, {"issues", std::move(issues)}, {"changes", std::move(changes)}};
}

std::optional<std::string> path_in(const HttpRequest& request) {
  const auto body = Json::parse(request.body, nullptr, false);
  if (!body.is_object() || !body.contains("path") || !body["path"].is_string()) return std::nullopt;
  return body["path"].get<std::string>();
}

HttpResponse needs_path() { return HttpResponse::problem(400, "Bad Request", R"(the body must be {"path": "FILE"})"); }

// Sums over the shards. A shard that is too busy to tell is left out and counted as missing.
struct Counts {
  std::size_t sessions = 0, dialogs = 0, server_transactions = 0, client_transactions = 0, registrations = 0, silent = 0;
};

Task<HttpResponse> status(Node& node, std::function<std::string()> node_json) {
  Counts counts;
  Json modules = Json::array();
  Json hops = Json::array();
  for (auto& shard : node.shards()) {
    auto told = co_await shard->container().ask_status();
    if (!told) {
      ++counts.silent;
      continue;
    }
    counts.sessions += told->application_sessions;
    counts.dialogs += told->dialogs;
    counts.server_transactions += told->server_transactions;
    counts.client_transactions += told->client_transactions;
    counts.registrations += told->registrations;
    for (const auto& hop : told->hops)
      hops.push_back(
          {{"hop", hop.hop}, {"shard", told->shard}, {"in_flight", hop.in_flight}, {"queued", hop.queued}, {"down", hop.open}});
    if (told->shard == 0)
      for (const auto& module : told->modules)
        modules.push_back({{"name", module.name}, {"version", module.version}, {"quarantined", module.quarantined}});
  }
  Json checks = Json::object();
  for (const auto& check : node.readiness().checks()) checks[check.name] = check.failure.value_or("ok");
  auto self = Json::parse(node_json(), nullptr, false);
  const Json document{{"status", node.readiness().ok() ? "ok" : "not ready"},
                      {"peers", self["peers"]},
                      {"node", std::move(self)},
                      {"checks", std::move(checks)},
                      {"modules", std::move(modules)},
                      {"next_hops", std::move(hops)},
                      {"counts",
                       {{"sessions", counts.sessions},
                        {"dialogs", counts.dialogs},
                        {"server transactions", counts.server_transactions},
                        {"client transactions", counts.client_transactions},
                        {"registrations", counts.registrations},
                        {"shards without an answer", counts.silent}}}};
  co_return json(200, document);
}

std::optional<ShDataRef> data_reference(std::string_view name) {
  if (name == "repository") return ShDataRef::repository_data;
  if (name == "identities") return ShDataRef::public_identities;
  if (name == "state") return ShDataRef::user_state;
  if (name == "scscf") return ShDataRef::scscf_name;
  return std::nullopt;
}

std::string_view to_word(ImsUserState state) {
  switch (state) {
    case ImsUserState::not_registered:
      return "not registered";
    case ImsUserState::registered:
      return "registered";
    case ImsUserState::unregistered_services:
      return "not registered, has services";
    case ImsUserState::authentication_pending:
      return "authentication pending";
  }
  return "unknown";
}

Task<HttpResponse> sh(Node& node, HttpRequest request) {
  const auto named = request.query.find("data");
  const auto data = data_reference(named == request.query.end() ? "repository" : named->second);
  if (!data) co_return HttpResponse::problem(400, "Bad Request", "data is one of repository, identities, state, scscf");
  ShQuery query;
  query.user = request.path_parameters["user"];
  query.data = *data;
  query.trace = request.trace.text();
  if (*data == ShDataRef::repository_data) {
    const auto service = request.query.find("service");
    query.service_indication = service == request.query.end() ? "push-profile" : service->second;
  }
  const auto deadline = Deadline::after(node.control().clock(), node.configuration().node.diameter.total_budget);
  auto reply = co_await node.sh().user_data(std::move(query), deadline);
  if (!reply) co_return HttpResponse::problem(503, "Service Unavailable", reply.error().text);
  Json document{{"result", to_string(reply->result)}, {"stale", reply->stale}};
  if (reply->diameter_code != 0) document["diameter_code"] = reply->diameter_code;
  if (reply->ok()) {
    document["age_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(reply->age).count();
    const auto& user = *reply->data;
    if (!user.public_identities.empty()) document["identities"] = user.public_identities;
    if (user.state) document["state"] = to_word(*user.state);
    if (user.scscf_name) document["scscf"] = *user.scscf_name;
    if (user.repository)
      document["repository"] = {{"service", user.repository->service_indication},
                                {"sequence", user.repository->sequence},
                                {"data", user.repository->service_data}};
  }
  co_return json(200, document);
}

HttpResponse ifc_export(Node& node, const HttpRequest& request) {
  const auto file = request.query.find("profile");
  std::vector<ServiceProfile> services = node.configuration().services;
  if (file != request.query.end()) {
    ConfigIssues issues;
    auto loaded = load_service_profiles({file->second}, {}, issues);
    if (!loaded)
      return HttpResponse::problem(422, "Unprocessable Content", issues.all().empty() ? "" : issues.all().front().line());
    services = std::move(*loaded);
  }
  const auto document = ims::make_ifc(services);
  if (!document) return HttpResponse::problem(500, "Internal Server Error", document.error().text);
  HttpResponse response;
  response.headers.push_back({"Content-Type", "application/xml"});
  response.body = ims::write_ifc(*document);
  return response;
}

HttpResponse ifc_difference(Node& node, const HttpRequest& request) {
  const auto theirs = ims::parse_ifc(request.body);
  if (!theirs) return HttpResponse::problem(422, "Unprocessable Content", theirs.error().text);
  const auto ours = ims::make_ifc(node.configuration().services);
  if (!ours) return HttpResponse::problem(500, "Internal Server Error", ours.error().text);
  Json differences = Json::array();
  for (const auto& line : ims::ifc_differences(*ours, *theirs)) differences.push_back({{"text", line}});
  const bool ok = differences.empty();
  return json(200, {{"ok", ok}, {"differences", std::move(differences)}});
}

Task<HttpResponse> now(HttpResponse response) { co_return response; }

}  // namespace

void add_operator_routes(HttpRoutes& routes, Node& node, std::function<std::string()> node_json) {
  routes.add("GET", "/v1/node", [node_json](const HttpRequest&) { return now(HttpResponse::json(200, node_json())); });
  routes.add("GET", "/v1/status", [&node, node_json](const HttpRequest&) { return status(node, node_json); });
  routes.add("GET", "/v1/sh/{user}", [&node](HttpRequest request) { return sh(node, std::move(request)); });
  routes.add("POST", "/v1/config/check", [&node](const HttpRequest& request) {
    const auto path = path_in(request);
    if (!path) return now(needs_path());
    auto result = node.compare(*path);
    result.changes.clear();
    return now(json(result.ok ? 200 : 422, to_json(result)));
  });
  routes.add("POST", "/v1/config/diff", [&node](const HttpRequest& request) {
    const auto path = path_in(request);
    if (!path) return now(needs_path());
    const auto result = node.compare(*path);
    return now(json(result.ok ? 200 : 422, to_json(result)));
  });
  routes.add("POST", "/v1/config/reload", [&node](const HttpRequest&) {
    const auto result = node.reload();
    return now(json(result.ok ? 200 : 422, to_json(result)));
  });
  routes.add("POST", "/v1/drain", [&node](const HttpRequest&) {
    node.drain();
    return now(json(200, {{"draining", true}}));
  });
  routes.add("GET", "/v1/ifc", [&node](const HttpRequest& request) { return now(ifc_export(node, request)); });
  routes.add("POST", "/v1/ifc/diff", [&node](const HttpRequest& request) { return now(ifc_difference(node, request)); });
}

}  // namespace herald::daemon
