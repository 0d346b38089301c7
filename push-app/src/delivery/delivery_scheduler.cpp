#include "delivery/delivery_scheduler.h"

#include <algorithm>
#include <utility>

#include "herald/sip_uri.h"
#include "job/push_records.h"
#include "push_catalog.h"

namespace herald::push {
namespace {

// Starts per turn of the loop: a registration storm must not hold the shard.
constexpr int kStartsPerTurn = 64;
// A step of the wall clock is noticed at the latest after this.
constexpr Duration kLongestSleep = std::chrono::seconds(60);
constexpr std::size_t kRestorePage = 500;
constexpr std::size_t kMaxExpiring = 500;
// Between a registration and what follows it: lets the S-CSCF store the binding it has just told us about.
constexpr std::chrono::milliseconds kSecondLook{500};

std::string delivery_name(std::string_view push, std::uint32_t index) { return std::string(push) + "/" + std::to_string(index); }

}  // namespace

DeliveryScheduler::DeliveryScheduler(ServletContext& context, std::shared_ptr<NodeLoad> load, Books books,
                                     std::shared_ptr<ContentLinks> links, std::shared_ptr<DeliveryObserver> observer)
    : context_(context),
      load_(std::move(load)),
      books_(std::move(books)),
      links_(std::move(links)),
      writer_{&context.store(), std::move(observer)},
      sessions_(std::make_unique<SessionDesk>(context)),
      random_(std::random_device{}()) {}

void DeliveryScheduler::start() {
  listening_ = context_.registrations().listen(
      [this](RegistrationEvent event, const Registration& registration) { on_registration(event, registration); });
  restoring_ = true;
  spawn(restore(shared_from_this()));
}

void DeliveryScheduler::stop() noexcept {
  *stopped_ = true;
  listening_.reset();
  sessions_->stop();
  if (timer_) context_.executor().timers().cancel(timer_);
  timer_ = {};
  for (auto& waiter : std::exchange(settled_waiters_, {})) waiter.promise->set({});
  metrics_.waiting(-static_cast<double>(queue_.size()));
  load_->open -= queue_.size();
}

void DeliveryScheduler::admit(Admission admission) {
  if (admission.from_store && queue_.find(admission.user, admission.item.push, admission.item.index)) return;
  if (restoring_) admitted_while_restoring_.insert(delivery_name(admission.item.push, admission.item.index));
  SlotId slot;
  if (!add(admission.item, admission.user, slot)) return;
  if (admission.loaded) queue_.carry(slot, std::move(admission.loaded));
  queue_.make_ready(slot);
  request_pump();
}

bool DeliveryScheduler::add(const DeliveryQueue::Item& item, const std::string& user, SlotId& slot) {
  const auto added = queue_.add(item, user);
  if (!added) return false;
  slot = *added;
  ++load_->open;
  metrics_.waiting(1);
  return true;
}

void DeliveryScheduler::wake(const std::string& user) {
  if (queue_.wake(user) > 0) request_pump();
}

void DeliveryScheduler::forget(const std::string& user, const std::string& push, std::uint32_t index) {
  const auto slot = queue_.find(user, push, index);
  if (!slot) return;
  const auto phase = queue_.phase(*slot);
  if (const auto session = sessions_->find(push, index)) session->recall();
  if (phase == DeliveryQueue::Phase::running || phase == DeliveryQueue::Phase::notifying) return;
  finish(*slot);
  request_pump();
}

void DeliveryScheduler::on_registration(RegistrationEvent event, const Registration& registration) {
  if (event != RegistrationEvent::registered && event != RegistrationEvent::refreshed) return;
  wake(registration.user);
  // The other identities of the implicit set may live elsewhere.
  for (const auto& identity : registration.associated) {
    if (identity == registration.user) continue;
    const auto shard = context_.home_shard(identity);
    if (shard == context_.shard()) {
      wake(identity);
    }
    // Other shards hear of it by their own view: the container posts a registration to the home of every identity.
  }
}

// Pushes that are not accepted yet: PushService accepts or removes them, and admits the deliveries itself.
Task<Expected<std::unordered_set<std::string>>> DeliveryScheduler::find_staged(Self self) {
  std::unordered_set<std::string> staged;
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kStagingTable);
    scan.cursor = cursor;
    const auto page = co_await self->context_.store().scan(std::move(scan));
    if (!page) co_return fail(page.error());
    for (const auto& record : page->records) staged.insert(record.key.id);
    cursor = page->next;
  } while (!cursor.empty() && !*self->stopped_);
  co_return staged;
}

