// Pushes in NOTIFYs: offered by a plan, taken by the subscription that asks first (PS-82), settled by what it answers.
// PS-70..PS-77 as far as content is concerned. See delivery_scheduler.h.
#include <algorithm>
#include <limits>
#include <utility>

#include "delivery/delivery_scheduler.h"
#include "delivery/delivery_writer.h"
#include "herald/trace.h"
#include "mode/pager_sender.h"
#include "push_catalog.h"
#include "report/report_request.h"

namespace herald::push {
namespace {

constexpr std::chrono::milliseconds kStoreRetry{1000};
// Content of waiting pushes that stays in memory for one user; the rest is read again when its turn comes.
constexpr std::size_t kCarried = 20;
// One NOTIFY looks past this many pushes that its subscription does not take.
constexpr std::size_t kLookedAt = 100;

bool is_about_content(int status) {
  return status == 406 || status == 413 || status == 415 || status == 488 || status == 493 || status == 513 || status == 606;
}

}  // namespace

// One NOTIFY being put together.
struct DeliveryScheduler::Flight {
  SubscriptionInfo subscription;
  NotifyWish wish;
  EnvelopeRules rules;
  std::string boundary;
  std::size_t seats = 1;
  WallTime now{};
  std::vector<Passenger> passengers;
  Envelope envelope;

