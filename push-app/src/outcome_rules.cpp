#include "outcome_rules.h"

#include <algorithm>
#include <array>

#include "herald/sip_uri.h"
#include "initiator_auth.h"
#include "report_request.h"
#include "report_rules.h"

namespace herald::push {
namespace {

using Kind = NextStep::Kind;

// The receiver does not read message/cpim. One whose Accept lists it minds what was inside (compare PS-33).
bool refuses_reports(const Outcome& outcome) {
  if (outcome.sent_type != kCpimType) return false;
  if (outcome.sip != 415 && outcome.sip != 406 && outcome.sip != 488 && outcome.sip != 606) return false;
  return !accept_allows(outcome.accept, kCpimType);
}

// Class F with the means there are today. True: `delivery` was changed so that the next attempt differs.
bool repair(Delivery& delivery, const PushJob& job, const Outcome& outcome, const RetryRules& rules) {
  if (refuses_reports(outcome) && !delivery.tried(Fix::no_report)) {
    // The plan goes on without, or ends a push that must be confirmed with 3007 (SM-7).
    delivery.mark_tried(Fix::no_report);
    return true;
  }
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
    case 406:
    case 413:
    case 415:
    case 488:
    case 513:
    case 606: {
      const bool smaller = outcome.sip == 413 || outcome.sip == 513;
      if (delivery.negotiations >= rules.negotiation_retries) return false;
      const auto next = next_content(job, delivery.content, outcome.accept, smaller);
      if (!next) return false;
      ++delivery.negotiations;
      delivery.content = *next;
      return true;
    }
    default:
      return false;  // other modes, credentials, intervals: nothing else to offer yet
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

std::optional<CapabilityFailure> capability_failure(const PushJob& job, const Delivery& delivery, const Outcome& outcome) {
  if (outcome.origin != ResponseOrigin::peer || job.contents.empty()) return std::nullopt;
  constexpr std::array kStatuses{405, 406, 413, 415, 420, 488, 493, 513, 606};
  if (std::find(kStatuses.begin(), kStatuses.end(), outcome.sip) == kStatuses.end()) return std::nullopt;
  const auto& content = job.contents[std::min<std::size_t>(delivery.content, job.contents.size() - 1)];
  CapabilityFailure failure;
  failure.status = outcome.sip;
  const bool inside = outcome.sent_type.empty() || (outcome.sent_type == kCpimType && !refuses_reports(outcome));
  failure.type = inside ? content.type : outcome.sent_type;
  failure.mode = delivery.mode == Mode::notify ? DeliveryMode::notify : DeliveryMode::pager;
  if (outcome.sent_type == kExternalType) failure.mode = DeliveryMode::indirection;
  failure.size = content.bytes.size();
  failure.accept = outcome.accept;
  failure.accept_encoding = outcome.accept_encoding;
  failure.unsupported = outcome.unsupported;
  return failure;
}

NextStep apply_outcome(Delivery& delivery, const PushJob& job, const Outcome& outcome, const RetryRules& rules,
                       std::chrono::milliseconds consent_recheck, double chance, WallTime now) {
  const auto reading = read_outcome(outcome);
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
    state.fix_available = repair(delivery, job, outcome, rules);
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
