#include "delivery/mode_choice.h"

#include <algorithm>
#include <utility>

#include "initiator/initiator_auth.h"
#include "report/report_request.h"
#include "text/gzip.h"
#include "text/request_headers.h"

namespace herald::push {
namespace {

const ProfileApplication* profile_application(const PlanInput& input) {
  return input.hss.profile ? input.hss.profile->application(input.job.application) : nullptr;
}

Plan wait_for_registration(const PlanInput& input, std::string cause) {
  const auto* entry = profile_application(input);
  const bool hold = input.application.hold_unregistered && (entry == nullptr || entry->store_offline);
  if (!hold) return Refuse{Status::undeliverable, 4000, std::move(cause)};
  return Wait{Wait::For::registration, Status::waiting_reachable, std::nullopt, std::move(cause)};
}

std::optional<Plan> check_reachability(const PlanInput& input) {
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

Plan consider_notify(const PlanInput& input) {
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

// The ways by a request of our own, and why they are closed.
class Requests {
 public:
  Requests(const PlanInput& input, const PlanRules& rules)
      : input_(input), rules_(rules), traits_{profile_application(input), &input.capabilities} {}

  // Support of a mode by receiver, application, initiator and this node together.
  [[nodiscard]] Support support(DeliveryMode mode) const {
    const auto& job = input_.job;
    switch (mode) {
      case DeliveryMode::notify:
        return Support::no;
      case DeliveryMode::pager: {
        if (job.mode && job.mode != Mode::pager) return Support::no;
        const auto* entry = profile_application(input_);
        if (entry != nullptr && !entry->pager) return Support::no;
        return taken(mode, Fix::no_pager) == Support::no ? Support::no : Support::yes;
      }
      case DeliveryMode::msrp:
        if (!rules_.sessions || (job.mode && job.mode != Mode::msrp)) return Support::no;
        return taken(mode, Fix::no_msrp);
      case DeliveryMode::indirection:
        if (!rules_.external_body || (job.mode && job.mode != Mode::indirection)) return Support::no;
        return taken(mode, Fix::no_indirection);
    }
    return Support::no;
  }

  enum class Obstacle : std::uint8_t { none, type, size };
  [[nodiscard]] Obstacle obstacle(DeliveryMode mode, std::uint8_t index) const {
    const auto& content = input_.job.contents[index];
    if (!traits_.takes(content)) return Obstacle::type;
    if (mode == DeliveryMode::indirection) return Obstacle::none;
    if (mode == DeliveryMode::msrp) {
      const auto most = input_.capabilities.max_in_session();
      return most && content.size() > *most ? Obstacle::size : Obstacle::none;
    }
    const bool known_too_large = index < 32 && (input_.too_large >> index & 1U) != 0;
    const auto most = max_bytes() * (gzip() ? kBestCompression : 1U);
    if (known_too_large || !traits_.takes_in_request(content) || content.size() > most) return Obstacle::size;
    return Obstacle::none;
  }

  [[nodiscard]] Attempt attempt(DeliveryMode mode, std::uint8_t content) const {
    Attempt attempt;
    attempt.target = input_.delivery.redirected.empty() ? input_.delivery.address : input_.delivery.redirected;
    attempt.route = loose_route(input_.reach.scscf.empty() ? rules_.next_hop : input_.reach.scscf);
    attempt.content = content;
    attempt.max_bytes = max_bytes();
    if (mode == DeliveryMode::pager) attempt.gzip = gzip();
    if (mode == DeliveryMode::msrp) attempt.mode = Mode::msrp;
    if (mode == DeliveryMode::indirection) {
      // RFC 3428 8 allows more than 1300 bytes to who knows that every hop controls congestion: in an IMS each one does, for it
      // must send what is longer over TCP (TS 24.229 4.2A, RFC 3261 18.1.1), as this node does (PS-22).
      attempt.max_bytes = std::max(attempt.max_bytes, rules_.reference_max_bytes);
      attempt.mode = Mode::indirection;
      attempt.alternatives = alternatives(content);
    }
    return attempt;
  }

 private:
  static constexpr std::uint32_t kBestCompression = 16;  // what deflate makes of text at the very best

  [[nodiscard]] Support taken(DeliveryMode mode, Fix in_vain) const {
    return input_.delivery.tried(in_vain) ? Support::no : input_.capabilities.takes_mode(mode);
  }
  [[nodiscard]] std::uint32_t max_bytes() const { return std::min(rules_.pager_max_bytes, input_.application.pager_max_bytes); }
  [[nodiscard]] bool gzip() const {
    return !input_.delivery.tried(Fix::no_encoding) && input_.capabilities.takes_encoding(kGzip) == Support::yes;
  }
  // PS-34: whoever takes multipart/alternative and more than one of them may choose.
  [[nodiscard]] std::vector<std::uint8_t> alternatives(std::uint8_t first) const {
    std::vector<std::uint8_t> others;
    if (input_.capabilities.takes_type("multipart/alternative") != Support::yes) return others;
    for (std::size_t i = first + 1U; i < input_.job.contents.size(); ++i) {
      if (traits_.takes(input_.job.contents[i])) others.push_back(static_cast<std::uint8_t>(i));
    }
    return others;
  }

  const PlanInput& input_;
  const PlanRules& rules_;
  ReceiverTraits traits_;
};

bool offers(const ServiceApplication& application, DeliveryMode mode) {
  return std::find(application.modes.begin(), application.modes.end(), mode) != application.modes.end();
}

// What was found on the way to an attempt. If none can be made, waiting for a registration says more than waiting for a
// subscription that nobody may ever make, and a refusal counts only when there is nothing to wait for.
struct Findings {
  std::optional<Plan> registration, subscription, unprovable, refusal;
  bool size = false, type = false;

  void note_notify(Plan found) {
    if (std::holds_alternative<Wait>(found)) {
      subscription = std::move(found);
    } else {
      refusal = std::move(found);
    }
  }
  [[nodiscard]] Plan conclusion() const {
    if (registration) return *registration;
    if (unprovable) return *unprovable;
    if (size) return Refuse{Status::undeliverable, 2005, "capability:size"};
    if (type) return Refuse{Status::undeliverable, 2005, "capability:content"};
    if (refusal) return *refusal;
    if (subscription) return *subscription;
    return Refuse{Status::undeliverable, 2006, "capability:mode"};
  }
};

}  // namespace

Plan choose_mode(const PlanInput& input, const PlanRules& rules) {
  const Requests requests(input, rules);
  const auto& contents = input.job.contents;
  const auto first = std::min<std::size_t>(input.delivery.content, contents.empty() ? 0 : contents.size() - 1);
  const auto unreachable = check_reachability(input);
  Findings found;
  for (const auto wanted : {Support::yes, Support::unknown}) {
    for (std::size_t i = first; i < contents.size(); ++i) {
      const auto content = static_cast<std::uint8_t>(i);
      for (const auto mode : rules.mode_order) {
        if (!offers(input.application, mode)) continue;
        if (mode == DeliveryMode::notify) {
          const bool asked = wanted == Support::yes && i == first;  // it looks at all contents by itself
          if (!asked || (input.job.mode && input.job.mode != Mode::notify)) continue;
          if (input.capabilities.takes_mode(mode) == Support::no) continue;
          auto choice = consider_notify(input);
          if (auto* attempt = std::get_if<Attempt>(&choice)) {
            auto unprovable = plan_report(*attempt, input);  // SM-7
            if (!unprovable) return choice;
            choice = std::move(*unprovable);
          }
          found.note_notify(std::move(choice));
          continue;
        }
        if (requests.support(mode) != wanted) continue;
        if (unreachable) {
          found.registration = unreachable;
          continue;
        }
        const auto obstacle = requests.obstacle(mode, content);
        if (obstacle == Requests::Obstacle::none) {
          auto attempt = requests.attempt(mode, content);
          auto unprovable = plan_report(attempt, input);  // SM-7
          if (!unprovable) return attempt;
          found.unprovable = std::move(*unprovable);
          continue;
        }
        (obstacle == Requests::Obstacle::size ? found.size : found.type) = true;
      }
    }
  }
  return found.conclusion();
}

ModesLeft modes_left(const PushJob& job, const Delivery& delivery, const ServiceApplication& application,
                     const PlanRules& rules) {
  ModesLeft left;
  if (job.mode) return left;
  for (const auto mode : rules.mode_order) {
    if (!offers(application, mode) || (delivery.mode && capability_of(*delivery.mode) == mode)) continue;
    if (mode == DeliveryMode::pager && !delivery.tried(Fix::no_pager)) left.message = true;
    if (mode == DeliveryMode::indirection && rules.external_body && !delivery.tried(Fix::no_indirection)) left.message = true;
    if (mode == DeliveryMode::msrp && rules.sessions && !delivery.tried(Fix::no_msrp)) left.session = true;
  }
  return left;
}

Fix fix_of(Mode mode) noexcept {
  switch (mode) {
    case Mode::pager:
      return Fix::no_pager;
    case Mode::notify:
      return Fix::no_notify;
    case Mode::msrp:
      return Fix::no_msrp;
    case Mode::indirection:
      return Fix::no_indirection;
  }
  return Fix::no_pager;
}

DeliveryMode capability_of(Mode mode) noexcept {
  switch (mode) {
    case Mode::pager:
      return DeliveryMode::pager;
    case Mode::notify:
      return DeliveryMode::notify;
    case Mode::msrp:
      return DeliveryMode::msrp;
    case Mode::indirection:
      return DeliveryMode::indirection;
  }
  return DeliveryMode::pager;
}

}  // namespace herald::push