  [[nodiscard]] Envelope wrap(const Passenger* another) const {
    std::vector<EnvelopeItem> items;
    const auto add = [this, &items](const Passenger& passenger) {
      items.push_back({passenger.loaded.job.get(), passenger.form, passenger.reference ? &*passenger.reference : nullptr,
                       passenger.report ? &*passenger.report : nullptr, now});
    };
    for (const auto& passenger : passengers) add(passenger);
    if (another != nullptr) add(*another);
    if (items.empty()) return {};
    return items.size() == 1 ? wrap_one(items.front(), rules) : wrap_many(items, rules, boundary);
  }
};

// -- offers

void DeliveryScheduler::offer(SlotId slot, LoadedDelivery* loaded, std::uint8_t content) {
  loaded->delivery.content = content;
  const auto user = queue_.target(slot);
  const auto application = canonical_application(loaded->job->application);
  offer_again(slot, std::make_unique<LoadedDelivery>(std::move(*loaded)));
  tell_subscriptions(user, application);
}

void DeliveryScheduler::offer_again(SlotId slot, std::unique_ptr<LoadedDelivery> loaded) {
  const auto& user = queue_.target(slot);
  const auto& delivery = loaded->delivery;
  notify_queue_.add(user, {slot, delivery.push, delivery.index, canonical_application(loaded->job->application),
                           queue_.priority(slot), queue_.order(slot)});
  queue_.offer(slot);
  if (notify_queue_.count(user, kAllApplications) > kCarried) loaded.reset();
  queue_.carry(slot, std::move(loaded));
}

void DeliveryScheduler::withdraw(SlotId slot) {
  if (queue_.phase(slot) != DeliveryQueue::Phase::offered) return;
  notify_queue_.remove(queue_.target(slot), queue_.priority(slot), queue_.order(slot));
}

void DeliveryScheduler::tell_subscriptions(const std::string& user, const std::string& application) {
  auto& notifier = context_.notifier();
  const auto package = context_.config<PushConfig>()->event_package;
  notifier.changed(package, user, application);
  notifier.changed(package, user, kAllApplications);
}

void DeliveryScheduler::reconsider(const std::string& user, std::string_view key) {
  const auto items = notify_queue_.best(user, key, std::numeric_limits<std::size_t>::max());
  for (const auto& item : items) {
    withdraw(item.slot);
    queue_.make_ready(item.slot);
  }
  if (!items.empty()) request_pump();
}

void DeliveryScheduler::subscription_began(const SubscriptionInfo& subscription) { wake(subscription.resource); }

void DeliveryScheduler::subscription_ended(const SubscriptionInfo& subscription) {
  reconsider(subscription.resource, subscription.key);
}

std::vector<SubscriptionInfo> DeliveryScheduler::subscriptions(const std::string& user, std::string_view after,
                                                               std::size_t limit) const {
  auto& notifier = context_.notifier();
  const auto package = context_.config<PushConfig>()->event_package;
  if (user.empty()) return notifier.list(package, after, limit);
  auto found = notifier.find(package, user);
  std::erase_if(found, [after](const SubscriptionInfo& subscription) { return subscription.id <= after; });
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  if (found.size() > limit) found.resize(limit);
  return found;
}

// -- one NOTIFY

Task<NotifyContent> DeliveryScheduler::notify_content(Self self, SubscriptionInfo subscription, NotifyWish wish) {
  NotifyContent content;
  content.nothing = wish.cause == NotifyCause::change;
  if (*self->stopped_) co_return content;
  const auto user = subscription.resource;
  const auto key = subscription.key;
  if (wish.cause == NotifyCause::initial || wish.cause == NotifyCause::decision) {
    self->wake(user);
    co_await wait_until_settled(self, user);
    if (*self->stopped_) co_return content;
  }
  Flight flight;
  const auto config = self->context_.config<PushConfig>();
  const bool batches = accept_allows(subscription.accept, kBatchType);
  flight.seats = batches ? config->subscriptions.batch_max_items : 1;
  flight.rules.domain = self->context_.node().domain;
  flight.rules.name_application = key == kAllApplications;
  flight.boundary = random_token(16);
  flight.now = self->context_.clock().wall();
  flight.subscription = std::move(subscription);
  flight.wish = wish;
  if (wish.cause != NotifyCause::ended) {
    for (auto& item : self->notify_queue_.best(user, key, kLookedAt)) {
      const bool room = co_await board(self, &flight, std::move(item));
      if (*self->stopped_) co_return content;
      if (!room) break;
    }
    co_await depart(self, &flight);
    if (*self->stopped_) co_return content;
  }
  content.etag = self->notify_queue_.etag(user, key);
  if (flight.passengers.empty()) co_return content;
  content.nothing = false;
  content.type = std::move(flight.envelope.type);
  content.body = std::move(flight.envelope.body);
  content.headers = std::move(flight.envelope.headers);
  // RFC 5839: not the tag of a queue that happened to be the same before; there is something new.
  const auto& last = flight.passengers.back().loaded.delivery;
  content.etag += "-" + last.push.substr(last.push.size() - 10) + std::to_string(last.index);
  content.batch = ++self->last_flight_;
  content.more = self->notify_queue_.count(user, key) > 0;
  self->flights_.emplace(content.batch, std::move(flight.passengers));
  co_return content;
}

// Takes one push along, if this subscription can have it. False: the NOTIFY is full.
Task<bool> DeliveryScheduler::board(Self self, Flight* flight, NotifyQueue::Item item) {
  auto& queue = self->queue_;
  const auto slot = item.slot;
  // From here on it is this NOTIFY's alone (PS-82).
  if (!self->notify_queue_.remove(flight->subscription.resource, item.priority, item.order)) co_return true;
  queue.notify(slot);
  Passenger passenger;
  passenger.slot = slot;
  const auto loading = co_await load(self, slot, &passenger.loaded);
  if (*self->stopped_) co_return false;
  if (!queue.alive(slot)) co_return true;
  const auto now = self->context_.clock().wall();
  if (loading == Loading::gone) {
    self->finish(slot);
    co_return true;
  }
  if (loading == Loading::again) {
    queue.wait_until(slot, now + kStoreRetry);
    self->request_pump();
    co_return true;
  }
  if (now >= passenger.loaded.job->expires) {
    Refuse expired{Status::expired, 1001, "deliver-before"};
    co_await settle(self, slot, &passenger.loaded, std::move(expired));
    co_return true;
  }
  const auto& delivery = passenger.loaded.delivery;
  const auto form = choose_for_notify(*passenger.loaded.job, delivery.content, flight->subscription.accept, {});
  if (!form) {
    // Another device's subscription takes it, or it must be planned anew.
    const auto paths = self->notify_paths(flight->subscription.resource, passenger.loaded.job->application);
    const bool wanted = std::any_of(paths.begin(), paths.end(), [&](const NotifyPath& path) {
      return choose_for_notify(*passenger.loaded.job, delivery.content, path.accept, {}).has_value();
    });
    auto owned = std::make_unique<LoadedDelivery>(std::move(passenger.loaded));
    if (wanted) {
      self->offer_again(slot, std::move(owned));
    } else {
      queue.carry(slot, std::move(owned));
      queue.make_ready(slot);
      self->request_pump();
    }
    co_return true;
  }
  passenger.form = *form;
  if (can_ask_by_notify(*passenger.loaded.job, delivery, form->content, flight->subscription.accept)) {
    passenger.report = report_request(*passenger.loaded.job, delivery);
  }
  if (delivery.tried(Fix::alone) && !flight->passengers.empty()) {
    auto owned = std::make_unique<LoadedDelivery>(std::move(passenger.loaded));
    self->offer_again(slot, std::move(owned));
    co_return false;
  }
  const bool fits = co_await fit(self, flight, &passenger);
  if (*self->stopped_) co_return false;
  if (!queue.alive(slot)) co_return true;
  if (fits) {
    flight->passengers.push_back(std::move(passenger));
    flight->envelope = flight->wrap(nullptr);
    if (flight->passengers.back().loaded.delivery.tried(Fix::alone)) co_return false;
    co_return flight->passengers.size() < flight->seats;
  }
  if (flight->passengers.empty()) {  // not even alone: another mode must carry it
    passenger.loaded.delivery.mark_tried(Fix::no_notify);
    auto owned = std::make_unique<LoadedDelivery>(std::move(passenger.loaded));
    queue.carry(slot, std::move(owned));
    queue.make_ready(slot);
    self->request_pump();
    co_return true;
  }
  auto owned = std::make_unique<LoadedDelivery>(std::move(passenger.loaded));
  self->offer_again(slot, std::move(owned));
  co_return false;
}

// PS-24: what is too large even for a NOTIFY of its own goes as a reference, else in a smaller form.
Task<bool> DeliveryScheduler::fit(Self self, Flight* flight, Passenger* passenger) {
  const auto fits = [flight, passenger] {
    const bool elsewhere = passenger->loaded.job->contents[passenger->form.content].blob && !passenger->reference;
    return !elsewhere && flight->wrap(passenger).size() <= flight->wish.room;
  };
  if (fits()) co_return true;
  if (!flight->passengers.empty()) co_return false;
  const auto& job = *passenger->loaded.job;
  // Its 200 proves delivery as well, but no display.
  if (passenger->report && (job.report_if_possible || job.report == Report::delivery)) {
    passenger->report.reset();
    if (fits()) co_return true;
  }
  const auto& accept = flight->subscription.accept;
  if (self->links_ && accept_allows(accept, kExternalType)) {
    auto reference = co_await ContentLinks::make(self->links_, passenger->loaded.job, passenger->form.content,
                                                 passenger->loaded.delivery.index);
    if (*self->stopped_) co_return false;
    if (reference) {
      passenger->reference = std::move(*reference);
      if (fits()) co_return true;
      passenger->reference.reset();
    }
  }
  for (std::size_t next = passenger->form.content + 1U; next < job.contents.size(); ++next) {
    const auto form = choose_for_notify(job, static_cast<std::uint8_t>(next), accept, {});
    if (!form) break;
    passenger->form = *form;
    if (fits()) co_return true;
    next = form->content;
  }
  co_return false;
}

// ST-48: the records say so before the first packet. Who was cancelled meanwhile stays behind.
Task<void> DeliveryScheduler::depart(Self self, Flight* flight) {
  auto& context = self->context_;
  std::vector<Passenger> aboard;
  bool changed = false;
  for (auto& passenger : flight->passengers) {
    const auto slot = passenger.slot;
    auto& delivery = passenger.loaded.delivery;
    delivery.content = passenger.form.content;
    delivery.mode = Mode::notify;
    ++delivery.attempts;
    delivery.started = context.clock().wall();
    delivery.retry_at.reset();
    delivery.move_to(Status::sending, 1001, "attempt", delivery.started);
    const auto saved = co_await save_delivery(self->writer_, passenger.loaded.job.get(), &delivery, Durability::relaxed);
    if (*self->stopped_) co_return;
    if (saved == Saved::yes && !delivery.cancel_requested) {
      self->metrics_.attempt(Mode::notify);
      aboard.push_back(std::move(passenger));
      continue;
    }
    changed = true;
    if (saved == Saved::lost) {
      self->finish(slot);
    } else if (saved == Saved::yes) {
      Refuse cancelled{Status::cancelled, 1000, "initiator"};
      co_await settle(self, slot, &passenger.loaded, std::move(cancelled));
      if (*self->stopped_) co_return;
    } else {
      self->queue_.wait_until(slot, context.clock().wall() + kStoreRetry);
      self->request_pump();
    }
  }
  flight->passengers = std::move(aboard);
  if (changed) flight->envelope = flight->wrap(nullptr);
}

void DeliveryScheduler::notified(const SubscriptionInfo&, std::uint64_t batch, const NotifyOutcome& outcome) {
  auto flight = flights_.extract(batch);
  if (flight.empty() || *stopped_) return;
  Landing landing;
  landing.subscription_ended = outcome.subscription_ended;
  landing.shared = flight.mapped().size() > 1;
  landing.outcome = outcome_of(outcome);
  for (auto& passenger : flight.mapped()) {
    auto own = landing;
    if (passenger.report) {
      own.outcome.sent_type = kCpimType;
    } else if (passenger.reference) {
      own.outcome.sent_type = kExternalType;
    } else if (passenger.form.envelope) {
      own.outcome.sent_type = kEnvelopeType;
    }
    spawn(arrived(shared_from_this(), std::move(passenger), std::move(own)));
  }
}

Task<void> DeliveryScheduler::arrived(Self self, Passenger passenger, Landing landing) {
  const auto slot = passenger.slot;
  auto& delivery = passenger.loaded.delivery;
  const auto& outcome = landing.outcome;
  const auto most = self->context_.config<PushConfig>()->retry.max_attempts;
  // The subscriber wanted no body this time (RFC 5839).
  const bool unsent = outcome.origin == ResponseOrigin::cancelled && outcome.sip == 0;
  const bool refused = outcome.origin == ResponseOrigin::peer && outcome.sip >= 300 && delivery.attempts < most;
  // PS-73: the answer was about the subscription, not about the push; another way may still reach the user. What may have
  // arrived for all we know is left to the rules for unknown outcomes.
  const bool lost = refused && landing.subscription_ended && outcome.sip != 408;
  // Which of them was too much is not said.
  const bool parted = refused && landing.shared && is_about_content(outcome.sip);
  if (delivery.cancel_requested || (!unsent && !lost && !parted)) {
    co_await after_attempt(self, slot, &passenger.loaded, std::move(landing.outcome), {});
  } else {
    const auto reading = read_outcome(outcome);
    if (unsent) {
      --delivery.attempts;
    } else {
      self->metrics_.outcome(reading.cause);
    }
    if (parted) delivery.mark_tried(Fix::alone);
    delivery.detail = reading.detail;
    delivery.move_to(Status::retrying, 1001, unsent ? "notify:suppressed" : reading.cause, self->context_.clock().wall());
    const auto saved =
        co_await save_outcome(self->writer_, passenger.loaded.job.get(), &delivery, Durability::relaxed, self->stopped_);
    if (*self->stopped_) co_return;
    if (saved == Saved::lost || delivery.final()) {
      if (delivery.final()) self->report_end(passenger.loaded);
      self->finish(slot);
    } else {
      auto owned = std::make_unique<LoadedDelivery>(std::move(passenger.loaded));
      self->queue_.carry(slot, std::move(owned));
      self->queue_.make_ready(slot);
    }
  }
  if (!*self->stopped_) self->request_pump();
}

// -- the first NOTIFY waits a moment for what is about to be offered

Task<void> DeliveryScheduler::wait_until_settled(Self self, std::string user) {
  const auto longest = self->context_.config<PushConfig>()->subscriptions.initial_wait;
  if (longest.count() == 0 || (!self->restoring_ && !self->queue_.active(user))) co_return;
  auto promise = std::make_shared<Promise<void>>();
  const auto settled = promise->future();
  self->settled_waiters_.push_back({std::move(user), promise});
  auto& timers = self->context_.executor().timers();
  const auto timer = timers.start_at(self->context_.clock().now() + longest, [promise] { promise->set({}); });
  static_cast<void>(co_await settled);
  if (*self->stopped_) co_return;
  self->context_.executor().timers().cancel(timer);
  std::erase_if(self->settled_waiters_, [&](const SettledWaiter& waiter) { return waiter.promise == promise; });
}

void DeliveryScheduler::tell_settled() {
  if (restoring_) return;
  for (const auto& waiter : settled_waiters_) {
    if (!queue_.active(waiter.user)) waiter.promise->set({});
  }
}

}  // namespace herald::push
