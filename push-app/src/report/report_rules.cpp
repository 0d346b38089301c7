#include "report/report_rules.h"

#include <algorithm>
#include <array>

#include "report/report_request.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

using Effect = ReportEffect::Kind;
using Kind = DispositionNotice::Kind;
using State = DispositionNotice::State;

void prove(Delivery& delivery, Evidence evidence) { delivery.evidence = std::max(delivery.evidence, evidence); }

bool note(std::string& where, std::string text) {
  if (where == text) return false;
  where = std::move(text);
  return true;
}

ReportEffect noted(Delivery& delivery, const DispositionNotice& notice) {
  // SM-12 keeps what the answer said: this is said after it.
  constexpr std::size_t kMost = 300;
  const auto cause = cause_of(notice);
  if (delivery.detail.find(cause) != std::string::npos) return {Effect::repeated, false, false};
  auto text = delivery.detail.empty() ? cause : delivery.detail + "; " + cause;
  text.resize(std::min(text.size(), kMost));
  const bool changed = note(delivery.detail, std::move(text));
  return {Effect::noted, changed, false};
}

// Which was first counts: a second one of the kind is a repeat or changes nothing that anybody was told.
ReportEffect after_the_end(Delivery& delivery, Effect kind, const DispositionNotice& notice, WallTime now) {
  if (!delivery.late_report.empty()) return {Effect::repeated, false, false};
  delivery.late_report = cause_of(notice) + " " + to_rfc3339(now);
  return {kind, true, false};
}

ReportEffect move(Delivery& delivery, Status status, int code, const DispositionNotice& notice, WallTime now) {
  const bool moved = delivery.move_to(status, code, cause_of(notice), now);
  return {moved ? Effect::applied : Effect::repeated, moved, false};
}

// SM-1, SM-13, SM-14.
ReportEffect when_final(Delivery& delivery, const DispositionNotice& notice, WallTime now) {
  const bool arrived = delivery.status == Status::delivered || delivery.status == Status::displayed;
  const bool bad = notice.kind == Kind::delivery && notice.state == State::failed;
  if (!arrived) {
    const bool reached = notice.state == State::delivered || notice.state == State::displayed;
    if (reached) return after_the_end(delivery, Effect::late, notice, now);
    return {Effect::repeated, false, false};
  }
  if (bad) return after_the_end(delivery, Effect::contradicting, notice, now);
  if (notice.state == State::displayed) {
    if (delivery.status == Status::displayed) return {Effect::repeated, false, false};
    prove(delivery, Evidence::receiver);
    return move(delivery, Status::displayed, 1000, notice, now);
  }
  if (notice.state == State::delivered && delivery.evidence != Evidence::receiver) {
    // It ended without proof; the state is the same and now it is proven.
    prove(delivery, Evidence::receiver);
    static_cast<void>(after_the_end(delivery, Effect::late, notice, now));
    return {Effect::late, true, false};
  }
  if (notice.kind == Kind::display && !notice.positive()) return noted(delivery, notice);
  return {Effect::repeated, false, false};
}

// A receiver says what it will not or cannot say.
ReportEffect silent(Delivery& delivery, const DispositionNotice& notice, WallTime now) {
  auto effect = noted(delivery, notice);
  effect.alarm = notice.kind == Kind::delivery && notice.state == State::error && effect.changed;
  if (!awaits_report(delivery) || notice.kind == Kind::processing) return effect;
  if (notice.kind == Kind::display) {
    // Its user agent has it, or could not know of a display.
    prove(delivery, Evidence::receiver);
    return move(delivery, Status::delivered, 1000, notice, now);
  }
  if (notice.state == State::error || delivery.evidence == Evidence::receiver) return effect;
  return move(delivery, Status::delivered, 1000, notice, now);  // evidence stays what the network said
}

bool by_relay(const Transition& line) {
  constexpr std::array<std::string_view, 3> kRelays{"sip:202", "imdn:processed", "imdn:stored"};
  return std::find(kRelays.begin(), kRelays.end(), line.cause) != kRelays.end() || line.cause.starts_with("msrp:");
}

}  // namespace

