// What the sender asks of receivers: disposition notifications by message/cpim (PS-51), whether that is possible at all (SM-7),
// and the name by which a notification finds its push again. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capability/capabilities.h"
#include "delivery/delivery_plan.h"
#include "mode/message_builder.h"
#include "push/cpim.h"
#include "push/push_job.h"

namespace herald::push {

// imdn.Message-ID of a delivery: "PUSHID.INDEX". The same over all attempts (PS-6), so that a repeat is known to the receiver
// and a notification needs no table to be understood. The push id holds 80 random bits, more than the 64 of RFC 5438 7.1.1.
// Recipients of one push could guess each other's; they gain nothing, since only the addressed user, asserted by the core, is
// believed (SM-15): a secret part would cost bytes of the pager limit and prove less than that.
[[nodiscard]] std::string report_id(std::string_view push, std::uint32_t index);
struct ReportName {
  std::string push;
  std::uint32_t index = 0;
  friend bool operator==(const ReportName&, const ReportName&) = default;
};
// Nothing: none of ours.
[[nodiscard]] std::optional<ReportName> parse_report_id(std::string_view id);

// The initiator wants more than the network's word.
[[nodiscard]] constexpr bool wants_report(const PushJob& job) noexcept { return job.report >= Report::delivery; }

// Can a notification be asked for along with this content? Not from receivers known to take no message/cpim or to send none,
// not for a notification (PS-53), and not by an anonymous sender, who has no address that they could go to (S-7).
[[nodiscard]] bool can_ask(const PushJob& job, const Delivery& delivery, std::uint8_t content, const Capabilities& receiver);
// The same for a NOTIFY: the subscription's Accept must allow it. sip-push.md 6 promises no message/cpim without.
[[nodiscard]] bool can_ask_by_notify(const PushJob& job, const Delivery& delivery, std::uint8_t content,
                                     const std::vector<std::string>& accept);

// Decides Attempt::report of an attempt that would go out otherwise; a refusal (3007) when it could never prove what a
// `confirmed` push wants (SM-7). Sessions confirm delivery by MSRP's own reports, a NOTIFY by the subscriber's 200.
[[nodiscard]] std::optional<Refuse> plan_report(Attempt& attempt, const PlanInput& input);

[[nodiscard]] ReportRequest report_request(const PushJob& job, const Delivery& delivery);
// Makes the body of `message` a message/cpim around what it was: what describes the content goes inside with it.
void ask_for_reports(PushMessage& message, const ReportRequest& request, WallTime now);
// A part or body of that type with these header fields.
[[nodiscard]] std::string cpim_around(const ReportRequest& request, WallTime now, std::string_view type,
                                      std::vector<SipHeaderField> fields, std::string_view body);

}  // namespace herald::push
