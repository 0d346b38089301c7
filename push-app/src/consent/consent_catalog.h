// Operator events of consent and invitations.
#pragma once

#include "herald/log.h"

namespace herald::push::catalog {

using log::Level;
using log::OperatorEvent;

inline constexpr OperatorEvent kConsentDecided{"PU0201",
                                               Level::info,
                                               "consent decided",
                                               "a user, a portal or a receiver's answer changed what may be pushed",
                                               "waiting pushes of that application go on or end",
                                               "none; this line is the audit trail"};
inline constexpr OperatorEvent kConsentUnreadable{"PU0202",
                                                  Level::error,
                                                  "a stored consent cannot be read",
                                                  "damaged store or written by an incompatible version",
                                                  "pushes of that user and application wait",
                                                  "look at the record; PUT /v1/consent writes it anew"};
inline constexpr OperatorEvent kConsentNeeded{"PU0203",
                                              Level::info,
                                              "the network asks for the user's consent",
                                              "a push was answered 470 (RFC 5360)",
                                              "pushes of that application wait for consent",
                                              "see Trigger-Consent; grant with PUT /v1/consent or invite the user"};
inline constexpr OperatorEvent kConsentNotSaved{"PU0204",
                                                Level::error,
                                                "a decision of a user cannot be saved",
                                                "the store does not answer",
                                                "what the user said is not in effect",
                                                "check the store; the user has to say it again"};
inline constexpr OperatorEvent kInvitationsNotRestored{"PU0211",
                                                       Level::error,
                                                       "open invitations cannot be read",
                                                       "the store does not answer",
                                                       "they stay as they are until it does",
                                                       "check the store; herald retries every second"};

}  // namespace herald::push::catalog
