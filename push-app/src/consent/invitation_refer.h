// The REFER of an invitation, and what its answers and reports mean. sip-push.md 4.10: PS-90..PS-97. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "consent/invitation.h"
#include "herald/service_profile.h"
#include "herald/subscriber.h"
#include "push_config.h"

namespace herald::push {

struct ReferContext {
  std::string package;          // "oma-push"
  std::string appid_parameter;  // "appid"
  std::string domain;
  std::string route;  // of the user's S-CSCF
};

// A header value inside a URI: RFC 3261 25.1 hnv-unreserved and unreserved as they are, the rest escaped (PS-90).
[[nodiscard]] std::string escape_uri_header(std::string_view text);

// "<sip:push@ims.lab;token=…;method=SUBSCRIBE?Event=oma-push%3Bappid%3Dnews.ua&Expires=3600>;+g.oma.pusheventapp=…"
[[nodiscard]] Expected<std::string> refer_to_value(const Invitation& invitation, const InvitationConfig& config,
                                                   const ReferContext& context);
[[nodiscard]] Expected<ReferPlan> refer_plan(const Invitation& invitation, const InvitationConfig& config,
                                             const ServiceApplication& application, const ReferContext& context);

// The token in the Request-URI of a SUBSCRIBE that follows a REFER; empty: none.
[[nodiscard]] std::string token_of(std::string_view request_uri);

// What to make of an answer or a report.
enum class ReferReading : std::uint8_t {
  accepted,
  refused,      // consent is denied
  unreachable,  // nobody was there, or nobody knows: may be tried when the user registers
  failed,
  nothing,  // a report that says nothing final
};
[[nodiscard]] ReferReading read_answer(const ReferResult& result);
[[nodiscard]] ReferReading read_report(const ReferReport& report);

}  // namespace herald::push
