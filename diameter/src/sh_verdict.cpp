#include "sh_verdict.h"

#include <algorithm>
#include <array>

namespace herald::diameter {

namespace {

struct Row {
  std::uint32_t code;
  ShResult result;
  Retry retry;
  Alarm alarm = Alarm::none;
};

// Result-Code, RFC 6733 7.1.
constexpr auto kBase = std::to_array<Row>({
    {3002, ShResult::unavailable, Retry::elsewhere},                      // UNABLE_TO_DELIVER
    {3003, ShResult::unavailable, Retry::none, Alarm::realm_not_served},  // REALM_NOT_SERVED
    {3004, ShResult::busy, Retry::elsewhere},                             // TOO_BUSY
    {3005, ShResult::unavailable, Retry::none, Alarm::interop},           // LOOP_DETECTED
    {3006, ShResult::unavailable, Retry::redirect},                       // REDIRECT_INDICATION
    {3007, ShResult::unavailable, Retry::none, Alarm::interop},           // APPLICATION_UNSUPPORTED
    {3008, ShResult::unavailable, Retry::none, Alarm::interop},           // INVALID_HDR_BITS
    {3009, ShResult::unavailable, Retry::none, Alarm::interop},           // INVALID_AVP_BITS
    {5001, ShResult::unavailable, Retry::none, Alarm::interop},           // AVP_UNSUPPORTED: not the 5001 of 3GPP (SH-40)
    {5004, ShResult::unavailable, Retry::none, Alarm::interop},           // INVALID_AVP_VALUE
    {5005, ShResult::unavailable, Retry::none, Alarm::interop},           // MISSING_AVP
    {5012, ShResult::busy, Retry::once_later},                            // UNABLE_TO_COMPLY
    {5030, ShResult::user_unknown, Retry::none},                          // USER_UNKNOWN of RFC 4006, as the FOKUS HSS says it
});

// Experimental-Result-Code, TS 29.329 6.2.
constexpr auto kExperimental = std::to_array<Row>({
    {4100, ShResult::busy, Retry::backoff},                            // USER_DATA_NOT_AVAILABLE
    {4101, ShResult::busy, Retry::backoff},                            // PRIOR_UPDATE_IN_PROGRESS
    {5001, ShResult::user_unknown, Retry::none},                       // USER_UNKNOWN
    {5002, ShResult::no_data, Retry::none, Alarm::identity_mismatch},  // IDENTITIES_DONT_MATCH
    {5011, ShResult::unavailable, Retry::none, Alarm::interop},        // FEATURE_UNSUPPORTED: we ask for none
    {5030, ShResult::user_unknown, Retry::none},
    {5101, ShResult::no_data, Retry::none},                              // OPERATION_NOT_ALLOWED
    {5102, ShResult::not_permitted, Retry::none, Alarm::not_permitted},  // USER_DATA_CANNOT_BE_READ
    {5103, ShResult::not_permitted, Retry::none, Alarm::not_permitted},
    {5104, ShResult::not_permitted, Retry::none, Alarm::not_permitted},
    {5106, ShResult::no_data, Retry::none},  // SUBS_DATA_ABSENT
    {5108, ShResult::no_data, Retry::none},  // DSAI_NOT_AVAILABLE
});

Verdict by_class(std::uint32_t code) {
  switch (code / 1000) {
    case 2:
      return {ShResult::ok, Retry::none, Alarm::none, code};
    case 3:
      return {ShResult::unavailable, Retry::none, Alarm::interop, code};
    case 4:
      return {ShResult::busy, Retry::backoff, Alarm::none, code};
    case 5:
      return {ShResult::busy, Retry::none, Alarm::none, code};
    default:
      return {ShResult::malformed, Retry::none, Alarm::unreadable, code};
  }
}

template <class Table>
Verdict look_up(const Table& table, std::uint32_t code) {
  const auto* row = std::ranges::find(table, code, &Row::code);
  if (row == table.end()) return by_class(code);
  return {row->result, row->retry, row->alarm, code};
}

}  // namespace

Verdict judge(const ShAnswer& answer) {
  switch (answer.kind) {
    case ShAnswer::Kind::answered:
      break;
    case ShAnswer::Kind::no_peer:
      return {ShResult::unavailable, Retry::elsewhere, Alarm::none, 3002};
    case ShAnswer::Kind::dropped:
      return {ShResult::malformed, Retry::none, Alarm::unreadable, 0};
    case ShAnswer::Kind::timed_out:
      return {ShResult::timeout, Retry::none, Alarm::none, 0};
    case ShAnswer::Kind::refused:
      return {ShResult::busy, Retry::none, Alarm::none, 0};
    case ShAnswer::Kind::stopped:
      return {ShResult::unavailable, Retry::none, Alarm::none, 0};
  }
  // SH-04: both or neither is a protocol error.
  if (answer.result_code.has_value() == answer.experimental_code.has_value())
    return {ShResult::malformed, Retry::none, Alarm::unreadable, answer.result_code.value_or(0)};
  if (answer.result_code) return look_up(kBase, *answer.result_code);
  return look_up(kExperimental, *answer.experimental_code);
}

}  // namespace herald::diameter
