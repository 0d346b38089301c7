// message/cpim (RFC 3862) and the delivery reports that go with it (RFC 5438): read and written for both ends of a push.
// PS-51..PS-53, PR-10. Pure functions.
// Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"
#include "herald/expected.h"
#include "herald/sip_message.h"

namespace herald::push {

inline constexpr std::string_view kCpimType = "message/cpim";
inline constexpr std::string_view kImdnType = "message/imdn+xml";

// What the sender of a CPIM message wants to hear of it.
struct ReportRequest {
  std::string message_id;  // imdn.Message-ID; empty: no report is possible
  std::string from;        // of the message: where reports go, and whom they are for
  std::string to;
  bool delivered = false;  // positive-delivery
  bool failed = false;     // negative-delivery
  bool displayed = false;
  [[nodiscard]] bool any() const noexcept { return !message_id.empty() && (delivered || failed || displayed); }
  friend bool operator==(const ReportRequest&, const ReportRequest&) = default;
};

struct CpimMessage {
  ReportRequest report;
  SipHeaders content;  // Content-Type and the rest of the content's own fields
  std::string body;
  [[nodiscard]] bool is_report() const;  // carries message/imdn+xml itself: never reported on (PS-53)

  // Error{invalid}: no CPIM.
  static Expected<CpimMessage> parse(std::string_view text);
};

enum class Disposition : std::uint8_t { delivered, failed, displayed, forbidden };
[[nodiscard]] std::string_view to_string(Disposition disposition) noexcept;

// A message/cpim body around a content: `fields` are those of the content, Content-Type first. PS-51.
[[nodiscard]] std::string write_cpim(const ReportRequest& request, WallTime now, const std::vector<SipHeaderField>& fields,
                                     std::string_view body);

// A message/cpim body with the report in it. `id`: of the report itself.
[[nodiscard]] std::string write_report(const ReportRequest& request, Disposition disposition, std::string_view id, WallTime now);

}  // namespace herald::push
