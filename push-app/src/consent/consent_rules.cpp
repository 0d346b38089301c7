#include "consent/consent_rules.h"

#include <algorithm>
#include <utility>

#include "herald/sip_uri.h"

namespace herald::push {
namespace {

constexpr std::size_t kMaxHistory = 20;
constexpr std::size_t kMaxBlocked = 32;
constexpr std::size_t kMaxIdentities = 8;
constexpr std::string_view kByRefer = "refer";

void remember(std::vector<ConsentDecision>& history, ConsentDecision decision) {
  history.push_back(std::move(decision));
  if (history.size() > kMaxHistory) history.erase(history.begin(), history.end() - kMaxHistory);
}

bool says_no(Consent state) noexcept { return state == Consent::denied || state == Consent::revoked; }

// Somebody else than the user with his device said it: a portal or an operator.
bool by_portal(const ConsentDecision& decision) noexcept { return decision.means == "rest" || decision.means == "admin"; }

bool same(const ConsentDecision& a, const ConsentDecision& b) noexcept {
  return a.state == b.state && a.means == b.means && a.who == b.who && a.expires == b.expires && a.ask_again == b.ask_again;
}

bool may_ask_again(const ConsentDecision& decision, WallTime now) noexcept {
  return decision.ask_again && *decision.ask_again <= now;
}

bool may_follow(const ConsentEntry& entry, const ConsentDecision& next) {
  const auto state = consent_at(entry, next.at);
  if (next.state == Consent::pending) {
    // The network asking for consent (470) knows better than our record of a grant; our own question does not.
    if (state == Consent::granted) return next.means == "message";
    if (state == Consent::revoked) return false;
    if (state == Consent::denied) return may_ask_again(entry.now, next.at);
    return !same(entry.now, next);
  }
  if (next.state == Consent::none) {
    // A question that failed takes back itself and nothing else.
    if (next.means == kByRefer) return entry.now.state == Consent::pending && entry.now.means == kByRefer;
    return entry.now.state != Consent::none || !entry.blocked.empty();
  }
  // A refresh of what stands already is no new decision. A grant by subscription has no end.
  if (next.state == state && next.means == entry.now.means && next.who == entry.now.who) return !same(entry.now, next);
  return true;
}

bool block_sender(ConsentEntry& entry, ConsentDecision decision) {
  const auto found = std::find_if(entry.blocked.begin(), entry.blocked.end(),
                                  [&](const auto& blocked) { return blocked.sender == decision.sender; });
  if (found != entry.blocked.end()) return false;
  if (entry.blocked.size() >= kMaxBlocked) {  // who refuses so many means the application
    decision.detail += decision.detail.empty() ? "many senders refused" : "; many senders refused";
    remember(entry.history, decision);
    decision.sender.clear();
    entry.now = std::move(decision);
    return true;
  }
  remember(entry.history, decision);
  entry.blocked.push_back(std::move(decision));
  return true;
}

ConsentVerdict by_default(const ConsentQuestion& question, bool may_ask) {
  using Kind = ConsentVerdict::Kind;
  if (question.profile == ProfileConsent::ask) return {Kind::hold, may_ask, "profile"};
  switch (question.application.consent) {
    case ConsentDefault::open:
      return {Kind::send, false, "default"};
    case ConsentDefault::ask:
      return {Kind::hold, may_ask, "default"};
    case ConsentDefault::closed:
      break;
  }
  return {Kind::reject, false, "default"};
}

bool asks(const ConsentQuestion& question) noexcept {
  return question.profile == ProfileConsent::ask || question.application.consent == ConsentDefault::ask;
}

}  // namespace

Consent consent_at(const ConsentEntry& entry, WallTime now) noexcept {
  const auto& decision = entry.now;
  if (decision.state == Consent::granted && decision.expires && *decision.expires <= now) return Consent::none;
  if (decision.state == Consent::pending && may_ask_again(decision, now)) return Consent::none;
  return decision.state;
}

bool blocks_sender(const ConsentEntry& entry, std::string_view sender) {
  if (entry.blocked.empty()) return false;
  const auto wanted = canonical_identity(sender);
  return std::any_of(entry.blocked.begin(), entry.blocked.end(), [&](const auto& blocked) { return blocked.sender == wanted; });
}

bool apply_decision(ConsentEntry& entry, ConsentDecision decision) {
  if (decision.state == Consent::denied && !decision.sender.empty()) return block_sender(entry, std::move(decision));
  decision.sender.clear();
  if (!may_follow(entry, decision)) return false;
  remember(entry.history, decision);
  // A portal's word is about everything; a new subscription leaves single refused senders refused.
  if (by_portal(decision) && (decision.state == Consent::none || decision.state == Consent::granted)) entry.blocked.clear();
  entry.now = std::move(decision);
  return true;
}

ConsentEntry merge_entries(ConsentEntry primary, std::span<const ConsentEntry> others) {
  for (const auto& other : others) {
    // At the same moment the stricter one.
    const bool newer = other.now.at > primary.now.at || (other.now.at == primary.now.at && says_no(other.now.state));
    if (other.now.state != Consent::none && newer) primary.now = other.now;
    for (const auto& blocked : other.blocked) {
      const bool known = std::any_of(primary.blocked.begin(), primary.blocked.end(),
                                     [&](const auto& have) { return have.sender == blocked.sender; });
      if (!known && primary.blocked.size() < kMaxBlocked) primary.blocked.push_back(blocked);
    }
    primary.history.insert(primary.history.end(), other.history.begin(), other.history.end());
  }
  auto& history = primary.history;
  if (!others.empty()) {
    std::stable_sort(history.begin(), history.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  }
  if (history.size() > kMaxHistory) history.erase(history.begin(), history.end() - kMaxHistory);
  return primary;
}

std::vector<std::string> identities_of(const std::string& user, const Registration* registration) {
  if (registration == nullptr) return {user};
  std::vector<std::string> all;
  const auto add = [&all](const std::string& identity) {
    if (all.size() < kMaxIdentities && std::find(all.begin(), all.end(), identity) == all.end()) all.push_back(identity);
  };
  // The default public identity comes first in P-Associated-URI (TS 24.229 5.4.1.2.2F), whichever of them was registered.
  if (!registration->associated.empty()) add(registration->associated.front());
  add(user);  // never lost to the limit
  add(registration->user);
  for (const auto& identity : registration->associated) add(identity);
  return all;
}

ProfileConsent profile_consent(const PushProfile* profile, std::string_view application) {
  if (profile == nullptr) return ProfileConsent::silent;
  switch (profile->consent) {
    case ConsentState::denied:
      return ProfileConsent::denied;
    case ConsentState::ask:
      return ProfileConsent::ask;
    case ConsentState::granted:
      break;
  }
  const bool named = profile->applications.empty() || profile->application(application) != nullptr;
  return named ? ProfileConsent::granted : ProfileConsent::silent;
}

ConsentVerdict consent_verdict(const ConsentQuestion& question) {
  using Kind = ConsentVerdict::Kind;
  if (question.application.bypass_consent) return {Kind::send, false, "bypass"};  // PA-3
  const auto& entry = question.entry;
  const auto state = consent_at(entry, question.now);
  if (question.profile == ProfileConsent::denied) return {Kind::reject, false, "profile"};
  if (blocks_sender(entry, question.sender)) return {Kind::reject, false, "sender"};
  if (state == Consent::revoked) return {Kind::reject, false, "book"};
  if (state == Consent::denied) {
    // After reask_after the user may be asked anew; until then, and where nobody asks, the answer stands.
    if (!asks(question) || !may_ask_again(entry.now, question.now)) return {Kind::reject, false, "book"};
    return {Kind::hold, true, "book"};
  }
  if (state == Consent::granted) return {Kind::send, false, "book"};
  if (question.profile == ProfileConsent::granted) return {Kind::send, false, "profile"};
  if (state == Consent::pending) return {Kind::hold, false, "book"};
  return by_default(question, true);
}

SubscriptionVerdict judge_subscription(const SubscriptionQuestion& question, const SubscriptionRules& rules) {
  using Kind = SubscriptionVerdict::Kind;
  const SubscriptionVerdict blocked{rules.polite_blocking ? Kind::polite : Kind::refuse, false, "denied"};
  if (question.subscriber.empty()) {
    // Nobody's word grants nothing.
    return rules.allow_anonymous ? SubscriptionVerdict{Kind::pending, false, "anonymous"}
                                 : SubscriptionVerdict{Kind::refuse, false, "anonymous"};
  }
  const auto& own = question.user_identities;
  if (std::find_first_of(own.begin(), own.end(), question.subscriber.begin(), question.subscriber.end()) == own.end()) {
    return {Kind::refuse, false, "not the user"};
  }
  if (question.profile == ProfileConsent::denied) return blocked;

  const auto state = consent_at(question.entry, question.now);
  if (says_no(state) && by_portal(question.entry.now)) return blocked;
  // A subscription is a grant without an end; one that has an end is prolonged by it.
  if (state == Consent::granted) return {Kind::accept, question.entry.now.expires.has_value() && !question.fetch, "granted"};
  const bool closed = question.application.consent == ConsentDefault::closed && question.profile == ProfileConsent::silent;
  if (closed) return {Kind::refuse, false, "closed"};
  if (question.fetch) return {Kind::accept, false, "fetch"};
  const bool provisioned = question.application.consent == ConsentDefault::open || question.profile == ProfileConsent::granted;
  if (rules.subscribe_grants || provisioned) return {Kind::accept, true, "own word"};
  return {Kind::pending, false, "undecided"};
}

std::optional<ConsentDecision> decision_of_push(const Outcome& outcome, std::string_view sender, std::string_view user,
                                                std::chrono::milliseconds reask_after, WallTime now) {
  if (outcome.origin != ResponseOrigin::peer) return std::nullopt;
  ConsentDecision decision;
  decision.means = "message";
  decision.who = user;
  decision.at = now;
  decision.detail = "sip:" + std::to_string(outcome.sip);
  switch (outcome.sip) {
    case 603:
      if (outcome.retry_after) return std::nullopt;  // RFC 3261 21.6.2: a better time is named, so it is no lasting refusal
      [[fallthrough]];
    case 607:
      decision.state = Consent::denied;
      decision.sender = canonical_identity(sender);
      decision.ask_again = now + reask_after;
      return decision;
    case 470:
      decision.state = Consent::pending;
      decision.ask_again = now + reask_after;
      if (!outcome.trigger_consent.empty()) {
        decision.detail.append("; Trigger-Consent ").append(outcome.trigger_consent.substr(0, 256));
      }
      return decision;
    default:
      return std::nullopt;
  }
}

bool refuses_invitation(int status) noexcept { return status == 403 || status == 603 || status == 607; }

}  // namespace herald::push
