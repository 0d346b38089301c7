// One invitation to subscribe: a REFER and what came of it. sip-push.md 4.10, interfaces.md.
// Thread: value type.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "herald/clock.h"
#include "herald/store.h"

namespace herald::push {

// The numbers are stored: append only.
enum class InvitationStatus : std::uint8_t {
  pending,     // the REFER was not answered yet
  accepted,    // it was; the SUBSCRIBE is awaited
  subscribed,  // PS-95
  refused,     // by the user or his device; consent is denied
  failed,      // nobody answered, or nobody subscribed in time
  cancelled,   // by who asked for it
};
[[nodiscard]] std::string_view to_string(InvitationStatus status) noexcept;

struct Invitation {
  std::string id;           // make_id()
  std::string user;         // the identity that the user's entries are kept under (PA-5): its home shard has the invitation
  std::string address;      // Request-URI: AoR or GRUU, as submitted
  std::string application;  // as asked for
  std::string sender;       // identity it is sent as
  std::string initiator;    // name of the account; empty: an operator, or Herald itself (automatic)
  bool automatic = false;   // because a push waits for consent
  std::chrono::seconds expires{3600};  // of the subscription
  std::string token;                   // comes back in the Request-URI of the SUBSCRIBE

  InvitationStatus status = InvitationStatus::pending;
  int sip = 0;          // last final answer, or that of the last report
  std::string cause;    // "sip:603", "report:503", "subscribe", "timer:answer"
  std::string variant;  // of the REFER that was answered
  std::uint16_t attempts = 0;
  std::uint16_t restarts = 0;  // found unanswered after a restart
  WallTime created{};
  WallTime updated{};
  WallTime until{};  // no longer awaited then
  std::string trace;

  Version version = 0;  // of the stored record; not part of it

  [[nodiscard]] bool open() const noexcept { return status == InvitationStatus::pending || status == InvitationStatus::accepted; }
};

inline constexpr std::string_view kInvitationTable = "invitation";
inline constexpr std::string_view kOpenInvitationTerm = "open";

[[nodiscard]] Key invitation_key(std::string_view id);
// Expects the version it was read with; finished ones are due for removal after `retention`.
[[nodiscard]] Put put_of(const Invitation& invitation, std::chrono::milliseconds retention);
[[nodiscard]] Expected<Invitation> decode_invitation(const Record& record);

}  // namespace herald::push
