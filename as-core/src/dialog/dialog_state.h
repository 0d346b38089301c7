// One dialog as plain data: what RFC 3261 12 says both sides remember, and nothing of a transaction or a library, so that it can
// be written down and continued elsewhere. storage-scale.md 6.
// Thread: value type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "herald/expected.h"
#include "herald/sip_message.h"

namespace herald::dialog {

enum class State : std::uint8_t { initial, early, confirmed, terminated };
[[nodiscard]] std::string_view to_string(State state) noexcept;

struct DialogState {
  std::string call_id;
  std::string local_tag;
  std::string remote_tag;      // empty until the peer told it
  std::string local_address;   // name-addr or URI for From, without tag
  std::string remote_address;  // for To, without tag
  std::string remote_target;   // the peer's Contact; changed by target refresh
  std::string local_contact;   // as sent
  std::vector<std::string> route_set;
  std::uint32_t local_cseq = 0;   // last used
  std::uint32_t remote_cseq = 0;  // highest seen; meaningful with has_remote_cseq
  bool has_remote_cseq = false;   // an empty remote number differs from zero (RFC 3261 12.1.2)
  bool secure = false;            // SIPS
  bool uas = false;               // we answered the request that made it
  State state = State::initial;
  std::string unknown;  // record fields of a newer Herald, kept

  // RFC 3261 12.2.1.1: request with tags, next CSeq (which it takes), Route and Request-URI for loose and strict routing.
  SipMessage make_request(std::string_view method);
  // Error{conflict}: lower than seen, answer 500 (RFC 3261 12.2.2). Equal numbers are refused too, except for ACK and CANCEL.
  Expected<void> take_remote_cseq(std::uint32_t number, std::string_view method);
};

// The dialog that a 1xx or 2xx makes, seen from the server (RFC 3261 12.1.1) and the client (12.1.2).
Expected<DialogState> uas_dialog(const SipMessage& request, std::string_view local_tag, std::string_view local_contact);
// Completes `state` (which already has Call-ID, local tag, addresses and CSeq) from a response with a To tag.
Expected<void> complete_uac_dialog(DialogState& state, const SipMessage& response);

// RFC 3261 12: these make dialogs; RFC 6665, RFC 3515.
[[nodiscard]] bool forms_dialog(std::string_view method) noexcept;
// RFC 3261 12.2.2, RFC 3311, RFC 6665 4.4.1.
[[nodiscard]] bool refreshes_target(std::string_view method) noexcept;

struct CSeq {
  std::uint32_t number = 0;
  std::string method;
  static Expected<CSeq> parse(std::string_view value);
};
// Value of the tag parameter of a From or To header; "" when there is none.
[[nodiscard]] std::string tag_of(std::string_view address);
// The same header value without its tag.
[[nodiscard]] std::string without_tag(std::string_view address);

// Record codec (herald/record.h), schema 1. Fields this version does not know survive a round trip.
[[nodiscard]] std::string encode(const DialogState& state);
Expected<DialogState> decode(std::string_view record);

}  // namespace herald::dialog
