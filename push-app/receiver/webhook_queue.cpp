#include "webhook_queue.h"

#include <random>

#include "content_fetcher.h"
#include "hashes.h"
#include "herald/http_client.h"
#include "herald/log.h"
#include "herald/metrics.h"
#include "webhook_catalog.h"

namespace herald::receiver {
namespace {

constexpr auto kRemember = std::chrono::hours(24);       // PR-9
constexpr auto kStorePause = std::chrono::seconds(5);    // after the store refused
constexpr auto kFarAway = std::chrono::hours(24 * 400);  // beyond any due time of ours
constexpr std::size_t kCountPage = 500;
constexpr Duration kRefusedRetry = std::chrono::seconds(10);

struct Meters {
  metrics::Counter delivered = outcome("delivered");
  metrics::Counter failed = outcome("failed");
  metrics::Counter dead = outcome("dead");
  metrics::Counter duplicate = outcome("duplicate");
  metrics::Counter refused = outcome("refused");
  metrics::Gauge waiting = metrics::gauge("herald_receiver_webhook_waiting", "Pushes that wait for webhooks.");
  static metrics::Counter outcome(std::string_view what) {
    return metrics::counter("herald_receiver_webhook_total", "Pushes for webhooks by what became of an attempt.",
                            {{"outcome", what}});
  }
};
const Meters& meters() {
  static const Meters all;
  return all;
}

double chance() {
  thread_local std::minstd_rand source{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(source);
}

std::optional<Duration> retry_after(const HttpResponse& response) {
  for (const auto& field : response.headers) {
    if (field.name != "Retry-After" && field.name != "retry-after") continue;
    char* end = nullptr;
    const auto seconds = std::strtoul(field.value.c_str(), &end, 10);
    if (end != field.value.c_str() && *end == '\0' && seconds < 1'000'000) return Duration(std::chrono::seconds(seconds));
  }
  return std::nullopt;
}

// What will not get better by waiting.
bool lasting(const Error& error) {
  return error.code == ErrorCode::corrupt || error.code == ErrorCode::unsupported || error.code == ErrorCode::too_large ||
         error.code == ErrorCode::forbidden || error.code == ErrorCode::invalid || error.code == ErrorCode::not_found;
}

Error too_many() { return Error{ErrorCode::busy, "too many pushes wait for webhooks", kRefusedRetry}; }

}  // namespace

void WebhookQueue::count_waiting(std::ptrdiff_t change) {
  const auto now = load_->waiting.fetch_add(change) + change;
  meters().waiting.set(static_cast<double>(now));
}

// ---- what comes in

Task<Expected<std::size_t>> WebhookQueue::keep(const Account* account, std::vector<PushItem> items) {
  if (load_->waiting.load() + static_cast<std::ptrdiff_t>(items.size()) >
      static_cast<std::ptrdiff_t>(shared_.options->webhook.max_waiting)) {
    meters().refused.add(static_cast<double>(items.size()));
    log::event(webhook_events::kFull, {{"limit", shared_.options->webhook.max_waiting}});
    co_return Expected<std::size_t>(fail(too_many()));
  }
  const auto now = shared_.context->clock().wall();
  std::size_t fresh = 0;
  for (auto& item : items) {
    WebhookEntry entry;
    entry.thing = account->user.identity;
    entry.item = std::move(item);
    entry.created = entry.due = now;
    Batch batch;
    batch.puts.push_back(put_of(entry, 0));
    const auto kept = co_await shared_.context->store().commit(std::move(batch));
    if (kept) {
      ++fresh;
      count_waiting(1);
    } else if (kept.error().code == ErrorCode::conflict) {
      meters().duplicate.add();  // it is there already, waiting or done
    } else {
      co_return Expected<std::size_t>(fail(kept.error()));
    }
  }
  if (fresh > 0 && !shared_.stopping) on_kept_();
  co_return Expected<std::size_t>(fresh);
}

// ---- what goes out

void WebhookQueue::start() {
  started_ = true;
  spawn(count(this));
  spawn(pump(this));
}

// What an earlier run has left.
Task<void> WebhookQueue::count(WebhookQueue* self) {
  Scan scan;
  scan.table = kWebhookTable;
  scan.term = kWaitingTerm;
  scan.limit = kCountPage;
  for (;;) {
    auto page = co_await self->shared_.context->store().scan(scan);
    if (!page || self->shared_.stopping) co_return;
    std::ptrdiff_t old = 0;
    for (const auto& record : page->records)
      if (const auto entry = decode_webhook(record); entry && entry->created < self->began_) ++old;
    self->count_waiting(old);
    if (page->next.empty()) co_return;
    scan.cursor = page->next;
  }
}

void WebhookQueue::wake() {
  if (started_ && !shared_.stopping) spawn(pump(this));
}

void WebhookQueue::stop() {
  started_ = false;
  shared_.context->executor().timers().cancel(timer_);
  timer_ = {};
}

void WebhookQueue::arm(WallTime due) {
  if (timer_ && armed_for_ <= due) return;
  auto& timers = shared_.context->executor().timers();
  timers.cancel(timer_);
  armed_for_ = due;
  const auto& clock = shared_.context->clock();
  timer_ = timers.start_at(clock.now() + std::max<Duration>(due - clock.wall(), Duration::zero()), [this] {
    timer_ = {};
    wake();
  });
}

Task<void> WebhookQueue::pump(WebhookQueue* self) {
  self->again_ = true;
  if (self->pumping_) co_return;
  self->pumping_ = true;
  while (self->again_ && self->started_) {
    self->again_ = false;
    co_await self->round();
  }
  self->pumping_ = false;
}

Task<void> WebhookQueue::round() {
  const auto most = std::size_t{shared_.options->webhook.max_in_flight};
  if (in_flight_.size() >= most) co_return;  // the end of one of them wakes
  const auto now = shared_.context->clock().wall();
  const auto limit = most + 1;
  const auto page = co_await shared_.context->store().due(kWebhookTable, now + kFarAway, limit);
  if (!started_ || shared_.stopping) co_return;
  if (!page) {
    log::event(webhook_events::kStore, {{"cause", page.error().text}});
    arm(now + kStorePause);
    co_return;
  }
  for (const auto& record : page->records) {
    if (in_flight_.contains(record.key.partition + record.key.id)) continue;
    if (record.due && *record.due > now) {
      arm(*record.due);
      co_return;
    }
    if (in_flight_.size() >= most) co_return;
    in_flight_.insert(record.key.partition + record.key.id);
    spawn(take_up(this, record));
  }
  if (page->records.size() == limit) again_ = true;
}

Task<void> WebhookQueue::take_up(WebhookQueue* self, Record record) {
  auto& shared = self->shared_;
  auto entry = decode_webhook(record);
  if (entry && entry->state == WebhookEntry::State::waiting) {
    co_await self->attempt(std::move(*entry));
  } else {
    if (!entry) log::event(webhook_events::kGivenUp, {{"cause", entry.error().text}});
    Batch batch;  // remembered long enough
    batch.erases.push_back({record.key, record.version});
    batch.durability = Durability::relaxed;
    const auto erased = co_await shared.context->store().commit(std::move(batch));
    if (!erased && !shared.stopping) self->pause_until_ = shared.context->clock().wall() + kStorePause;
  }
  self->in_flight_.erase(record.key.partition + record.key.id);
  if (shared.stopping) co_return;
  if (self->pause_until_ > shared.context->clock().wall())
    self->arm(self->pause_until_);
  else
    self->wake();
}

Task<void> WebhookQueue::attempt(WebhookEntry entry) {
  ++entry.attempts;
  const auto found = accounts_.find(entry.thing);
  std::optional<Duration> told;
  std::string why = "the thing is not configured";
  auto verdict = WebhookVerdict::again;
  if (found != accounts_.end()) {
    auto posted = co_await post(found->second, &entry, &told);
    if (shared_.stopping) co_return;  // still in the store
    verdict = posted ? verdict_of(*posted) : lasting(posted.error()) ? WebhookVerdict::refused : WebhookVerdict::again;
    why = posted ? "it answers " + std::to_string(*posted) : posted.error().text;
  }
  if (verdict == WebhookVerdict::delivered) {
    meters().delivered.add();
    reports_.received(*found->second, entry.item.report, entry.item.push.id);
    co_await settle(std::move(entry), WebhookEntry::State::done);
    co_return;
  }
  const auto next = verdict == WebhookVerdict::again
                        ? next_attempt(entry, shared_.options->webhook, shared_.context->clock().wall(), told, chance())
                        : std::nullopt;
  if (next) {
    meters().failed.add();
    if (entry.attempts == 3)
      log::event(webhook_events::kFailing, {{"user", log::identity(entry.thing)}, {"cause", why}});
    else
      log::info("a webhook did not take a push",
                {{"user", log::identity(entry.thing)}, {"attempt", entry.attempts}, {"cause", why}});
    entry.due = *next;
    co_await write(std::move(entry));
    co_return;
  }
  meters().dead.add();
  log::event(webhook_events::kGivenUp,
             {{"user", log::identity(entry.thing)}, {"push", entry.item.push.id}, {"attempts", entry.attempts}, {"cause", why}});
  if (found != accounts_.end()) reports_.failed(*found->second, entry.item.report, entry.item.push.id);
  co_await settle(std::move(entry), WebhookEntry::State::dead);
}

Task<Expected<int>> WebhookQueue::post(const Account* account, WebhookEntry* entry, std::optional<Duration>* told) {
  auto item = entry->item;  // the record keeps the reference
  if (item.reference) {
    auto fetched = co_await fetch_content(&shared_, &account->user.policy, &item);
    if (!fetched) {
      fetched.error().text = "content: " + fetched.error().text;
      co_return Expected<int>(fail(std::move(fetched.error())));
    }
    if (shared_.stopping) co_return Expected<int>(fail(ErrorCode::gone, "stopping"));
  }
  const auto& rules = shared_.options->webhook;
  HttpCall call;
  call.method = "POST";
  call.url = account->user.webhook;
  call.headers.push_back({"Content-Type", "application/json"});
  call.headers.push_back({"Idempotency-Key", sha1_hex(entry->thing + "\n" + item.push.id)});
  call.body = push_document(entry->thing, item.push, item.body);
  call.ca_file = rules.ca;
  const auto deadline = Deadline::after(shared_.context->clock(), rules.timeout);
  const auto answer = co_await shared_.context->http_client().send(std::move(call), deadline);
  if (!answer) {
    auto error = answer.error();
    // The URL is the operator's own: whatever is wrong with its server may be right tomorrow.
    if (error.code != ErrorCode::gone) error.code = ErrorCode::unavailable;
    *told = error.retry_after;
    co_return Expected<int>(fail(std::move(error)));
  }
  *told = retry_after(*answer);
  co_return Expected<int>(answer->status);
}

Task<void> WebhookQueue::settle(WebhookEntry entry, WebhookEntry::State state) {
  entry.state = state;
  entry.due = shared_.context->clock().wall() + kRemember;
  count_waiting(-1);
  co_await write(std::move(entry));
}

Task<void> WebhookQueue::write(WebhookEntry entry) {
  Batch batch;
  batch.puts.push_back(put_of(entry, entry.version));
  // A repeated POST after a power loss is worse than nothing lost, but not much: its key is the same.
  batch.durability = Durability::relaxed;
  const auto written = co_await shared_.context->store().commit(std::move(batch));
  if (written || shared_.stopping) co_return;
  log::event(webhook_events::kStore, {{"cause", written.error().text}});
  pause_until_ = shared_.context->clock().wall() + kStorePause;
}

}  // namespace herald::receiver
