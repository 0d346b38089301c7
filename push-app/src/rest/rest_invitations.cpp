// POST, GET and DELETE /v1/invitations: REFER a user to subscribe (sip-push.md 4.10).
#include <set>
#include <utility>

#include "consent/inviter.h"
#include "pushes/submission.h"
#include "rest/rest_api.h"
#include "rest/rest_request.h"
#include "text/json_members.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

using Json = nlohmann::json;

struct InvitationBody {
  std::string address;
  std::string application;
  std::optional<std::string> from;
  std::optional<std::chrono::seconds> expires;
};

Checked<std::chrono::seconds> read_duration(const Json& value) {
  constexpr std::int64_t kLeast = 60;
  constexpr std::int64_t kMost = 86400;
  if (!value.is_number_integer()) return refuse(400, 2000, "expires: must be a number of seconds");
  const auto seconds = value.get<std::int64_t>();
  if (seconds < kLeast || seconds > kMost) return refuse(400, 2000, "expires: from 60 to 86400 seconds");
  return std::chrono::seconds(seconds);
}

Checked<InvitationBody> read_body(const std::string& text) {
  const auto json = parse_json_object(text);
  if (!json) return tl::unexpected(json.error());
  static const std::set<std::string, std::less<>> kMembers{"to", "app", "from", "expires"};
  for (const auto& [name, unused] : json->items()) {
    if (!kMembers.contains(name)) return refuse(400, 2000, name.substr(0, 64) + ": no such member");
  }
  for (const auto* required : {"to", "app"}) {
    if (!json->contains(required)) return refuse(400, 2000, std::string(required) + ": required");
  }
  InvitationBody body;
  const auto to = text_member((*json)["to"], "to", 256);  // one: who invites many asks for each (S-9)
  if (!to) return tl::unexpected(to.error());
  auto recipient = parse_address(*to, "to", 256);
  if (!recipient) return tl::unexpected(recipient.error());
  body.address = std::move(recipient->address);
  auto application = application_member((*json)["app"], "app");
  if (!application) return tl::unexpected(application.error());
  body.application = std::move(*application);
  if (json->contains("from")) {
    const auto from = text_member((*json)["from"], "from", 256);
    if (!from) return tl::unexpected(from.error());
    auto address = parse_address(*from, "from", 256);
    if (!address) return tl::unexpected(address.error());
    body.from = std::move(address->address);
  }
  if (json->contains("expires")) {
    const auto expires = read_duration((*json)["expires"]);
    if (!expires) return tl::unexpected(expires.error());
    body.expires = *expires;
  }
  return body;
}

std::string invitation_json(const Invitation& invitation) {
  Json json{{"id", invitation.id},
            {"to", invitation.address},
            {"app", invitation.application},
            {"from", invitation.sender},
            {"status", to_string(invitation.status)},
            {"final", !invitation.open()},
            {"automatic", invitation.automatic},
            {"attempts", invitation.attempts},
            {"expires", invitation.expires.count()},
            {"created", to_rfc3339(invitation.created)},
            {"updated", to_rfc3339(invitation.updated)},
            {"until", to_rfc3339(invitation.until)}};
  json["cause"] = invitation.cause.empty() ? Json() : Json(invitation.cause);
  json["variant"] = invitation.variant.empty() ? Json() : Json(invitation.variant);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Task<HttpResponse> RestApi::invite(Self self, Caller caller, HttpRequest request) {
  if (auto json = check_json(request); !json) co_return to_response(json.error());
  if (auto rate = self->take_rate(caller); !rate) co_return to_response(rate.error());
  auto body = read_body(request.body);
  if (!body) co_return to_response(body.error());
  InvitationWish wish;
  if (caller.initiator != nullptr) {
    auto sender = choose_sender(*caller.initiator, *caller.config, body->from);  // S-4
    if (!sender) co_return to_response(sender.error());
    if (auto allowed = check_application(*caller.initiator, body->application); !allowed) co_return to_response(allowed.error());
    wish.sender = std::move(*sender);
    wish.initiator = caller.initiator->name;
  } else {
    wish.sender = body->from.value_or(caller.config->sender_identity);
  }
  wish.address = std::move(body->address);
  wish.application = std::move(body->application);
  wish.expires = body->expires;
  wish.trace = request.trace.text();
  const auto invited = co_await Inviter::invite(self->books_.inviter, std::move(wish));
  if (!invited) co_return to_response(invited.error());
  auto response = HttpResponse::json(202, invitation_json(*invited));
  response.headers.push_back({"Location", "/v1/invitations/" + invited->id});
  co_return response;
}

Task<HttpResponse> RestApi::show_invitation(Self self, Caller caller, HttpRequest request) {
  auto id = request.path_parameters["id"];
  const auto found = co_await Inviter::find(self->books_.inviter, std::move(id), caller.owner());
  if (!found) co_return to_response(found.error());
  co_return HttpResponse::json(200, invitation_json(*found));
}

Task<HttpResponse> RestApi::cancel_invitation(Self self, Caller caller, HttpRequest request) {
  auto id = request.path_parameters["id"];
  const auto cancelled = co_await Inviter::cancel(self->books_.inviter, std::move(id), caller.owner());
  if (!cancelled) co_return to_response(cancelled.error());
  co_return HttpResponse::json(200, invitation_json(*cancelled));
}

}  // namespace herald::push
