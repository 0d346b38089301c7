// REFER's four ways of asking for no, other or implicit reports, and the reports. RFC 3515, RFC 4488, RFC 7614; PS-92..PS-94.
// Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/sip_message.h"
#include "herald/subscriber.h"

namespace herald::event {

// What a REFER of that variant says besides Refer-To.
[[nodiscard]] std::vector<SipHeaderField> variant_headers(ReferVariant variant);
// May the next variant be tried after this answer? 420 for what the variant required.
[[nodiscard]] bool variant_unsupported(ReferVariant variant, const SipMessage& response);

// What a 2xx to it means.
enum class ReferReports {
  none,      // no subscription
  implicit,  // NOTIFYs come in the REFER's dialog
  explicit_  // at the URI of Refer-Events-At
};
struct ReferAccepted {
  ReferReports reports = ReferReports::none;
  std::string events_at;  // URI
};
[[nodiscard]] ReferAccepted read_accepted(ReferVariant variant, const SipMessage& response);
// May NOTIFYs come for this variant, even before its answer?
[[nodiscard]] constexpr bool may_report(ReferVariant variant) noexcept {
  return variant == ReferVariant::norefersub || variant == ReferVariant::implicit;
}

// Status of a message/sipfrag body; none: no status line, or a status that is none.
[[nodiscard]] std::optional<int> fragment_status(std::string_view body) noexcept;
// No Content-Type with no body, or message/sipfrag.
[[nodiscard]] bool is_fragment(const SipMessage& notify);

}  // namespace herald::event
