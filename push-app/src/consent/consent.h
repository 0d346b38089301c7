// What users decided about pushes, one entry a user and application: what is kept of it. sip-push.md 9.
// Thread: value types. The rules over them: consent_rules.h; where they live: consent_book.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"
#include "herald/store.h"

namespace herald::push {

// sip-push.md 9. The numbers are stored: append only.
enum class Consent : std::uint8_t { none, pending, granted, denied, revoked };
[[nodiscard]] std::string_view to_string(Consent state) noexcept;

// PA-1: who, when, by what means.
struct ConsentDecision {
  Consent state = Consent::none;
  std::string means;  // "subscribe", "unsubscribe", "refer", "message", "rest", "admin"
  std::string who;    // canonical identity or name of an initiator; empty: an operator
  WallTime at{};
  std::optional<WallTime> expires;    // of a grant
  std::optional<WallTime> ask_again;  // denied: no REFER before it; pending: the question is open until then
  std::string sender;  // canonical; denied only: this sender alone is meant (607, RFC 8197). Empty: the application
  std::string detail;  // what was seen, "sip:603", Trigger-Consent (PA-4)
};

struct ConsentEntry {
  std::string user, application;         // canonical; lower case
  ConsentDecision now;                   // as decided last; what it is worth at a time: consent_at()
  std::vector<ConsentDecision> blocked;  // senders that were refused
  std::vector<ConsentDecision> history;  // oldest first, bounded (PA-1)

  Version version = 0;  // of the stored record; not part of it
};

// PA-2: consent is per application. Ids compare without case (RFC 3840 9).
[[nodiscard]] std::string canonical_application(std::string_view application);

[[nodiscard]] Key consent_key(std::string_view user, std::string_view application);
[[nodiscard]] std::string encode(const ConsentEntry& entry);
[[nodiscard]] Expected<ConsentEntry> decode_consent(const Record& record);

}  // namespace herald::push
