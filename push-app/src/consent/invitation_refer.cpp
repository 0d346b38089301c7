#include "consent/invitation_refer.h"

#include <algorithm>
#include <utility>

#include "consent/consent_rules.h"
#include "delivery/status_table.h"
#include "herald/sip_uri.h"
#include "text/request_headers.h"

namespace herald::push {
namespace {

constexpr std::string_view kToken = "token";

bool is_gruu(const std::string& address) {
  const auto uri = SipUri::parse(address);
  return uri && uri->params.has("gr");
}

}  // namespace

std::string escape_uri_header(std::string_view text) {
  constexpr std::string_view kPlain = "-_.!~*'()[]/?:+$";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alphanumeric || kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  return out;
}

Expected<std::string> refer_to_value(const Invitation& invitation, const InvitationConfig& config, const ReferContext& context) {
  auto uri = SipUri::parse(config.subscribe_to.empty() ? invitation.sender : config.subscribe_to);
  if (!uri || !uri->is_sip()) return fail(ErrorCode::invalid, "there is no SIP URI to subscribe to");
  uri->params.set(kToken, invitation.token);
  uri->params.set("method", "SUBSCRIBE");
  const auto event = context.package + ";" + context.appid_parameter + "=" + invitation.application;
  uri->headers = "Event=" + escape_uri_header(event) + "&Expires=" + std::to_string(invitation.expires.count());
  return "<" + uri->text() + ">;+g.oma.pusheventapp=\"" + invitation.application + "\"";  // PS-96
}

Expected<ReferPlan> refer_plan(const Invitation& invitation, const InvitationConfig& config,
                               const ServiceApplication& application, const ReferContext& context) {
  auto refer_to = refer_to_value(invitation, config, context);
  if (!refer_to) return fail(refer_to.error());
  ReferPlan plan;
  plan.from = "<" + invitation.sender + ">";
  plan.to = "<" + invitation.address + ">";
  plan.uri = invitation.address;
  if (!context.route.empty()) plan.routes.push_back(loose_route(context.route));
  plan.refer_to = std::move(*refer_to);
  if (config.referred_by) plan.referred_by = "<" + invitation.sender + ">";  // PS-91
  plan.headers = identity_headers(invitation.sender, context.domain);
  if (!application.icsi.empty()) plan.headers.push_back({"P-Asserted-Service", application.icsi});
  plan.headers.push_back(accept_contact(invitation.application));
  plan.variants.clear();
  for (const auto variant : config.variants) {
    // PS-93: an AoR may fork to several that accept.
    if (variant == ReferVariant::explicitsub && !is_gruu(invitation.address)) continue;
    plan.variants.push_back(variant);
  }
  if (plan.variants.empty()) plan.variants.push_back(ReferVariant::implicit);
  plan.trace = invitation.trace;
  return plan;
}

std::string token_of(std::string_view request_uri) {
  const auto uri = SipUri::parse(request_uri);
  if (!uri) return {};
  return std::string(uri->params.get(kToken).value_or(""));
}

ReferReading read_answer(const ReferResult& result) {
  if (result.accepted()) return ReferReading::accepted;  // 200 and 202 alike (PS-97, RFC 7647)
  if (result.origin == ResponseOrigin::peer && refuses_invitation(result.status)) return ReferReading::refused;
  Outcome outcome;
  outcome.origin = result.origin;
  outcome.sip = result.status;
  switch (read_outcome(outcome).retry) {
    case RetryClass::reachability:
    case RetryClass::transient:
    case RetryClass::after:
    case RetryClass::unknown:
      return ReferReading::unreachable;
    default:
      return ReferReading::failed;
  }
}

ReferReading read_report(const ReferReport& report) {
  // PS-95: that the SUBSCRIBE succeeded is seen when it arrives; a report of it says nothing more.
  if (report.status < 300) return ReferReading::nothing;
  return refuses_invitation(report.status) ? ReferReading::refused : ReferReading::failed;
}

}  // namespace herald::push