bool is_success(const Reading& reading) noexcept {
  return reading.retry == RetryClass::none &&
         (reading.final_status == Status::delivered || reading.final_status == Status::network_accepted);
}

void apply_success(Delivery& delivery, const PushJob& job, const Reading& reading, bool asked, WallTime now) {
  prove(delivery, reading.evidence.value_or(Evidence::network));
  auto status = reading.final_status;
  if (!wants_report(job) || job.report_if_possible) status = Status::delivered;
  // status-mapping.md 1: a 200 does not end a push of which more shall be heard.
  const bool proven = delivery.evidence == Evidence::receiver && job.report == Report::delivery;
  if (asked && wants_report(job) && !proven) status = Status::network_accepted;
  delivery.move_to(status, reading.code, reading.cause, now);
}

std::string_view to_string(ReportEffect::Kind kind) noexcept {
  constexpr std::array<std::string_view, 7> kNames{"applied",       "noted",      "repeated", "late",
                                                   "contradicting", "unexpected", "too_early"};
  return kNames.at(static_cast<std::size_t>(kind));
}

ReportEffect apply_report(Delivery& delivery, const PushJob& job, const DispositionNotice& notice, WallTime now) {
  if (!wants_report(job) || delivery.attempts == 0) return {Effect::unexpected, false, false};
  if (delivery.final()) return when_final(delivery, notice, now);
  if (notice.state == State::forbidden || notice.state == State::error) {
    if (delivery.status == Status::sending) return {Effect::too_early, false, false};
    return silent(delivery, notice, now);
  }
  switch (notice.state) {
    case State::displayed:
      prove(delivery, Evidence::receiver);
      return move(delivery, Status::displayed, 1000, notice, now);
    case State::delivered: {
      const bool again = delivery.evidence == Evidence::receiver;
      prove(delivery, Evidence::receiver);
      if (job.report != Report::display || !awaits_report(delivery)) return move(delivery, Status::delivered, 1000, notice, now);
      if (again) return {Effect::repeated, false, false};
      return move(delivery, Status::network_accepted, 1000, notice, now);
    }
    case State::failed:
      if (!awaits_report(delivery)) return {Effect::too_early, false, false};
      if (delivery.evidence == Evidence::receiver) return after_the_end(delivery, Effect::contradicting, notice, now);
      return move(delivery, Status::undeliverable, 4000, notice, now);
    case State::processed:
    case State::stored:
      // While a request is out its answer says as much. Else somebody has it: it need not be sent again.
      if (delivery.status == Status::sending) return {Effect::too_early, false, false};
      if (awaits_report(delivery)) return noted(delivery, notice);
      prove(delivery, Evidence::network);
      delivery.retry_at.reset();
      return move(delivery, Status::network_accepted, 1000, notice, now);
    default:
      return {Effect::repeated, false, false};
  }
}

WallTime report_due(const PushJob& job, const PushConfig& config, WallTime now) {
  return std::min(now + config.report_timeout, job.expires + config.retention);
}

bool end_without_report(Delivery& delivery, const PushJob& job, WallTime now) {
  if (!awaits_report(delivery)) return false;
  constexpr std::string_view kCause = "timer:report";
  const bool held =
      delivery.detail.find("imdn:processed") != std::string::npos || delivery.detail.find("imdn:stored") != std::string::npos;
  const bool relayed = held || std::any_of(delivery.history.begin(), delivery.history.end(), [](const Transition& line) {
                         return line.status == Status::network_accepted && by_relay(line);
                       });
  const bool known = delivery.evidence > Evidence::network || !relayed || job.report_if_possible;
  return known ? delivery.move_to(Status::delivered, 1000, std::string(kCause), now)
               : delivery.move_to(Status::timeout, 4000, std::string(kCause), now);
}

}  // namespace herald::push
