// GET, PUT and DELETE /v1/consent/{user}/{app}: the portal's side of consent (sip-push.md 9).
#include <set>
#include <utility>

#include "consent/consent_rules.h"
#include "herald/sip_uri.h"
#include "pushes/submission.h"
#include "rest/rest_api.h"
#include "rest/rest_request.h"
#include "text/json_members.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

using Json = nlohmann::json;

Json to_json(const ConsentDecision& decision) {
  Json json{{"state", to_string(decision.state)}, {"means", decision.means}, {"at", to_rfc3339(decision.at)}};
  json["who"] = decision.who.empty() ? Json() : Json(decision.who);
  if (decision.expires) json["expires"] = to_rfc3339(*decision.expires);
  if (decision.ask_again) json["ask_again"] = to_rfc3339(*decision.ask_again);
  if (!decision.sender.empty()) json["sender"] = decision.sender;
  if (!decision.detail.empty()) json["detail"] = decision.detail;
  return json;
}

Json list_json(const std::vector<ConsentDecision>& decisions) {
  auto list = Json::array();
  for (const auto& decision : decisions) list.push_back(to_json(decision));
  return list;
}

HttpResponse to_response(const ConsentEntry& entry, WallTime now) {
  // When nobody ever decided, or the decision ran out, only the state is true.
  const auto state = consent_at(entry, now);
  auto json = state == Consent::none ? Json::object() : to_json(entry.now);
  json["state"] = to_string(state);
  json["user"] = entry.user;
  json["app"] = entry.application;
  json["blocked"] = list_json(entry.blocked);
  json["history"] = list_json(entry.history);
  return HttpResponse::json(200, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// A moment as RFC 3339 or as seconds from now.
Checked<WallTime> read_expiry(const Json& value, WallTime now) {
  constexpr std::int64_t kMost = 10LL * 366 * 86400;
  if (value.is_number_integer()) {
    const auto seconds = value.get<std::int64_t>();
    if (seconds < 1 || seconds > kMost) return refuse(400, 2000, "expires: from 1 second to 10 years");
    return now + std::chrono::seconds(seconds);
  }
  auto time = time_member(value, "expires");
  if (time && *time <= now) return refuse(400, 2000, "expires: is over already");
  return time;
}

Checked<ConsentDecision> read_decision(const std::string& body, WallTime now) {
  const auto json = parse_json_object(body);
  if (!json) return tl::unexpected(json.error());
  static const std::set<std::string, std::less<>> kMembers{"state", "expires", "sender"};
  for (const auto& [name, unused] : json->items()) {
    if (!kMembers.contains(name)) return refuse(400, 2000, name.substr(0, 64) + ": no such member");
  }
  if (!json->contains("state")) return refuse(400, 2000, "state: required");
  const auto state = text_member((*json)["state"], "state", 16);
  if (!state) return tl::unexpected(state.error());
  ConsentDecision decision;
  if (*state == "granted") {
    decision.state = Consent::granted;
  } else if (*state == "denied") {
    decision.state = Consent::denied;
  } else if (*state == "revoked") {
    decision.state = Consent::revoked;
  } else {
    return refuse(400, 2000, "state: granted, denied or revoked");
  }
  if (json->contains("expires")) {
    if (decision.state != Consent::granted) return refuse(400, 2000, "expires: only a grant can end");
    const auto expires = read_expiry((*json)["expires"], now);
    if (!expires) return tl::unexpected(expires.error());
    decision.expires = *expires;
  }
  if (json->contains("sender")) {
    if (decision.state != Consent::denied) return refuse(400, 2000, "sender: only with denied");
    const auto text = text_member((*json)["sender"], "sender", 256);
    if (!text) return tl::unexpected(text.error());
    auto sender = parse_address(*text, "sender", 256);
    if (!sender) return tl::unexpected(sender.error());
    decision.sender = std::move(sender->user);
  }
  return decision;
}

}  // namespace

// S-4: an initiator speaks for the applications that it may use; whose consent it is follows from its contract with the user.
Checked<RestApi::ConsentTarget> RestApi::read_consent_target(const Caller& caller, const HttpRequest& request) {
  if (auto known = check_query(request, {}); !known) return tl::unexpected(known.error());
  const auto user = request.path_parameters.find("user");
  const auto app = request.path_parameters.find("app");
  if (user == request.path_parameters.end() || app == request.path_parameters.end()) return refuse(404, 2004, "no such resource");
  auto recipient = parse_address(user->second, "user", 256);
  if (!recipient) return tl::unexpected(recipient.error());
  auto application = application_member(app->second, "app");
  if (!application) return tl::unexpected(application.error());
  if (caller.initiator != nullptr) {
    if (auto allowed = check_application(*caller.initiator, *application); !allowed) return tl::unexpected(allowed.error());
  }
  return ConsentTarget{std::move(recipient->user), canonical_application(*application)};
}

Task<HttpResponse> RestApi::show_consent(Self self, Caller caller, HttpRequest request) {
  auto target = read_consent_target(caller, request);
  if (!target) co_return push::to_response(target.error());
  const auto entry = co_await ConsentBook::look(self->books_.consent, std::move(target->user), std::move(target->application));
  if (!entry) co_return push::to_response(problem_of(entry.error()));
  if (self->stopped_) co_return push::to_response(problem_of(Error{ErrorCode::gone, {}}));
  co_return to_response(*entry, self->context_.clock().wall());
}

Task<HttpResponse> RestApi::set_consent(Self self, Caller caller, HttpRequest request) {
  if (auto json = check_json(request); !json) co_return push::to_response(json.error());
  auto target = read_consent_target(caller, request);
  if (!target) co_return push::to_response(target.error());
  if (auto rate = self->take_rate(caller); !rate) co_return push::to_response(rate.error());
  auto decision = read_decision(request.body, self->context_.clock().wall());
  if (!decision) co_return push::to_response(decision.error());
  decision->means = caller.initiator != nullptr ? "rest" : "admin";
  if (caller.initiator != nullptr) decision->who = caller.initiator->name;
  co_return co_await decide_consent(self, std::move(*target), std::move(*decision));
}

Task<HttpResponse> RestApi::clear_consent(Self self, Caller caller, HttpRequest request) {
  auto target = read_consent_target(caller, request);
  if (!target) co_return push::to_response(target.error());
  if (auto rate = self->take_rate(caller); !rate) co_return push::to_response(rate.error());
  ConsentDecision decision;
  decision.state = Consent::none;
  decision.means = caller.initiator != nullptr ? "rest" : "admin";
  if (caller.initiator != nullptr) decision.who = caller.initiator->name;
  co_return co_await decide_consent(self, std::move(*target), std::move(decision));
}

Task<HttpResponse> RestApi::decide_consent(Self self, ConsentTarget target, ConsentDecision decision) {
  const auto entry = co_await ConsentBook::decide(self->books_.consent, std::move(target.user), std::move(target.application),
                                                  std::move(decision));
  if (!entry) co_return push::to_response(problem_of(entry.error()));
  if (self->stopped_) co_return push::to_response(problem_of(Error{ErrorCode::gone, {}}));
  co_return to_response(*entry, self->context_.clock().wall());
}

}  // namespace herald::push