Task<void> DeliveryScheduler::restore(Self self) {
  auto& store = self->context_.store();
  std::string cursor;
  std::size_t restored = 0;
  bool reported = false;
  std::unordered_set<std::string> staged;
  for (bool known = false; !known;) {
    auto found = co_await find_staged(self);
    if (*self->stopped_) co_return;
    known = found.has_value();
    if (known) {
      staged = std::move(*found);
    } else {
      self->metrics_.store_failure("restore");
      if (!std::exchange(reported, true)) log::event(catalog::kRestoreFailed, {{"cause", found.error().text}});
      co_await sleep_for(std::chrono::seconds(1));
      if (*self->stopped_) co_return;
    }
  }
  for (;;) {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.term = std::string(kOpenTerm);
    scan.cursor = cursor;
    scan.limit = kRestorePage;
    const auto page = co_await store.scan(std::move(scan));
    if (*self->stopped_) co_return;
    if (!page) {
      self->metrics_.store_failure("restore");
      if (!std::exchange(reported, true)) log::event(catalog::kRestoreFailed, {{"cause", page.error().text}});
      co_await sleep_for(std::chrono::seconds(1));
      if (*self->stopped_) co_return;
      continue;
    }
    for (const auto& record : page->records) {
      auto delivery = decode_delivery(record);
      if (!delivery) {
        log::event(catalog::kCorruptRecord, {{"cause", delivery.error().text}});
        continue;
      }
      if (staged.contains(delivery->push)) continue;
      if (delivery->final() || delivery->status == Status::network_accepted ||
          self->admitted_while_restoring_.contains(delivery_name(delivery->push, delivery->index)))
        continue;
      if (self->context_.home_shard(canonical_identity(delivery->address)) != self->context_.shard()) continue;
      self->restore_delivery(std::move(*delivery));
      ++restored;
    }
    cursor = page->next;
    if (cursor.empty()) break;
  }
  self->restoring_ = false;
  self->admitted_while_restoring_ = {};
  self->tell_settled();
  if (restored > 0) log::event(catalog::kRestored, {{"deliveries", restored}, {"shard", self->context_.shard()}});
  self->request_pump();
}

// What waits for a user waits on only if the user is still away.
void DeliveryScheduler::restore_delivery(Delivery delivery) {
  const auto now = context_.clock().wall();
  const auto user = canonical_identity(delivery.address);
  SlotId slot;
  const DeliveryQueue::Item item{delivery.push, delivery.index, delivery.priority, delivery.expires};
  if (!add(item, user, slot)) {
    log::event(catalog::kCorruptRecord, {{"cause", "delivery with a strange push id"}});
    return;
  }
  switch (delivery.status) {
    case Status::sending: {
      // Nobody knows whether it arrived. The old transaction ended with its process; at the latest 32 s after its start (Timer F)
      // nothing of it is left anywhere.
      const auto rest = context_.config<PushConfig>()->resend_after_restart;
      queue_.wait_until(slot, std::min(now + rest, std::max(now, delivery.started + std::chrono::seconds(32))));
      break;
    }
    case Status::retrying:
    case Status::scheduled:
    case Status::waiting_consent:
      if (delivery.retry_at && *delivery.retry_at > now) {
        queue_.wait_until(slot, *delivery.retry_at);
      } else {
        queue_.make_ready(slot);
      }
      break;
    case Status::waiting_reachable:
      if (context_.registrations().find(user) == nullptr &&
          context_.notifier().find(context_.config<PushConfig>()->event_package, user).empty()) {
        queue_.wait_for_registration(slot, std::nullopt);
        break;
      }
      [[fallthrough]];
    default:
      queue_.make_ready(slot);
      break;
  }
}

