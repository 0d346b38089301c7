// The REFER of an invitation and the meaning of its answers, as pure functions. PS-90..PS-97.
#include <doctest/doctest.h>

#include "consent/invitation_refer.h"

using namespace herald;
using namespace herald::push;
using namespace std::chrono_literals;

namespace {

Invitation invitation_to(std::string address = "sip:alice@ims.lab") {
  Invitation invitation;
  invitation.id = "01J";
  invitation.user = "sip:alice@ims.lab";
  invitation.address = std::move(address);
  invitation.application = "news.ua";
  invitation.sender = "sip:push-news@ims.lab";
  invitation.token = "t0k3n";
  invitation.expires = 3600s;
  return invitation;
}

ReferContext context() { return {"oma-push", "appid", "ims.lab", "sip:scscf.ims.lab:6060"}; }

std::string header(const ReferPlan& plan, std::string_view name) {
  for (const auto& field : plan.headers) {
    if (field.name == name) return field.value;
  }
  return {};
}

}  // namespace

TEST_CASE("PS-90: Refer-To is one SUBSCRIBE with escaped header values and a token that comes back") {
  const auto value = refer_to_value(invitation_to(), {}, context());
  REQUIRE(value.has_value());
  CHECK(*value ==
        "<sip:push-news@ims.lab;token=t0k3n;method=SUBSCRIBE?Event=oma-push%3Bappid%3Dnews.ua&Expires=3600>"
        ";+g.oma.pusheventapp=\"news.ua\"");  // PS-96
  InvitationConfig config;
  config.subscribe_to = "sip:events@as1.ims.lab";
  CHECK(refer_to_value(invitation_to(), config, context())->starts_with("<sip:events@as1.ims.lab;token="));
  // What the receiver puts into the Request-URI (RFC 3261 19.1.5).
  CHECK(token_of("sip:push-news@ims.lab;token=t0k3n") == "t0k3n");
  CHECK(token_of("sip:push-news@ims.lab").empty());
  CHECK(token_of("rubbish").empty());
}

TEST_CASE("PS-90: everything but hnv-unreserved and unreserved is escaped") {
  CHECK(escape_uri_header("oma-push;appid=news.ua") == "oma-push%3Bappid%3Dnews.ua");
  CHECK(escape_uri_header("a b&c?d/e:f+g$h[i]\"%<>") == "a%20b%26c?d/e:f+g$h[i]%22%25%3C%3E");
  CHECK(escape_uri_header("\xc3\xa4") == "%C3%A4");
}

TEST_CASE(
    "PS-91, PS-96, S-3: who invites is asserted, referred by if policy allows, and only devices with the application get it") {
  ServiceApplication application;
  application.icsi = "urn:urn-7:3gpp-service.ims.icsi.push";
  auto plan = refer_plan(invitation_to(), {}, application, context());
  REQUIRE(plan.has_value());
  CHECK(plan->from == "<sip:push-news@ims.lab>");
  CHECK(plan->uri == "sip:alice@ims.lab");
  CHECK(plan->routes == std::vector<std::string>{"sip:scscf.ims.lab:6060;lr"});
  CHECK(plan->referred_by == "<sip:push-news@ims.lab>");
  CHECK(header(*plan, "P-Asserted-Identity") == "<sip:push-news@ims.lab>");
  CHECK(header(*plan, "P-Charging-Vector").starts_with("icid-value="));
  CHECK(header(*plan, "P-Asserted-Service") == application.icsi);
  CHECK(header(*plan, "Accept-Contact") == "*;+g.oma.pusheventapp=\"news.ua\";require;explicit");
  InvitationConfig silent;
  silent.referred_by = false;
  CHECK(refer_plan(invitation_to(), silent, application, context())->referred_by.empty());
}

TEST_CASE("PS-92, PS-93, PS-94: variants as configured, the explicit one only to a single device") {
  InvitationConfig config;
  config.variants = {ReferVariant::explicitsub, ReferVariant::nosub, ReferVariant::implicit};
  const auto to_all = refer_plan(invitation_to(), config, {}, context());
  CHECK(to_all->variants == std::vector{ReferVariant::nosub, ReferVariant::implicit});
  const auto to_one = refer_plan(invitation_to("sip:alice@ims.lab;gr=urn:uuid:1"), config, {}, context());
  CHECK(to_one->variants == config.variants);
  config.variants = {ReferVariant::explicitsub};
  CHECK(refer_plan(invitation_to(), config, {}, context())->variants == std::vector{ReferVariant::implicit});
}

TEST_CASE("PS-97: what an answer to the REFER means") {
  const auto read = [](int status, ResponseOrigin origin = ResponseOrigin::peer) {
    ReferResult result;
    result.status = status;
    result.origin = origin;
    return read_answer(result);
  };
  for (const int status : {200, 202}) CHECK(read(status) == ReferReading::accepted);
  for (const int status : {403, 603, 607}) CHECK(read(status) == ReferReading::refused);
  for (const int status : {408, 480, 503}) CHECK(read(status) == ReferReading::unreachable);
  for (const int status : {404, 405, 481, 489, 501}) CHECK(read(status) == ReferReading::failed);
  CHECK(read(408, ResponseOrigin::timer) == ReferReading::unreachable);
  CHECK(read(503, ResponseOrigin::hop_blocked) == ReferReading::unreachable);
  CHECK(read(403, ResponseOrigin::tls_failed) == ReferReading::failed);
}

TEST_CASE("PS-94, PS-95: a report can refuse or fail an invitation, but only the SUBSCRIBE fulfils it") {
  CHECK(read_report({100, false}) == ReferReading::nothing);
  CHECK(read_report({200, true}) == ReferReading::nothing);
  CHECK(read_report({0, true}) == ReferReading::nothing);
  CHECK(read_report({603, true}) == ReferReading::refused);
  CHECK(read_report({403, true}) == ReferReading::refused);
  CHECK(read_report({503, true}) == ReferReading::failed);
}

TEST_CASE("an invitation survives its record; one of the future is refused") {
  auto invitation = invitation_to();
  invitation.status = InvitationStatus::accepted;
  invitation.automatic = true;
  invitation.sip = 202;
  invitation.cause = "sip:202";
  invitation.variant = "nosub";
  invitation.attempts = 2;
  invitation.restarts = 1;
  invitation.created = invitation.updated = WallTime(1s);
  invitation.until = WallTime(100s);
  invitation.version = 3;
  const auto put = put_of(invitation, 10s);
  CHECK(put.expected == 3);
  CHECK(put.due == WallTime(110s));
  CHECK(put.terms == std::vector<std::string>{"open"});
  Record record{put.key, put.value, 4, put.due};
  const auto read = decode_invitation(record);
  REQUIRE(read.has_value());
  CHECK(read->version == 4);
  CHECK(read->token == "t0k3n");
  CHECK(read->automatic);
  CHECK(read->expires == 3600s);
  CHECK(read->until == WallTime(100s));
  CHECK(read->restarts == 1);
  CHECK(read->open());
  invitation.status = InvitationStatus::subscribed;
  CHECK(put_of(invitation, 10s).terms.empty());
  invitation.status = static_cast<InvitationStatus>(99);
  record.value = put_of(invitation, 10s).value;
  CHECK_FALSE(decode_invitation(record).has_value());
  record.value.resize(10);
  CHECK_FALSE(decode_invitation(record).has_value());
}
