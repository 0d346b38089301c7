// The rules of consent as pure functions: what an entry is worth, what may follow what, who is pushed to, who may subscribe.
// sip-push.md 9, PA-1..PA-5. No I/O, no clock.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "consent/consent.h"
#include "delivery/push_profile.h"
#include "delivery/status_table.h"
#include "herald/registration_view.h"
#include "herald/service_profile.h"

namespace herald::push {

// What the entry says at `now`: a grant that ran out and a question that stayed unanswered are `none` again.
[[nodiscard]] Consent consent_at(const ConsentEntry& entry, WallTime now) noexcept;
[[nodiscard]] bool blocks_sender(const ConsentEntry& entry, std::string_view sender);

// Puts `decision` into the entry, and its history. False: it changes nothing, or may not follow what is there (a question never
// undoes an answer).
bool apply_decision(ConsentEntry& entry, ConsentDecision decision);

// One user's entries under several of his identities: the newest decision counts, refused senders add up. PA-5
[[nodiscard]] ConsentEntry merge_entries(ConsentEntry primary, std::span<const ConsentEntry> others);

// PA-5: the identities of one user, the one that his entries are kept under first. Without registration only `user` is known.
[[nodiscard]] std::vector<std::string> identities_of(const std::string& user, const Registration* registration);

// What the subscriber's profile at the HSS says about this application (PA-2: grants only where it names it).
enum class ProfileConsent : std::uint8_t { silent, granted, denied, ask };
[[nodiscard]] ProfileConsent profile_consent(const PushProfile* profile, std::string_view application);

struct ConsentQuestion {
  const ConsentEntry& entry;
  ProfileConsent profile = ProfileConsent::silent;
  const ServiceApplication& application;
  std::string_view sender;  // identity the push is sent as
  WallTime now{};
};
struct ConsentVerdict {
  enum class Kind : std::uint8_t { send, hold, reject };
  Kind kind = Kind::reject;
  bool ask = false;          // hold: nobody has asked the user yet
  std::string_view because;  // for logs: "bypass", "book", "profile", "sender", "default"
  friend bool operator==(const ConsentVerdict&, const ConsentVerdict&) = default;
};
// PA-3 bypass, then an explicit no (book or profile), then an explicit yes, then what is pending, then the defaults.
[[nodiscard]] ConsentVerdict consent_verdict(const ConsentQuestion& question);

// Who subscribes, and what that means for consent (PS-62, PS-63, S-5).
struct SubscriptionRules {
  bool polite_blocking = false;  // whoever is refused must not notice (RFC 6665 4.2.1.3)
  bool subscribe_grants = true;  // false: an `ask` application waits for somebody else's decision
  bool allow_anonymous = false;  // a SUBSCRIBE without asserted identity (S-5)
};
struct SubscriptionQuestion {
  const ConsentEntry& entry;
  ProfileConsent profile = ProfileConsent::silent;
  const ServiceApplication& application;
  std::span<const std::string> subscriber;       // the identities asserted of him, canonical; none: anonymous
  std::span<const std::string> user_identities;  // whose pushes are asked for
  bool fetch = false;                            // Expires 0: no lasting consent
  WallTime now{};
};
struct SubscriptionVerdict {
  enum class Kind : std::uint8_t {
    accept,
    pending,  // 200, then NOTIFY pending
    polite,   // 200 and active, but nothing will ever come
    refuse,   // 403
  };
  Kind kind = Kind::refuse;
  bool grants = false;  // write down: granted, by "subscribe"
  std::string_view because;
  friend bool operator==(const SubscriptionVerdict&, const SubscriptionVerdict&) = default;
};
[[nodiscard]] SubscriptionVerdict judge_subscription(const SubscriptionQuestion& question, const SubscriptionRules& rules);

// What a final answer to a MESSAGE or NOTIFY push says about consent: 603 and 607 refuse this sender (PR-16, RFC 8197), 470 asks
// for the user's consent (RFC 5360, PA-4). Nothing otherwise.
[[nodiscard]] std::optional<ConsentDecision> decision_of_push(const Outcome& outcome, std::string_view sender,
                                                              std::string_view user, std::chrono::milliseconds reask_after,
                                                              WallTime now);
// The same for the answer to a REFER: 603, 403 and 607 are a no to the application (PS-97).
[[nodiscard]] bool refuses_invitation(int status) noexcept;

}  // namespace herald::push