void DeliveryScheduler::request_pump() {
  if (pumping_ || std::exchange(pump_requested_, true)) return;
  context_.executor().complete([self = shared_from_this()] {
    self->pump_requested_ = false;
    if (!*self->stopped_) self->pump();
  });
}

void DeliveryScheduler::pump() {
  pumping_ = true;
  take_due();
  const auto limit = context_.config<PushConfig>()->max_in_flight;
  bool more = false;
  for (int started = 0; queue_.running() < limit; ++started) {
    if (started == kStartsPerTurn) {
      more = true;
      break;
    }
    const auto slot = queue_.take();
    if (!slot) break;
    start_work(*slot);
    if (*stopped_) return;
  }
  pumping_ = false;
  arm_timer();
  if (more) request_pump();
}

void DeliveryScheduler::take_due() {
  const auto now = context_.clock().wall();
  // The recipients of a large push expire at one moment: not all of them are worked on at once.
  while (expiring_ < kMaxExpiring) {
    const auto slot = queue_.pop_due(now);
    if (!slot) break;
    if (now >= queue_.expires(*slot)) {
      ++expiring_;
      spawn(expire(shared_from_this(), *slot));
    } else {
      queue_.make_ready(*slot);
    }
  }
  for (const auto& slot : gate_.take_probes(now, queue_)) queue_.make_ready(slot);
  if (pace_.next()) {
    for (const auto& slot : pace_.release(context_.config<PushConfig>()->domain_pace, queue_, now)) queue_.make_ready(slot);
  }
}

void DeliveryScheduler::arm_timer() {
  auto due = queue_.next_due();
  if (expiring_ >= kMaxExpiring) due.reset();  // the end of one of them looks again
  if (const auto probe = gate_.next_probe()) due = std::min(due.value_or(*probe), *probe);
  if (const auto turn = pace_.next()) due = std::min(due.value_or(*turn), *turn);
  auto& timers = context_.executor().timers();
  if (timer_ && due && timer_due_ == *due) return;
  if (timer_) timers.cancel(timer_);
  timer_ = {};
  if (!due) return;
  timer_due_ = *due;
  const auto& clock = context_.clock();
  const Duration left = std::clamp<Duration>(*due - clock.wall(), Duration::zero(), kLongestSleep);
  timer_ = timers.start_at(clock.now() + left, [self = shared_from_this()] {
    self->timer_ = {};
    if (!*self->stopped_) self->pump();
  });
}

void DeliveryScheduler::start_work(SlotId slot) {
  metrics_.in_flight(1);
  spawn(work(shared_from_this(), slot));
}

void DeliveryScheduler::finish(SlotId slot) {
  if (!queue_.alive(slot)) return;
  withdraw(slot);
  queue_.remove(slot);
  --load_->open;
  metrics_.waiting(-1);
}

void DeliveryScheduler::place(SlotId slot, const NextStep& step, const std::string& hop) {
  switch (step.kind) {
    case NextStep::Kind::done:
      return finish(slot);
    case NextStep::Kind::at_once:
      return queue_.make_ready(slot);
    case NextStep::Kind::at_time:
      return queue_.wait_until(slot, *step.at);
    case NextStep::Kind::on_registration:
    case NextStep::Kind::on_consent:
      // A registration that came while we were busy is not lost.
      if (queue_.woken(slot)) return queue_.wait_until(slot, context_.clock().wall() + kSecondLook);
      return queue_.wait_for_registration(slot, step.at);
    case NextStep::Kind::parked:
      queue_.park(slot);
      return gate_.park(hop, slot);
  }
}

double DeliveryScheduler::chance() { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); }

}  // namespace herald::push
