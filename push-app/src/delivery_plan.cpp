#include "delivery_plan.h"

#include <algorithm>
#include <utility>

#include "herald/sip_uri.h"
#include "initiator_auth.h"

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

Verdict wait_for_consent(const PlanInput& input, const PlanRules& rules) {
  return Wait{Wait::For::consent, Status::waiting_consent, input.now + rules.consent_recheck, "policy:consent"};
}

Verdict apply_default_consent(const PlanInput& input, const PlanRules& rules) {
  switch (input.application.consent) {
    case ConsentDefault::open:
      return {};
    case ConsentDefault::ask:
      return wait_for_consent(input, rules);
    case ConsentDefault::closed:
      break;
  }
  return Refuse{Status::rejected, 2001, "policy:consent"};
}

// sip-push.md 9. The subscriber's word goes before the application's default.
Verdict check_consent(const PlanInput& input, const PlanRules& rules) {
  if (!input.hss.profile) return apply_default_consent(input, rules);
  const auto& profile = *input.hss.profile;
  if (!profile.allows_initiator(input.job.sender)) return Refuse{Status::rejected, 2001, "policy:initiator"};
  switch (profile.consent) {
    case ConsentState::denied:
      return Refuse{Status::rejected, 2001, "policy:consent"};
    case ConsentState::ask:
      return wait_for_consent(input, rules);
    case ConsentState::granted:
      break;
  }
  // Consent is given per application (PA-2): one that the profile does not name falls back on its default.
  const bool named = profile.applications.empty() || profile.application(input.job.application) != nullptr;
  return named ? Verdict{} : apply_default_consent(input, rules);
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

// The first content from `from` on that the subscriber's profile takes.
std::optional<std::uint8_t> choose_content(const PlanInput& input) {
  const auto* entry = profile_application(input);
  const auto& contents = input.job.contents;
  for (std::size_t i = input.delivery.content; i < contents.size(); ++i) {
    if (entry != nullptr) {
      if (entry->max_bytes && contents[i].bytes.size() > *entry->max_bytes) continue;
      const auto& types = entry->content_types;
      const bool wanted = types.empty() || std::any_of(types.begin(), types.end(), [&](const auto& range) {
                            return media_range_matches(range, contents[i].type);
                          });
      if (!wanted) continue;
    }
    return static_cast<std::uint8_t>(i);
  }
  return std::nullopt;
}

std::string loose_route(const std::string& uri) {
  const auto parsed = SipUri::parse(uri);
  if (!parsed || parsed->params.has("lr")) return uri;
  auto route = *parsed;
  route.params.set("lr");
  return route.text();
}

Plan choose_attempt(const PlanInput& input, const PlanRules& rules) {
  const auto& modes = input.application.modes;
  const auto* entry = profile_application(input);
  const bool pager =
      std::find(modes.begin(), modes.end(), DeliveryMode::pager) != modes.end() && (entry == nullptr || entry->pager);
  if (!pager) return Refuse{Status::undeliverable, 2006, "capability:mode"};
  const auto content = choose_content(input);
  if (!content) return Refuse{Status::undeliverable, 2005, "capability:content"};
  Attempt attempt;
  attempt.target = input.delivery.redirected.empty() ? input.delivery.address : input.delivery.redirected;
  attempt.route = loose_route(input.reach.scscf.empty() ? rules.next_hop : input.reach.scscf);
  attempt.content = *content;
  attempt.max_bytes = std::min(rules.pager_max_bytes, input.application.pager_max_bytes);
  return attempt;
}

std::string_view without_parameters(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type;
}

}  // namespace

bool media_range_matches(std::string_view range, std::string_view type) {
  range = without_parameters(range);
  if (range == "*/*" || range == "*") return true;
  if (range.ends_with("/*"))
    range.remove_suffix(1);
  else
    return matches_pattern(range, without_parameters(type)) && !range.ends_with('*');
  const auto plain = without_parameters(type);
  return plain.size() > range.size() && matches_pattern(std::string(range) + "*", plain);
}

Plan plan(const PlanInput& input, const PlanRules& rules) {
  if (auto verdict = check_time(input)) return *verdict;
  if (auto verdict = check_hss(input, rules)) return *verdict;
  if (auto verdict = check_consent(input, rules)) return *verdict;
  if (auto verdict = check_quiet_hours(input)) return *verdict;
  if (auto verdict = check_reachability(input)) return *verdict;
  return choose_attempt(input, rules);
}

std::optional<std::uint8_t> next_content(const PushJob& job, std::uint8_t current, const std::vector<std::string>& accept,
                                         bool must_be_smaller) {
  for (std::size_t i = current + 1U; i < job.contents.size(); ++i) {
    const auto& content = job.contents[i];
    if (must_be_smaller && content.bytes.size() >= job.contents[current].bytes.size()) continue;
    const bool accepted = accept.empty() || std::any_of(accept.begin(), accept.end(), [&](const auto& range) {
                            return media_range_matches(range, content.type);
                          });
    if (accepted) return static_cast<std::uint8_t>(i);
  }
  return std::nullopt;
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
