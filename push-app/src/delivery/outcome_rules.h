// Outcome of one request -> next state of the delivery: the status table, the retry classes and the repairs together. Pure.
#pragma once

#include "capability/capability_book.h"
#include "delivery/delivery_plan.h"
#include "delivery/mode_choice.h"
#include "delivery/retry_policy.h"

namespace herald::push {

// What the scheduler does with the delivery after its record is saved.
struct NextStep {
  enum class Kind : std::uint8_t { done, at_time, at_once, on_registration, on_consent, parked };
  Kind kind = Kind::done;
  std::optional<WallTime> at;
};

// Changes `delivery` to what shall be stored. `chance` in [0,1) picks the jitter.
[[nodiscard]] NextStep apply_outcome(Delivery& delivery, const PushJob& job, const Outcome& outcome, const RetryRules& rules,
                                     std::chrono::milliseconds consent_recheck, double chance, WallTime now, ModesLeft left = {});

// What an answer says about the receiver's capabilities (sip-push.md 8.3 a): 405, 406, 413, 415, 420, 488, 493, 513, 606.
[[nodiscard]] std::optional<CapabilityFailure> capability_failure(const PushJob& job, const Delivery& delivery,
                                                                  const Outcome& outcome);

// PS-7: the target of a redirection that may be followed: once, within the same domain.
[[nodiscard]] std::optional<std::string> followable_redirect(const Delivery& delivery, const Outcome& outcome);

}  // namespace herald::push
