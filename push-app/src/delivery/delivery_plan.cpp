#include "delivery/delivery_plan.h"

#include <algorithm>

#include "consent/consent_rules.h"
#include "delivery/mode_choice.h"
#include "initiator/initiator_auth.h"

namespace herald::push {
namespace {

// Rules in the order of sip-push.md 8: hard filters, then time, then reachability, then what fits. Each says "go on" by nothing.
using Verdict = std::optional<Plan>;

Verdict check_time(const PlanInput& input) {
  if (input.now >= input.job.expires) return Refuse{Status::expired, 1001, "deliver-before"};
  if (input.job.deliver_after && input.now < *input.job.deliver_after) {
    return Wait{Wait::For::time, Status::scheduled, *input.job.deliver_after, "deliver-after"};
  }
  return {};
}

Verdict check_hss(const PlanInput& input, const PlanRules& rules) {
  if (input.hss.state == HssAnswer::State::user_unknown) return Refuse{Status::undeliverable, 2003, "sh:5001"};
  if (input.hss.state != HssAnswer::State::failed) return {};
  switch (rules.on_hss_failure) {
    case HssFailurePolicy::use_default:
      return {};
    case HssFailurePolicy::hold:
      return Wait{Wait::For::time, Status::retrying, input.now + rules.hss_retry, "policy:hss"};
    case HssFailurePolicy::reject:
      return Refuse{Status::rejected, 4001, "policy:hss"};
  }
  return {};
}

// sip-push.md 9.
Verdict check_consent(const PlanInput& input, const PlanRules& rules) {
  const auto* profile = input.hss.profile ? &*input.hss.profile : nullptr;
  const auto verdict = consent_verdict(
      {input.consent, profile_consent(profile, input.job.application), input.application, input.job.sender, input.now});
  const bool bypass = verdict.because == "bypass";  // PA-3
  if (!bypass && profile != nullptr && !profile->allows_initiator(input.job.sender)) {
    return Refuse{Status::rejected, 2001, "policy:initiator"};
  }
  switch (verdict.kind) {
    case ConsentVerdict::Kind::send:
      return {};
    case ConsentVerdict::Kind::hold:
      return Wait{Wait::For::consent, Status::waiting_consent, input.now + rules.consent_recheck, "policy:consent"};
    case ConsentVerdict::Kind::reject:
      break;
  }
  return Refuse{Status::rejected, 2001, "policy:consent"};
}

Verdict check_quiet_hours(const PlanInput& input) {
  if (!input.hss.profile) return {};
  std::optional<WallTime> end;
  for (const auto& hours : input.hss.profile->quiet_hours) {
    if (input.job.priority >= hours.min_priority) continue;
    if (const auto until = end_of_quiet(hours, input.now)) end = std::max(end.value_or(*until), *until);
  }
  if (!end) return {};
  return Wait{Wait::For::time, Status::scheduled, *end, "policy:quiet-hours"};
}

}  // namespace

Plan plan(const PlanInput& input, const PlanRules& rules) {
  if (auto verdict = check_time(input)) return *verdict;
  if (auto verdict = check_hss(input, rules)) return *verdict;
  if (auto verdict = check_consent(input, rules)) return *verdict;
  if (auto verdict = check_quiet_hours(input)) return *verdict;
  return choose_mode(input, rules);
}

const ServiceApplication& find_application(const std::vector<ServiceProfile>& services, std::string_view id) {
  const ServiceApplication* fallback = nullptr;
  for (const auto& service : services) {
    for (const auto& application : service.apps) {
      if (application.id == "*") {
        if (fallback == nullptr) fallback = &application;
      } else if (matches_pattern(application.id, id)) {
        return application;
      }
    }
  }
  if (fallback != nullptr) return *fallback;
  static const ServiceApplication unknown;  // closed
  return unknown;
}

}  // namespace herald::push
