#include "delivery_plan.h"

#include <algorithm>
#include <utility>

#include "consent_rules.h"
#include "herald/sip_uri.h"
#include "initiator_auth.h"
#include "report_request.h"
#include "request_headers.h"

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

const ProfileApplication* profile_application(const PlanInput& input) {
  return input.hss.profile ? input.hss.profile->application(input.job.application) : nullptr;
}

Verdict wait_for_registration(const PlanInput& input, std::string cause) {
  const auto* entry = profile_application(input);
  const bool hold = input.application.hold_unregistered && (entry == nullptr || entry->store_offline);
  if (!hold) return Refuse{Status::undeliverable, 4000, std::move(cause)};
  return Wait{Wait::For::registration, Status::waiting_reachable, std::nullopt, std::move(cause)};
}

Verdict check_reachability(const PlanInput& input) {
  if (input.reach.state == Reachability::State::unregistered) return wait_for_registration(input, "registration:none");
  if (!input.reach.contacts_known || input.reach.contacts.empty()) return {};
  // The S-CSCF would answer 480: Accept-Contact is sent with require and explicit (PS-12).
  const auto serves = [&](const RegisteredContact& contact) {
    return std::any_of(contact.applications.begin(), contact.applications.end(),
                       [&](const auto& id) { return matches_pattern(id, input.job.application); });
  };
  if (std::none_of(input.reach.contacts.begin(), input.reach.contacts.end(), serves)) {
    return wait_for_registration(input, "registration:application");
  }
  return {};
}

// Capability errors of earlier attempts only: what else is known about types does not count against the Accept of a subscription,
// which is the receiver's own and latest word.
Capabilities learned_failures(const Capabilities& known) {
  Capabilities failures;
  for (const auto& fact : known.facts) {
    if (fact.source == FactSource::failure) failures.facts.push_back(fact);
  }
  return failures;
}

// Nothing: this mode has nothing to offer, and that need not be said as long as another has.
using ModeChoice = std::optional<Plan>;

ModeChoice consider_notify(const PlanInput& input) {
  const auto& delivery = input.delivery;
  const bool forced = input.job.mode == Mode::notify;
  if (input.subscriptions.empty()) {
    return Wait{Wait::For::subscription, Status::waiting_reachable, std::nullopt, "subscription:none"};
  }
  if (delivery.tried(Fix::no_notify)) {
    return Refuse{Status::undeliverable, 2005, forced ? "capability:size" : "capability:content"};
  }
  const auto failures = learned_failures(input.capabilities);
  const ReceiverTraits traits{profile_application(input), &failures};
  for (const auto& path : input.subscriptions) {
    const auto form = choose_for_notify(input.job, delivery.content, path.accept, traits);
    if (!form) continue;
    Attempt attempt;
    attempt.mode = Mode::notify;
    attempt.content = form->content;
    return attempt;
  }
  return Refuse{Status::undeliverable, 2005, "capability:content"};
}

ModeChoice consider_pager(const PlanInput& input, const PlanRules& rules) {
  if (auto verdict = check_reachability(input)) return *verdict;
  const auto* entry = profile_application(input);
  if (entry != nullptr && !entry->pager) return Refuse{Status::undeliverable, 2006, "capability:mode"};
  const ReceiverTraits traits{entry, &input.capabilities};
  const auto content = choose_for_message(input.job, input.delivery.content, traits);
  if (!content) return Refuse{Status::undeliverable, 2005, "capability:content"};
  Attempt attempt;
  attempt.target = input.delivery.redirected.empty() ? input.delivery.address : input.delivery.redirected;
  attempt.route = loose_route(input.reach.scscf.empty() ? rules.next_hop : input.reach.scscf);
  attempt.content = *content;
  attempt.max_bytes = std::min(rules.pager_max_bytes, input.application.pager_max_bytes);
  return attempt;
}

ModeChoice consider(DeliveryMode mode, const PlanInput& input, const PlanRules& rules) {
  const auto& offered = input.application.modes;
  if (std::find(offered.begin(), offered.end(), mode) == offered.end()) return {};
  if (input.capabilities.takes_mode(mode) == Support::no) return {};
  switch (mode) {
    case DeliveryMode::notify:
      if (input.job.mode && input.job.mode != Mode::notify) return {};
      return consider_notify(input);
    case DeliveryMode::pager:
      if (input.job.mode && input.job.mode != Mode::pager) return {};
      return consider_pager(input, rules);
    case DeliveryMode::msrp:
    case DeliveryMode::indirection:
      break;  // nothing carries them out yet
  }
  return {};
}

// sip-push.md 8.4, PS-81: the first mode that can send does. If none can, waiting for a registration says more than waiting for a
// subscription that nobody may ever make, and a refusal counts only when there is nothing to wait for.
Plan choose_attempt(const PlanInput& input, const PlanRules& rules) {
  ModeChoice registration;
  ModeChoice subscription;
  ModeChoice refusal;
  for (const auto mode : rules.mode_order) {
    auto choice = consider(mode, input, rules);
    if (!choice) continue;
    if (auto* attempt = std::get_if<Attempt>(&*choice)) {
      auto unprovable = plan_report(*attempt, input);  // SM-7
      if (!unprovable) return *choice;
      choice = std::move(*unprovable);
    }
    if (const auto* wait = std::get_if<Wait>(&*choice)) {
      auto& kept = wait->what == Wait::For::subscription ? subscription : registration;
      if (!kept) kept = std::move(choice);
    } else if (!refusal || mode == DeliveryMode::pager) {
      refusal = std::move(choice);
    }
  }
  if (registration) return *registration;
  if (refusal) return *refusal;
  if (subscription) return *subscription;
  return Refuse{Status::undeliverable, 2006, "capability:mode"};
}

}  // namespace

Plan plan(const PlanInput& input, const PlanRules& rules) {
  if (auto verdict = check_time(input)) return *verdict;
  if (auto verdict = check_hss(input, rules)) return *verdict;
  if (auto verdict = check_consent(input, rules)) return *verdict;
  if (auto verdict = check_quiet_hours(input)) return *verdict;
  return choose_attempt(input, rules);
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
