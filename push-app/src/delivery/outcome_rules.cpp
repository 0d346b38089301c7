#include "delivery/outcome_rules.h"

#include <algorithm>
#include <array>

#include "herald/sip_uri.h"
#include "initiator/initiator_auth.h"
#include "report/report_request.h"
#include "report/report_rules.h"

namespace herald::push {
namespace {

using Kind = NextStep::Kind;

// The receiver does not read message/cpim. One whose Accept lists it minds what was inside (compare PS-33).
bool refuses_reports(const Outcome& outcome) {
  if (outcome.sent_type != kCpimType) return false;
  if (outcome.sip != 415 && outcome.sip != 406 && outcome.sip != 488 && outcome.sip != 606) return false;
  return !accept_allows(outcome.accept, kCpimType);
}

// The receiver minds that the body was compressed, or minds it for all one can tell.
bool refuses_encoding(const Outcome& outcome) {
  return outcome.sent_gzip && outcome.sip == 415 && (outcome.accept.empty() || !outcome.accept_encoding.empty());
}

bool give_up(Delivery& delivery, Fix mode) {
  delivery.mark_tried(mode);
  ++delivery.negotiations;
  return true;
}

bool take_content(Delivery& delivery, std::optional<std::uint8_t> next) {
  if (!next) return false;
  ++delivery.negotiations;
  delivery.content = *next;
  return true;
}

// PS-42, section 7: what the session could not carry goes another way, or something else goes.
bool repair_session(Delivery& delivery, const PushJob& job, const Outcome& outcome, ModesLeft left) {
  using End = SessionOutcome::End;
  const auto& session = *outcome.session;
  const bool size = session.too_large || session.code == 413;
  if (session.end != End::unusable && session.end != End::refused && session.end != End::unreachable) return false;
  const auto next = next_content(job, delivery.content, outcome.accept, size);
  const bool type = session.end != End::unreachable && !size;
  if (type && take_content(delivery, next)) return true;
  if (left.message) return give_up(delivery, Fix::no_msrp);
  return size && take_content(delivery, next);
}

// A refused INVITE: whatever its reason, it is the session that is not wanted.
bool repair_invite(Delivery& delivery, ModesLeft left) { return left.message && give_up(delivery, Fix::no_msrp); }

bool repair_content(Delivery& delivery, const PushJob& job, const Outcome& outcome, ModesLeft left) {
  const bool smaller = outcome.sip == 413 || outcome.sip == 513;
  const auto next = next_content(job, delivery.content, outcome.accept, smaller);
  if (delivery.mode == Mode::indirection && !smaller && !accept_allows(outcome.accept, kExternalType)) {
    // PS-33: it lacks indirection. The same content in a session, else another one in a MESSAGE.
    if (left.any() || next) return give_up(delivery, Fix::no_indirection);
    return false;
  }
  // The book knows the size now: the plan will not choose a MESSAGE for this content again.
  if (smaller && delivery.mode != Mode::indirection && left.any()) {
    ++delivery.negotiations;
    return true;
  }
  return take_content(delivery, next);
}

// Class F with the means there are today. True: `delivery` was changed so that the next attempt differs.
bool repair(Delivery& delivery, const PushJob& job, const Outcome& outcome, const RetryRules& rules, ModesLeft left) {
  if (refuses_reports(outcome) && !delivery.tried(Fix::no_report)) {
    // The plan goes on without, or ends a push that must be confirmed with 3007 (SM-7).
    delivery.mark_tried(Fix::no_report);
    return true;
  }
  if (refuses_encoding(outcome) && !delivery.tried(Fix::no_encoding)) {
    delivery.mark_tried(Fix::no_encoding);
    return true;
  }
  const bool redirected = outcome.sip / 100 == 3;
  if (!redirected && delivery.negotiations >= rules.negotiation_retries) return false;
  if (outcome.session) return repair_session(delivery, job, outcome, left);
  if (!redirected && delivery.mode == Mode::msrp) return repair_invite(delivery, left);
  switch (outcome.sip) {
    case 300:
    case 301:
    case 302: {
      auto target = followable_redirect(delivery, outcome);
      if (!target) return false;
      delivery.mark_tried(Fix::redirect);
      delivery.redirected = std::move(*target);
      return true;
    }
    case 405:
    case 501:
      // It is MESSAGE that is not understood, and a reference comes in one too.
      if (!left.session || delivery.mode == Mode::notify) return false;
      delivery.mark_tried(Fix::no_indirection);
      return give_up(delivery, Fix::no_pager);
    case 406:
    case 413:
    case 415:
    case 488:
    case 513:
    case 606:
      return repair_content(delivery, job, outcome, left);
    default:
      return false;  // credentials, intervals: nothing else to offer yet
  }
}

NextStep finish(Delivery& delivery, const PushJob& job, const Outcome& outcome, const Reading& reading, WallTime now) {
  if (is_success(reading)) {
    apply_success(delivery, job, reading, outcome.sent_type == kCpimType, now);
  } else {
    delivery.move_to(reading.final_status, reading.code, reading.cause, now);
  }
  return {};
}

NextStep go_on(Delivery& delivery, Status status, const Reading& reading, WallTime now, Kind kind, std::optional<WallTime> at) {
  // DELETE came while the request was out: what cannot be recalled need not be repeated (status-mapping.md 9).
  if (delivery.cancel_requested) {
    delivery.move_to(Status::cancelled, 1000, "initiator", now);
    return {};
  }
  delivery.retry_at = at;
  delivery.move_to(status, 1001, reading.cause, now);
  return {kind, at};
}

}  // namespace

std::optional<std::string> followable_redirect(const Delivery& delivery, const Outcome& outcome) {
  if (delivery.tried(Fix::redirect)) return std::nullopt;
  const auto original = SipUri::parse(delivery.address);
  if (!original || !original->is_sip()) return std::nullopt;
  for (const auto& contact : outcome.contacts) {
    const auto target = SipUri::parse(contact);
    if (!target || !target->is_sip() || !matches_pattern(original->host, target->host)) continue;
    if (original->scheme == "sips" && target->scheme != "sips") continue;
    if (!target->headers.empty() || target->params.has("method") || target->equals(*original)) continue;
    return contact;
  }
  return std::nullopt;
}

namespace {

// What a session refused because of its size; nothing else it said holds for the next one.
std::optional<CapabilityFailure> session_failure(const Content& content, const SessionOutcome& session) {
  const bool size = session.too_large || (session.end == SessionOutcome::End::refused && session.code == 413);
  if (!size) return std::nullopt;
  CapabilityFailure failure;
  failure.status = 413;
  failure.mode = DeliveryMode::msrp;
  failure.type = content.type;
  failure.size = static_cast<std::size_t>(session.max_size ? *session.max_size + 1 : content.size());
  return failure;
}

}  // namespace

std::optional<CapabilityFailure> capability_failure(const PushJob& job, const Delivery& delivery, const Outcome& outcome) {
  if (outcome.origin != ResponseOrigin::peer || job.contents.empty()) return std::nullopt;
  if (outcome.session) {
    return session_failure(job.contents[std::min<std::size_t>(delivery.content, job.contents.size() - 1)], *outcome.session);
  }
  constexpr std::array kStatuses{405, 406, 413, 415, 420, 488, 493, 501, 513, 606};
  if (std::find(kStatuses.begin(), kStatuses.end(), outcome.sip) == kStatuses.end()) return std::nullopt;
  const auto& content = job.contents[std::min<std::size_t>(delivery.content, job.contents.size() - 1)];
  CapabilityFailure failure;
  failure.status = outcome.sip;
  const bool inside = outcome.sent_type.empty() || (outcome.sent_type == kCpimType && !refuses_reports(outcome));
  failure.type = inside ? content.type : outcome.sent_type;
  failure.mode = delivery.mode ? capability_of(*delivery.mode) : DeliveryMode::pager;
  if (outcome.sent_type == kExternalType) {
    failure.mode = DeliveryMode::indirection;
    failure.type = content.type;
  }
  failure.size = static_cast<std::size_t>(content.size());
  failure.accept = outcome.accept;
  failure.accept_encoding = outcome.accept_encoding;
  if (refuses_encoding(outcome) && failure.accept_encoding.empty()) failure.accept_encoding = {"identity"};
  failure.unsupported = outcome.unsupported;
  return failure;
}

NextStep apply_outcome(Delivery& delivery, const PushJob& job, const Outcome& outcome, const RetryRules& rules,
                       std::chrono::milliseconds consent_recheck, double chance, WallTime now, ModesLeft left) {
  auto reading = read_outcome(outcome);
  delivery.detail = reading.detail;
  delivery.retry_at.reset();
  if (reading.nothing_sent) {
    if (delivery.attempts > 0) --delivery.attempts;
    return go_on(delivery, Status::retrying, reading, now, Kind::parked, std::nullopt);
  }
  RetryState state;
  state.now = now;
  state.expires = job.expires;
  state.attempts = delivery.attempts;
  state.unknown_outcomes = delivery.unknown_outcomes;
  state.retry_after = outcome.retry_after;
  state.chance = chance;
  if (reading.retry == RetryClass::fix && !delivery.cancel_requested && delivery.attempts < rules.max_attempts) {
    state.fix_available = repair(delivery, job, outcome, rules, left);
    if (!state.fix_available && reading.else_transient) reading.retry = RetryClass::transient;
  }
  if (reading.retry == RetryClass::unknown) ++delivery.unknown_outcomes;

  const auto decision = decide_retry(reading, state, rules);
  switch (decision.kind) {
    case RetryDecision::Kind::finish:
      return finish(delivery, job, outcome, reading, now);
    case RetryDecision::Kind::at_time:
      return go_on(delivery, Status::retrying, reading, now, Kind::at_time, decision.at);
    case RetryDecision::Kind::at_once:
      return go_on(delivery, Status::retrying, reading, now, Kind::at_once, std::nullopt);
    case RetryDecision::Kind::on_registration:
      return go_on(delivery, Status::waiting_reachable, reading, now, Kind::on_registration, std::nullopt);
    case RetryDecision::Kind::on_consent:
      return go_on(delivery, Status::waiting_consent, reading, now, Kind::on_consent, now + consent_recheck);
  }
  return finish(delivery, job, outcome, reading, now);
}

}  // namespace herald::push
