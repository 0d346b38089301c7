#include "mode/push_session.h"

#include <algorithm>
#include <utility>

#include "capability/capabilities.h"
#include "herald/log.h"
#include "herald/trace.h"
#include "mode/pager_sender.h"
#include "push/cpim.h"

namespace herald::push {
namespace {

constexpr const char* kAttribute = "push-session";
constexpr Duration kCancelWait = std::chrono::seconds(32);  // 64*T1: RFC 3261 9.1
constexpr Duration kAbortWait = std::chrono::seconds(2);

using End = SessionOutcome::End;

bool takes_content(MsrpDirection direction) noexcept {
  return direction == MsrpDirection::recvonly || direction == MsrpDirection::sendrecv;
}

// RFC 3326: Reason: SIP;cause=503
bool says_overload(const SipServletRequest& bye) {
  const auto reason = bye.header("Reason").value_or("");
  return reason.find("cause=503") != std::string_view::npos;
}

Outcome with(Outcome outcome, SessionOutcome session) {
  outcome.session = std::move(session);
  return outcome;
}

}  // namespace

SessionTerms terms_of(const MsrpDescription& answer, std::string_view type) {
  SessionTerms terms;
  terms.plain = msrp_accepts(answer.accept_types, type);
  // RFC 4975 8.6: what accept-types allows by itself may also be wrapped.
  terms.wrapped = msrp_accepts(answer.accept_types, kCpimType) &&
                  (terms.plain || msrp_accepts(answer.accept_wrapped_types, type) || answer.accept_wrapped_types.empty());
  terms.max_size = answer.max_size;
  return terms;
}

MsrpDescription offer_of(const MsrpDescription& local, std::string_view type, bool report) {
  auto offer = local;
  const auto range = media_range(type);
  offer.accept_types = {range};
  if (report) offer.accept_types.insert(offer.accept_types.begin(), std::string(kCpimType));
  if (report) offer.accept_wrapped_types = {range};
  offer.setup = MsrpSetup::actpass;
  offer.direction = MsrpDirection::sendonly;
  offer.max_size.reset();
  return offer;
}

MsrpSetup our_role(const MsrpDescription& answer) noexcept {
  return answer.setup == MsrpSetup::active ? MsrpSetup::passive : MsrpSetup::active;
}

PushSession::PushSession(ServletContext& context, std::shared_ptr<MsrpSession> msrp, MsrpConfig config)
    : context_(context), msrp_(std::move(msrp)), config_(config) {}

std::string PushSession::offer(std::string_view type, bool report) {
  // RFC 4566 5.2: a number of our own; the session is known by its path.
  const auto now = context_.clock().wall().time_since_epoch();
  const auto number = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
  return to_sdp(offer_of(msrp_->local(), type, report), number, 1);
}

// -- INVITE --------------------------------------------------------------------------------------------------------------------

Task<PushSession::Answer> PushSession::invite(Self self, SipServletRequest request, std::string type) {
  Answer answer;
  self->invite_ = request;
  self->dialog_ = request.session();
  if (auto* attributes = self->dialog_.attributes()) attributes->set(kAttribute, std::weak_ptr<PushSession>(self));
  self->msrp_->on_closed([](const Error&) {});  // start() and send() tell
  self->arm(self->config_.answer_wait, &PushSession::answer_overdue);
  auto sending = request.send();
  auto response = co_await sending;
  self->answered_ = true;
  self->disarm();
  answer.outcome = response ? outcome_of(*response) : outcome_of(response.error());
  if (self->stopped_) co_return answer;
  const bool accepted = response && !response->locally_generated() && response->status() / 100 == 2;
  if (!accepted) {
    self->over_ = true;
    self->msrp_->close();
    const bool silence = self->overdue_ || answer.outcome.origin == ResponseOrigin::timer;
    if (silence || self->recalled_) answer.outcome.session = self->ended(End::unanswered, {});
    co_return answer;
  }
  self->acknowledge(*response);
  if (self->recalled_ || self->overdue_ || self->left_) {
    answer.outcome.session = self->ended(End::unanswered, {});
    self->hang_up();
    co_return answer;
  }
  auto peer = parse_msrp_sdp(response->body());
  if (!peer || !takes_content(peer->direction)) {
    SessionOutcome unusable;
    unusable.end = End::unusable;
    unusable.comment = peer ? "the answer takes nothing" : peer.error().text;
    answer.outcome.session = std::move(unusable);
    self->hang_up();
    co_return answer;
  }
  self->peer_ = std::move(*peer);
  answer.terms = terms_of(self->peer_, type);
  co_return answer;
}

void PushSession::acknowledge(SipServletResponse& response) {
  auto ack = response.create_ack();
  if (!ack) return;
  static_cast<void>(ack->send());  // an ACK has no response
}

Outcome PushSession::decline(const SessionTerms& terms, bool too_large) {
  SessionOutcome unusable;
  unusable.end = End::unusable;
  unusable.too_large = too_large;
  unusable.max_size = terms.max_size;
  Outcome outcome;
  outcome.sip = 200;
  outcome.session = std::move(unusable);
  if (!too_large) {
    outcome.accept = peer_.accept_types;
    if (terms.wrapped)
      outcome.accept.insert(outcome.accept.end(), peer_.accept_wrapped_types.begin(), peer_.accept_wrapped_types.end());
  }
  hang_up();
  return outcome;
}

// -- the content ---------------------------------------------------------------------------------------------------------------

Task<Outcome> PushSession::transfer(Self self, SessionCargo cargo) {
  Outcome outcome;
  outcome.sip = 200;
  const auto size = cargo.size();
  auto peer = self->peer_;
  const auto role = our_role(peer);
  const bool relay = peer.path.find(' ') != std::string::npos;
  const bool report = cargo.success_report;
  const auto finish = [&](SessionOutcome session) {
    session.report_asked = report;
    session.through_relay = relay;
    return with(outcome, std::move(session));
  };
  self->arm(self->config_.answer_wait, &PushSession::start_overdue);
  auto starting = self->msrp_->start(std::move(peer), role);
  const auto started = co_await starting;
  self->disarm();
  if (!started || self->left_ || self->recalled_ || self->stopped_) {
    auto session = self->ended(End::unreachable, started ? std::string() : started.error().text);
    self->hang_up();
    co_return finish(std::move(session));
  }
  MsrpMessage message;
  message.message_id = std::move(cargo.message_id);
  message.type = std::move(cargo.type);
  for (auto& field : cargo.headers) message.headers.emplace_back(std::move(field.name), std::move(field.value));
  message.bytes = std::move(cargo.bytes);
  message.blob = std::move(cargo.blob);
  message.success_report = report;
  auto sending = self->msrp_->send(std::move(message), self->config_.report_wait);
  const auto sent = co_await sending;
  self->disarm();
  auto session = self->outcome_of_sending(sent, size);
  // PS-48: a relay may still tell of a failure behind it.
  const bool linger = relay && !report && session.end == End::sent && !self->stopped_;
  if (linger) {
    self->hang_up_after(self->config_.linger);
  } else {
    self->hang_up();
  }
  co_return finish(std::move(session));
}

// Why it ended, when somebody ended it on purpose.
SessionOutcome PushSession::ended(End otherwise, std::string comment) const {
  SessionOutcome session;
  session.end = otherwise;
  if (left_) session.end = End::left;
  if (recalled_) session.end = End::recalled;
  session.overloaded = overloaded_;
  session.comment = std::move(comment);
  return session;
}

// SM-16.
SessionOutcome PushSession::outcome_of_sending(const Expected<MsrpSent>& sent, std::uint64_t size) const {
  if (!sent) {
    auto otherwise = End::lost;
    if (sent.error().code == ErrorCode::timeout) otherwise = End::silent;
    const bool ours = sent.error().code == ErrorCode::invalid || sent.error().code == ErrorCode::not_found ||
                      sent.error().code == ErrorCode::corrupt || sent.error().code == ErrorCode::too_large;
    if (ours) otherwise = End::refused;
    auto session = ended(otherwise, sent.error().text);
    if (session.end == End::refused) session.code = 400;
    return session;
  }
  SessionOutcome session;
  session.comment = sent->comment;
  if (sent->status / 100 != 2) {
    session.end = End::refused;
    session.code = sent->status;
    return session;
  }
  if (sent->acknowledged < size) return ended(End::lost, sent->comment);
  session.reported = sent->reported >= size && (size > 0 || !sent->interrupted);
  return session;
}

// -- ends ----------------------------------------------------------------------------------------------------------------------

void PushSession::recall() {
  if (recalled_ || over_) return;
  recalled_ = true;
  if (!invite_) return;  // nothing went out
  if (!answered_) {
    if (!overdue_) static_cast<void>(invite_->cancel());
    return arm(kCancelWait, &PushSession::cancel_overdue);
  }
  msrp_->abort_sending();
  arm(kAbortWait, &PushSession::abort_overdue);
}

void PushSession::take_bye(const SipServletRequest& bye) {
  auto* attributes = bye.session().attributes();
  auto* held = attributes != nullptr ? attributes->get<std::weak_ptr<PushSession>>(kAttribute) : nullptr;
  const auto session = held != nullptr ? held->lock() : nullptr;
  const bool overloaded = says_overload(bye);
  static_cast<void>(bye.respond(200));
  if (session) session->left(overloaded);
}

void PushSession::left(bool overloaded) {
  if (left_) return;
  left_ = true;
  overloaded_ = overloaded;
  if (over_) return;
  msrp_->abort_sending();
  arm(kAbortWait, &PushSession::abort_overdue);
}

void PushSession::hang_up() {
  disarm();
  if (std::exchange(over_, true)) return;
  if (!left_ && dialog_.state() == SipSession::State::confirmed) {
    if (auto bye = dialog_.create_request("BYE")) static_cast<void>(bye->send());
  }
  msrp_->close();
}

void PushSession::hang_up_after(Duration span) {
  auto& timers = context_.executor().timers();
  disarm();
  timer_ = timers.start_at(context_.clock().now() + span, [self = shared_from_this()] {
    self->timer_ = {};
    self->hang_up();
  });
}

void PushSession::stop() noexcept {
  if (std::exchange(stopped_, true)) return;
  hang_up();
}

// -- timers --------------------------------------------------------------------------------------------------------------------

void PushSession::arm(Duration span, void (PushSession::*overdue)()) {
  disarm();
  timer_ = context_.executor().timers().start_at(context_.clock().now() + span, [weak = weak_from_this(), overdue] {
    const auto self = weak.lock();
    if (!self) return;
    self->timer_ = {};
    (*self.*overdue)();
  });
}

void PushSession::disarm() noexcept {
  if (timer_) context_.executor().timers().cancel(timer_);
  timer_ = {};
}

void PushSession::answer_overdue() {
  overdue_ = true;
  static_cast<void>(invite_->cancel());
  arm(kCancelWait, &PushSession::cancel_overdue);
}

// No answer to the CANCEL either. A 2xx that comes later is the container's affair.
void PushSession::cancel_overdue() { invite_->application_session().invalidate(); }

void PushSession::start_overdue() { msrp_->close(); }
void PushSession::abort_overdue() { msrp_->close(); }

}  // namespace herald::push
