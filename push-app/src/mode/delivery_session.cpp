// Pushes in sessions: opened in a delivery's turn, carried out beside the queue. PS-40..PS-48. See delivery_scheduler.h.
#include <utility>

#include "delivery/delivery_scheduler.h"
#include "delivery/mode_choice.h"
#include "herald/trace.h"
#include "mode/pager_sender.h"
#include "mode/request_preparation.h"
#include "push_catalog.h"
#include "report/report_request.h"

namespace herald::push {
namespace {

constexpr std::chrono::milliseconds kSessionRetry{1000};
// A content that must be wrapped is held in memory for it.
constexpr std::uint64_t kWrappedAtMost = std::uint64_t{4} << 20U;

const Content& content_of(const PushJob& job, std::uint8_t index) {
  return job.contents[std::min<std::size_t>(index, job.contents.size() - 1)];
}

}  // namespace

Task<void> DeliveryScheduler::attempt_session(Self self, SlotId slot, LoadedDelivery* loaded, Attempt wish) {
  auto& context = self->context_;
  auto& delivery = loaded->delivery;
  const auto& job = *loaded->job;
  auto session = self->sessions_->open();
  if (!session) {
    if (self->sessions_->running() > 0) {
      self->sessions_->wait(slot);
      co_return self->queue_.park(slot);
    }
    log::info("no session can be opened", {{"trace", job.trace}, {"push", delivery.push}, {"cause", session.error().text}});
    co_return self->queue_.wait_until(slot, context.clock().wall() + kSessionRetry);
  }
  const auto hop = wish.route;
  if (!self->gate_.admit(hop, context.clock().wall())) {
    (*session)->stop();
    NextStep parked;
    parked.kind = NextStep::Kind::parked;
    co_return self->place(slot, parked, hop);
  }
  const auto& application = find_application(context.services(), job.application);
  const auto wait = std::chrono::duration_cast<std::chrono::seconds>(context.config<PushConfig>()->msrp.answer_wait);
  auto sdp = (*session)->offer(content_of(job, wish.content).type, wish.report);
  const auto message = build_invitation(job, wish, delivery.address, application, message_context(context), wait, std::move(sdp));
  auto invite = make_pager_request(context.sip_factory(), message, job.trace, "INVITE");
  if (!invite) {
    (*session)->stop();
    self->gate_.abandon(hop);
    co_return co_await cannot_send(self, slot, loaded, std::move(wish), invite.error());
  }
  const bool recorded = co_await record_attempt(self, slot, loaded, &wish);
  if (!recorded) {
    (*session)->stop();
    invite->application_session().invalidate();
    co_return;
  }
  self->metrics_.attempt(Mode::msrp);
  self->sessions_->add(delivery.push, delivery.index, *session);
  // From here on the target is free: PS-11 is about MESSAGEs, and a long content must not keep short ones waiting.
  self->queue_.notify(slot);
  spawn(run_session(self, slot, std::move(*loaded), std::move(wish), std::move(*session), std::move(*invite)));
}

Task<void> DeliveryScheduler::run_session(Self self, SlotId slot, LoadedDelivery loaded, Attempt wish,
                                          std::shared_ptr<PushSession> session, SipServletRequest invite) {
  auto hop = wish.route;
  const auto job = loaded.job;
  const auto& content = content_of(*job, wish.content);
  auto type = content.type;
  auto answer = co_await PushSession::invite(session, std::move(invite), std::move(type));
  if (*self->stopped_) co_return;
  auto outcome = std::move(answer.outcome);
  if (answer.terms) {
    // The hop did its work; how long the transfer takes is none of its business.
    for (const auto& released : self->gate_.report(hop, false, {}, self->context_.clock().wall())) {
      self->queue_.make_ready(released);
    }
    hop.clear();
    self->request_pump();
    const auto& terms = *answer.terms;
    const bool wrappable = terms.wrapped && content.size() <= kWrappedAtMost;
    bool wrap = wrappable && (wish.report || !terms.plain);
    SessionCargo cargo;
    cargo.type = content.type;
    cargo.headers = session_headers(*job, wish.content, self->context_.node().domain);
    cargo.bytes = content.bytes;
    cargo.blob = content.blob;
    cargo.success_report = wants_report(*job);
    cargo.message_id = loaded.delivery.push;  // an ident of at most 32 characters, for this session
    if (wrap && cargo.blob) {
      auto reading = self->context_.blobs().read(cargo.blob->id, 0, static_cast<std::size_t>(cargo.blob->size));
      auto bytes = co_await reading;
      if (*self->stopped_) co_return;
      wrap = bytes.has_value();  // else what the session itself reads, or cannot read either, decides
      if (wrap) {
        cargo.bytes = std::move(*bytes);
        cargo.blob.reset();
      }
    }
    if (wrap) {
      auto request = report_request(*job, loaded.delivery);
      if (!wish.report) request.delivered = request.failed = request.displayed = false;
      cargo.bytes = cpim_around(request, self->context_.clock().wall(), cargo.type, std::move(cargo.headers), cargo.bytes);
      cargo.headers.clear();
      cargo.type = kCpimType;
    }
    const bool fits = !terms.max_size || cargo.size() <= *terms.max_size;
    if (!fits || (!terms.plain && !wrap)) {
      outcome = session->decline(terms, !fits);
    } else {
      const bool asked = wrap && wish.report;
      outcome = co_await PushSession::transfer(session, std::move(cargo));
      if (asked) outcome.sent_type = kCpimType;
      if (*self->stopped_) co_return;
    }
  }
  self->leave_session(loaded.delivery);
  co_await after_attempt(self, slot, &loaded, std::move(outcome), std::move(hop));
  if (!*self->stopped_) self->request_pump();
}

void DeliveryScheduler::leave_session(const Delivery& delivery) {
  sessions_->remove(delivery.push, delivery.index);
  if (const auto slot = sessions_->next(queue_)) queue_.make_ready(*slot);
}

}  // namespace herald::push
