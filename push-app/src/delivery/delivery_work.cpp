// One delivery's turn, from its record to its next state. See delivery_scheduler.h.
#include <utility>

#include "capability/options_probe.h"
#include "consent/consent_catalog.h"
#include "consent/consent_rules.h"
#include "consent/inviter.h"
#include "delivery/delivery_scheduler.h"
#include "delivery/delivery_writer.h"
#include "delivery/devices.h"
#include "delivery/knowledge.h"
#include "delivery/mode_choice.h"
#include "herald/sip_uri.h"
#include "herald/trace.h"
#include "job/push_records.h"
#include "mode/pager_sender.h"
#include "mode/request_preparation.h"
#include "push_catalog.h"
#include "report/report_request.h"
#include "report/report_rules.h"
#include "text/gzip.h"

namespace herald::push {
namespace {

constexpr std::chrono::milliseconds kStoreRetry{1000};
constexpr Duration kHopPause = std::chrono::seconds(5);

// A cancellation that had to wait for this turn, with nothing out meanwhile.
std::optional<Refuse> cancelled_before(const Delivery& delivery) {
  if (!delivery.cancel_requested || delivery.status == Status::sending) return std::nullopt;
  if (delivery.cause == kNotPendingCause) return Refuse{Status::cancelled, 3003, delivery.cause};
  return Refuse{Status::cancelled, 1000, "initiator"};
}

}  // namespace

PlanRules DeliveryScheduler::plan_rules(const PushConfig& config) const {
  const auto& node = context_.node();
  PlanRules rules;
  rules.on_hss_failure = config.on_hss_failure;
  rules.hss_retry = config.hss_retry;
  rules.consent_recheck = config.consent_recheck;
  rules.pager_max_bytes = config.pager_max_bytes;
  rules.reference_max_bytes = config.reference_max_bytes;
  rules.next_hop = node.next_hop;
  rules.mode_order = config.mode_order;
  rules.external_body = links_ && links_->available();
  rules.sessions = sessions_->available();
  return rules;
}

Task<void> DeliveryScheduler::work(Self self, SlotId slot) {
  LoadedDelivery loaded;
  const auto loading = co_await load(self, slot, &loaded);
  if (*self->stopped_) co_return;
  switch (loading) {
    case Loading::gone:
      self->finish(slot);
      break;
    case Loading::again:
      self->queue_.wait_until(slot, self->context_.clock().wall() + kStoreRetry);
      break;
    case Loading::ok: {
      if (auto cancelled = cancelled_before(loaded.delivery)) {
        co_await settle(self, slot, &loaded, std::move(*cancelled));
        if (*self->stopped_) co_return;
        break;
      }
      const auto config = self->context_.config<PushConfig>();
      auto user = self->queue_.target(slot);
      auto known = co_await gather_knowledge(&self->context_, config, self->stopped_, self->books_, std::move(user),
                                             loaded.job->application, loaded.job->trace);
      if (*self->stopped_) co_return;
      if (known.consent_unknown) {
        self->queue_.wait_until(slot, self->context_.clock().wall() + kStoreRetry);
        break;
      }
      user = self->queue_.target(slot);
      const auto read = [&] {
        return read_capabilities(*self->books_.capabilities, user, known.hss, loaded.job->application, loaded.delivery.address);
      };
      if (is_device(loaded.delivery.address)) known.capabilities = read();
      // The service profiles may be others after a suspension.
      const auto decide = [&] {
        const auto& application = find_application(self->context_.services(), loaded.job->application);
        const PlanInput input{*loaded.job,     loaded.delivery,    application,
                              known.reach,     known.hss,          self->context_.clock().wall(),
                              known.consent,   known.capabilities, self->notify_paths(user, loaded.job->application),
                              loaded.too_large};
        return plan(input, self->plan_rules(*config));
      };
      auto decision = decide();
      if (const auto* wish = std::get_if<Attempt>(&decision)) {
        self->books_.capabilities->wanted(user, known.capabilities);
        if (worth_asking(*loaded.job, *wish, known.capabilities)) {
          const auto deadline = Deadline::after(self->context_.clock(), config->capabilities.options_wait);
          co_await CapabilityBook::probe(self->books_.capabilities, user, wish->target, loaded.job->application, wish->route,
                                         deadline);
          if (*self->stopped_) co_return;
          known.capabilities = read();
          decision = decide();
        }
      }
      co_await carry_out(self, slot, &loaded, std::move(decision));
      if (*self->stopped_) co_return;
      break;
    }
  }
  self->metrics_.in_flight(-1);
  self->tell_settled();
  self->request_pump();
}

// PS-81: a subscription to the application, or to all of them.
std::vector<NotifyPath> DeliveryScheduler::notify_paths(const std::string& user, std::string_view application) {
  std::vector<NotifyPath> paths;
  auto& notifier = context_.notifier();
  const auto package = context_.config<PushConfig>()->event_package;
  for (const auto& key : {canonical_application(application), std::string(kAllApplications)}) {
    if (!notifier.has_active(package, user, key)) continue;
    for (auto& subscription : notifier.find(package, user, key)) {
      if (subscription.status == SubscriptionStatus::active) paths.push_back({std::move(subscription.accept)});
    }
  }
  return paths;
}

Task<DeliveryScheduler::Loading> DeliveryScheduler::load(Self self, SlotId slot, LoadedDelivery* out) {
  if (auto carried = self->queue_.take_carried(slot)) {
    *out = std::move(*carried);
    co_return Loading::ok;
  }
  auto& store = self->context_.store();
  const auto push = self->queue_.push(slot);
  auto delivery_at = delivery_key(push, self->queue_.index(slot));
  const auto delivery_record = co_await store.get(std::move(delivery_at));
  if (*self->stopped_) co_return Loading::gone;
  if (!delivery_record) co_return delivery_record.error().code == ErrorCode::not_found ? Loading::gone : Loading::again;
  auto push_at = push_key(push);
  const auto push_record = co_await store.get(std::move(push_at));
  if (!push_record) co_return push_record.error().code == ErrorCode::not_found ? Loading::gone : Loading::again;
  auto delivery = decode_delivery(*delivery_record);
  auto job = decode_push(*push_record);
  if (!delivery || !job) {
    log::event(catalog::kCorruptRecord, {{"push", push}, {"cause", delivery ? job.error().text : delivery.error().text}});
    co_return Loading::gone;
  }
  if (delivery->final() || awaits_report(*delivery)) co_return Loading::gone;
  out->delivery = std::move(*delivery);
  out->job = std::make_shared<const PushJob>(std::move(*job));
  co_return Loading::ok;
}

// Runs beside the target's queue: it must not wait for a MESSAGE that is still pending.
Task<void> DeliveryScheduler::expire(Self self, SlotId slot) {
  co_await expire_one(self, slot);
  --self->expiring_;
  if (!*self->stopped_) self->request_pump();
}

Task<void> DeliveryScheduler::expire_one(Self self, SlotId slot) {
  LoadedDelivery loaded;
  self->withdraw(slot);
  self->queue_.hold(slot);
  const auto loading = co_await load(self, slot, &loaded);
  if (*self->stopped_ || !self->queue_.alive(slot)) co_return;
  if (loading == Loading::again) {
    co_await sleep_for(kStoreRetry);
    if (*self->stopped_) co_return;
    self->queue_.wait_until(slot, self->context_.clock().wall());
    self->request_pump();
    co_return;
  }
  if (loading == Loading::gone) {
    self->finish(slot);
    co_return;
  }
  const Refuse refusal{Status::expired, 1001, "deliver-before"};
  co_await settle(self, slot, &loaded, refusal);
}

Task<void> DeliveryScheduler::carry_out(Self self, SlotId slot, LoadedDelivery* loaded, Plan decision) {
  // Found in `sending`: the process died, or lost the store, with a request out.
  if (loaded->delivery.status == Status::sending) {
    ++loaded->delivery.restarts;
    if (std::holds_alternative<Attempt>(decision)) {
      if (loaded->delivery.attempts >= self->context_.config<PushConfig>()->retry.max_attempts) {
        decision = Refuse{Status::timeout, 4000, "restart:unknown"};
      } else {
        self->metrics_.possible_duplicate("restart");
      }
    }
  }
  if (auto* refusal = std::get_if<Refuse>(&decision)) co_return co_await settle(self, slot, loaded, std::move(*refusal));
  if (auto* wish = std::get_if<Wait>(&decision)) co_return co_await wait(self, slot, loaded, std::move(*wish));
  co_await attempt(self, slot, loaded, std::move(std::get<Attempt>(decision)));
}

Task<void> DeliveryScheduler::settle(Self self, SlotId slot, LoadedDelivery* loaded, Refuse refusal) {
  auto& delivery = loaded->delivery;
  delivery.move_to(refusal.status, refusal.code, std::move(refusal.cause), self->context_.clock().wall());
  const auto saved = co_await save_outcome(self->writer_, loaded->job.get(), &delivery, Durability::durable, self->stopped_);
  if (*self->stopped_) co_return;
  if (saved == Saved::yes) self->report_end(*loaded);
  self->finish(slot);
}

Task<void> DeliveryScheduler::wait(Self self, SlotId slot, LoadedDelivery* loaded, Wait wish) {
  auto& delivery = loaded->delivery;
  const bool changed = delivery.status != wish.status || delivery.cause != wish.cause || wish.what == Wait::For::time;
  if (changed) {  // a push that only looks again costs no write
    delivery.retry_at = wish.until;
    delivery.move_to(wish.status, 1001, std::move(wish.cause), self->context_.clock().wall());
    const auto saved = co_await save_delivery(self->writer_, loaded->job.get(), &delivery, Durability::relaxed);
    if (*self->stopped_) co_return;
    if (saved == Saved::lost) co_return self->finish(slot);
    // `failed`: nothing was promised that the store does not hold; the next look writes again.
    if (delivery.final()) {  // cancelled meanwhile
      self->report_end(*loaded);
      co_return self->finish(slot);
    }
  }
  if (wish.what == Wait::For::consent && self->books_.inviter) {
    self->books_.inviter->ask(delivery.address, loaded->job->application, loaded->job->sender);
  }
  NextStep step;
  step.kind = wish.what == Wait::For::time ? NextStep::Kind::at_time : NextStep::Kind::on_registration;
  step.at = wish.until;
  self->place(slot, step, {});
}

Task<void> DeliveryScheduler::attempt(Self self, SlotId slot, LoadedDelivery* loaded, Attempt wish) {
  auto& context = self->context_;
  if (wish.mode == Mode::notify) co_return self->offer(slot, loaded, wish.content);
  const auto config = context.config<PushConfig>();
  if (!self->pace_.admit(config->domain_pace, self->queue_.target(slot), slot, self->queue_, context.clock().wall())) {
    co_return self->queue_.park(slot);
  }
  if (wish.mode == Mode::msrp) co_return co_await attempt_session(self, slot, loaded, std::move(wish));
  const auto hop = wish.route;
  Preparation with{&context, self->links_, self->stopped_};
  auto request = co_await prepare_message(std::move(with), loaded, &wish);
  if (*self->stopped_) co_return;
  if (!request) co_return co_await cannot_send(self, slot, loaded, std::move(wish), request.error());
  if (!self->gate_.admit(hop, context.clock().wall())) {
    request->application_session().invalidate();
    NextStep parked;
    parked.kind = NextStep::Kind::parked;
    self->place(slot, parked, hop);
    co_return;
  }
  const bool recorded = co_await record_attempt(self, slot, loaded, &wish);
  if (!recorded) {
    request->application_session().invalidate();
    co_return;
  }
  self->metrics_.attempt(wish.mode);
  auto answered = request->send();
  const auto response = co_await answered;
  if (*self->stopped_) co_return;
  auto outcome = response ? outcome_of(*response) : outcome_of(response.error());
  if (wish.report) {
    outcome.sent_type = kCpimType;
  } else if (wish.mode == Mode::indirection) {
    outcome.sent_type = kExternalType;
  }
  outcome.sent_gzip = request->header("Content-Encoding") == kGzip;
  co_await after_attempt(self, slot, loaded, std::move(outcome), hop);
}

// Nothing went out. What does not fit may go another way; what needs a link waits until one can be made.
Task<void> DeliveryScheduler::cannot_send(Self self, SlotId slot, LoadedDelivery* loaded, Attempt wish, Error error) {
  auto& delivery = loaded->delivery;
  log::info("push cannot be sent", {{"trace", loaded->job->trace}, {"push", delivery.push}, {"cause", error.text}});
  if (error.code == ErrorCode::too_large) {
    if (wish.mode == Mode::pager) {
      loaded->too_large |= 1U << std::min<unsigned>(wish.content, 31U);
    } else {
      delivery.mark_tried(fix_of(wish.mode));
    }
    auto again = std::make_unique<LoadedDelivery>(std::move(*loaded));
    self->queue_.carry(slot, std::move(again));
    co_return self->queue_.make_ready(slot);
  }
  if (error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout) {
    co_return self->queue_.wait_until(slot, self->context_.clock().wall() + kStoreRetry);
  }
  const Refuse refusal{Status::undeliverable, 3000, "local:request"};
  co_await settle(self, slot, loaded, refusal);
}

// False: nothing may go out, and the slot is where it belongs.
Task<bool> DeliveryScheduler::record_attempt(Self self, SlotId slot, LoadedDelivery* loaded, const Attempt* attempt) {
  auto& context = self->context_;
  auto& delivery = loaded->delivery;
  const auto& wish = *attempt;
  const auto hop = wish.route;
  // ST-48: before the first packet, so that a restart knows that one may be out.
  delivery.content = wish.content;
  delivery.mode = wish.mode;
  ++delivery.attempts;
  delivery.started = context.clock().wall();
  delivery.retry_at.reset();
  delivery.move_to(Status::sending, 1001, "attempt", delivery.started);
  const auto saved = co_await save_delivery(self->writer_, loaded->job.get(), &delivery, Durability::relaxed);
  if (*self->stopped_) co_return false;
  if (saved == Saved::yes && !delivery.cancel_requested) co_return true;
  self->gate_.abandon(hop);
  if (saved == Saved::lost) {
    self->finish(slot);
  } else if (saved == Saved::yes) {  // nothing went out yet: the cancellation is in time
    const Refuse cancelled{Status::cancelled, 1000, "initiator"};
    co_await settle(self, slot, loaded, cancelled);
  } else {
    self->queue_.wait_until(slot, context.clock().wall() + kStoreRetry);
  }
  co_return false;
}

Task<void> DeliveryScheduler::after_attempt(Self self, SlotId slot, LoadedDelivery* loaded, Outcome outcome, std::string hop) {
  auto& context = self->context_;
  auto& delivery = loaded->delivery;
  const auto now = context.clock().wall();
  const auto config = context.config<PushConfig>();
  const auto reading = read_outcome(outcome);
  self->metrics_.outcome(reading.cause);
  if (!hop.empty()) {
    for (const auto& released : self->gate_.report(hop, reading.nothing_sent, outcome.retry_after, now)) {
      self->queue_.make_ready(released);
    }
  }
  if (reading.alarm) {
    log::event(catalog::kAlarmingAnswer,
               {{"trace", loaded->job->trace}, {"push", delivery.push}, {"cause", reading.cause}, {"hop", hop}});
  }
  if (auto failure = capability_failure(*loaded->job, delivery, outcome)) {
    const auto contact = is_device(delivery.address) ? delivery.address : std::string();
    self->books_.capabilities->learn(self->queue_.target(slot), contact, loaded->job->application, *failure);
  }
  // Before the next push to this user may go: his word about this one (PR-16, PA-4).
  auto decision =
      decision_of_push(outcome, loaded->job->sender, canonical_identity(delivery.address), config->consent.reask_after, now);
  if (decision) {
    if (decision->state == Consent::pending) {
      log::event(catalog::kConsentNeeded, {{"trace", loaded->job->trace}, {"push", delivery.push}, {"detail", decision->detail}});
    }
    auto user = canonical_identity(delivery.address);
    auto application = loaded->job->application;
    static_cast<void>(
        co_await ConsentBook::decide(self->books_.consent, std::move(user), std::move(application), std::move(*decision)));
    if (*self->stopped_) co_return;
  }
  const auto& application = find_application(context.services(), loaded->job->application);
  const auto left = modes_left(*loaded->job, delivery, application, self->plan_rules(*config));
  auto step = apply_outcome(delivery, *loaded->job, outcome, config->retry, config->consent_recheck, self->chance(), now, left);
  if (step.kind == NextStep::Kind::parked && hop.empty()) {  // a NOTIFY's hop is the notifier's affair
    step.kind = NextStep::Kind::at_time;
    step.at = now + std::chrono::ceil<std::chrono::milliseconds>(outcome.retry_after.value_or(kHopPause));
  }
  if (awaits_report(delivery)) delivery.report_due = report_due(*loaded->job, *config, now);
  if (reading.retry == RetryClass::unknown && !delivery.final()) self->metrics_.possible_duplicate("unknown_outcome");
  // A final state is what the initiator is told: it must not be undone by a power cut.
  const auto durability = delivery.final() ? Durability::durable : Durability::relaxed;
  const auto saved = co_await save_outcome(self->writer_, loaded->job.get(), &delivery, durability, self->stopped_);
  if (*self->stopped_) co_return;
  if (saved == Saved::lost) co_return self->finish(slot);
  if (delivery.final()) {
    self->report_end(*loaded);
    co_return self->finish(slot);
  }
  log::debug("push goes on", {{"trace", loaded->job->trace},
                              {"push", delivery.push},
                              {"status", to_string(delivery.status)},
                              {"cause", delivery.cause},
                              {"attempts", delivery.attempts}});
  if (step.kind == NextStep::Kind::at_once) {
    auto again = std::make_unique<LoadedDelivery>(std::move(*loaded));
    self->queue_.carry(slot, std::move(again));
  }
  self->place(slot, step, hop);
}

void DeliveryScheduler::report_end(const LoadedDelivery& loaded) {
  const auto& delivery = loaded.delivery;
  metrics_.finished(delivery, context_.clock().wall());
  if (!log::enabled(log::Level::info)) return;  // the hash of the identity costs a microsecond
  log::info("push finished", {{"trace", loaded.job->trace},
                              {"push", delivery.push},
                              {"recipient", log::identity(delivery.address)},
                              {"status", to_string(delivery.status)},
                              {"code", delivery.code},
                              {"cause", delivery.cause},
                              {"attempts", delivery.attempts}});
}

}  // namespace herald::push
