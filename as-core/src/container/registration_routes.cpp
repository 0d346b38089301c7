#include "container/registration_routes.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>

#include "container/core.h"
#include "herald/http.h"
#include "herald/registration_view.h"

namespace herald::container {
namespace {

std::string utc(WallTime time) {
  const auto milliseconds = time.time_since_epoch().count();
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(milliseconds % 1000));
  return std::string(text, length) + fraction;
}

std::string unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  return std::string(value);
}

nlohmann::json contact_json(const RegisteredContact& contact) {
  auto tags = nlohmann::json::object();
  for (const auto& parameter : contact.params.all()) {
    if (parameter.name == "+sip.instance") continue;
    tags[parameter.name] = parameter.value ? nlohmann::json(unquoted(*parameter.value)) : nlohmann::json(true);
  }
  nlohmann::json json;
  json["uri"] = contact.uri;
  json["instance"] = unquoted(contact.params.get("+sip.instance").value_or(""));
  json["applications"] = contact.applications;
  json["feature_tags"] = std::move(tags);
  json["expires"] = utc(contact.expires);
  return json;
}

nlohmann::json to_json(const Registration& registration, WallTime now) {
  nlohmann::json json;
  json["user"] = registration.user;
  json["registered"] = registration.expires > now;
  json["contacts_known"] = registration.contacts_known;
  json["contacts"] = nlohmann::json::array();
  for (const auto& contact : registration.contacts) json["contacts"].push_back(contact_json(contact));
  json["scscf"] = registration.scscf;
  json["associated"] = registration.associated;
  json["path"] = registration.path;
  json["service_info"] = registration.service_info;
  json["expires"] = utc(registration.expires);
  json["source"] = registration.source;
  json["updated"] = utc(registration.updated);
  json["trace"] = registration.trace;
  return json;
}

// Bad UTF-8 in what a UE sent must not throw.
std::string dump(const nlohmann::json& json) { return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

Task<HttpResponse> show(std::weak_ptr<Core> weak, HttpRequest request) {
  const auto core = weak.lock();
  if (!core || core->stopped) co_return HttpResponse::problem(503, "Service Unavailable", "the node is stopping");
  const auto named = request.path_parameters.find("user");
  std::string user = named == request.path_parameters.end() ? std::string() : named->second;
  if (!SipUri::parse(user)) co_return HttpResponse::problem(400, "Bad Request", "the user must be a SIP or tel URI");
  auto pending = core->feed.lookup(canonical_identity(user));
  const auto found = co_await pending;
  if (!found) co_return HttpResponse::problem(503, "Service Unavailable", found.error().text);
  if (!found->has_value()) co_return HttpResponse::problem(404, "Not Found", "the user is not registered");
  co_return HttpResponse::json(200, registration_json(**found, core->parts.executor.clock().wall()));
}

constexpr std::size_t kDefaultPage = 100;
constexpr std::size_t kMaxPage = 1000;

// GET /v1/registrations?limit=&cursor=: by name, over all shards.
Task<HttpResponse> page(std::weak_ptr<Core> weak, HttpRequest request) {
  const auto core = weak.lock();
  if (!core || core->stopped) co_return HttpResponse::problem(503, "Service Unavailable", "the node is stopping");
  std::size_t limit = kDefaultPage;
  if (const auto text = request.query.find("limit"); text != request.query.end()) {
    const auto& digits = text->second;
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), limit);
    if (error != std::errc() || rest != digits.data() + digits.size() || limit == 0 || limit > kMaxPage) {
      co_return HttpResponse::problem(400, "Bad Request", "limit: a number from 1 to 1000");
    }
  }
  const auto cursor = request.query.find("cursor");
  const std::string after = cursor == request.query.end() ? std::string() : cursor->second;
  std::vector<Registration> all;
  for (unsigned shard = 0; shard < core->parts.count; ++shard) {
    auto pending = core->feed.list(shard, after, limit + 1);
    auto part = co_await pending;
    if (!part) co_return HttpResponse::problem(503, "Service Unavailable", part.error().text);
    std::move(part->begin(), part->end(), std::back_inserter(all));
  }
  std::sort(all.begin(), all.end(), [](const Registration& a, const Registration& b) { return a.user < b.user; });
  const bool more = all.size() > limit;
  if (more) all.resize(limit);
  const auto now = core->parts.executor.clock().wall();
  nlohmann::json json;
  json["registrations"] = nlohmann::json::array();
  for (const auto& registration : all) json["registrations"].push_back(to_json(registration, now));
  if (more) json["next"] = all.back().user;
  co_return HttpResponse::json(200, dump(json));
}

}  // namespace

void add_registration_routes(Core& core) {
  core.parts.admin_http.add("GET", "/v1/registrations/{user}",
                            [weak = core.weak_from_this()](HttpRequest request) { return show(weak, std::move(request)); });
  core.parts.admin_http.add("GET", "/v1/registrations",
                            [weak = core.weak_from_this()](HttpRequest request) { return page(weak, std::move(request)); });
}

}  // namespace herald::container

namespace herald {
std::string registration_json(const Registration& registration, WallTime now) {
  return container::dump(container::to_json(registration, now));
}
}  // namespace herald
