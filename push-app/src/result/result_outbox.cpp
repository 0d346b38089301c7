#include "result/result_outbox.h"

#include <algorithm>
#include <set>
#include <utility>

#include "job/push_records.h"
#include "push_catalog.h"
#include "result/callback_catalog.h"
#include "result/callback_message.h"

namespace herald::push {
namespace {

constexpr std::size_t kPage = 200;
constexpr std::size_t kJobsKept = 4;
constexpr std::size_t kHostsKept = 1000;
constexpr Duration kStorePause = std::chrono::seconds(1);
constexpr Duration kLongestSleep = std::chrono::seconds(60);
// A claim outlives its attempt by this, so that nobody else takes it up while its result is being written.
constexpr std::chrono::milliseconds kClaimMargin{60000};
constexpr WallTime kEver = WallTime::max();

const Initiator* find_initiator(const PushConfig& config, const std::string& name) {
  for (const auto& initiator : config.initiators) {
    if (initiator.name == name) return &initiator;
  }
  return nullptr;
}

void count(std::string_view result, double number = 1) {
  metrics::counter("herald_push_notifications_total", "Result notifications, by what came of an attempt or of all of them",
                   {{"result", result}})
      .add(number);
}

}  // namespace

ResultOutbox::ResultOutbox(ServletContext& context)
    : context_(context),
      sending_gauge_(metrics::gauge("herald_push_notifications_sending", "Result notifications being sent")),
      down_gauge_(metrics::gauge("herald_push_callback_hosts_down", "Callback hosts that do not answer as they should")) {}

void ResultOutbox::start() { ring(); }

void ResultOutbox::stop() noexcept {
  *stopped_ = true;
  if (timer_) context_.executor().timers().cancel(timer_);
  timer_ = {};
}

void ResultOutbox::ring() {
  if (*stopped_ || std::exchange(rung_, true) || looking_) return;
  spawn(look(shared_from_this()));
}

unsigned ResultOutbox::free_seats(const CallbackConfig& config) const {
  return sending_ < config.max_parallel ? config.max_parallel - static_cast<unsigned>(sending_) : 0;
}

// -- looking

Task<void> ResultOutbox::look(Self self) {
  self->looking_ = true;
  bool well = true;
  while (well && std::exchange(self->rung_, false)) {
    well = co_await look_at_notices(self);
    if (*self->stopped_) co_return;
    if (well) well = co_await look_at_hosts(self);
    if (*self->stopped_) co_return;
  }
  if (well) {
    co_await arm(self);
    if (*self->stopped_) co_return;
  } else {
    log::event(catalog::kOutboxStore);
    self->look_later(kStorePause);
  }
  self->looking_ = false;
  if (std::exchange(self->rung_, false)) self->ring();
}

Task<bool> ResultOutbox::look_at_notices(Self self) {
  for (;;) {
    const auto now = self->context_.clock().wall();
    const auto page = co_await self->context_.store().due(std::string(kReportTable), now, kPage);
    if (*self->stopped_ || !page) co_return false;
    if (page->records.empty()) co_return true;
    const auto config = self->context_.config<PushConfig>();
    Choice choice;
    for (const auto& record : page->records) {
      auto notice = decode_notice(record);
      if (notice) {
        self->choose(std::move(*notice), config->callbacks, now, choice);
        continue;
      }
      // Out of the way, or it would come up for ever; it stays in the store.
      log::event(catalog::kCorruptRecord, {{"cause", notice.error().text}});
      Batch batch;
      batch.puts.push_back({record.key, record.value, record.version, std::nullopt});
      static_cast<void>(co_await self->context_.store().commit(std::move(batch)));
      if (*self->stopped_) co_return false;
    }
    const bool written = co_await commit(self, std::move(choice));
    if (*self->stopped_ || !written) co_return false;
  }
}

// Whoever is marked here has, or may have, parked notices.
Task<bool> ResultOutbox::look_at_hosts(Self self) {
  const auto now = self->context_.clock().wall();
  const auto page = co_await self->context_.store().due(std::string(kCallbackHostTable), now, kPage);
  if (*self->stopped_ || !page) co_return false;
  for (const auto& record : page->records) {
    const auto found = decode_callback_host(record);
    if (!found) {
      log::event(catalog::kCorruptRecord, {{"cause", found.error().text}});
      continue;
    }
    auto& host = self->hosts_[found->name];
    host.parked = true;
    if (host.failures == 0 && host.judged_at == WallTime{}) host.failures = found->failures;  // known from before the restart
    // Looked at again should this process die, or its drain fail.
    Batch batch;
    batch.durability = Durability::relaxed;
    batch.puts.push_back(put_of(CallbackHost{found->name, host.failures}, std::max(host.blocked_until, now + kClaimMargin)));
    static_cast<void>(co_await self->context_.store().commit(std::move(batch)));
    if (*self->stopped_) co_return false;
  }
  self->refill();
  co_return true;
}

// The next time something becomes due.
Task<void> ResultOutbox::arm(Self self) {
  std::erase_if(self->hosts_, [](const auto& entry) {
    const auto& host = entry.second;
    return host.in_flight == 0 && host.failures == 0 && !host.parked && !host.draining;
  });
  Duration pause = kLongestSleep;
  const auto now = self->context_.clock().wall();
  for (const auto table : {kReportTable, kCallbackHostTable}) {
    const auto first = co_await self->context_.store().due(std::string(table), kEver, 1);
    if (*self->stopped_) co_return;
    if (!first || first->records.empty() || !first->records.front().due) continue;
    pause = std::min<Duration>(pause, std::max<Duration>(*first->records.front().due - now, std::chrono::milliseconds(10)));
  }
  self->look_later(pause);
}

void ResultOutbox::look_later(Duration pause) {
  auto& timers = context_.executor().timers();
  if (timer_) timers.cancel(timer_);
  timer_due_ = context_.clock().now() + pause;
  timer_ = timers.start_at(timer_due_, [self = shared_from_this()] {
    self->timer_ = {};
    self->ring();
  });
}

void ResultOutbox::wake_at(WallTime due) {
  if (looking_) {
    rung_ = true;
    return;
  }
  const auto pause = std::max<Duration>(due - context_.clock().wall(), Duration::zero());
  if (!timer_ || context_.clock().now() + pause < timer_due_) look_later(pause);
}

// -- choosing

void ResultOutbox::choose(ResultNotice notice, const CallbackConfig& config, WallTime now, Choice& choice) {
  auto& host = hosts_[notice.host];
  // Never tried is not given up, unless its host is known to be down.
  const bool tried = notice.attempts > 0 || host.failures > 0;
  if (tried && now > notice.created + config.give_up_after) {
    notice.state = ResultNotice::State::dead;
    if (notice.last.empty()) notice.last = "never sent: the host was down";
    choice.dead.push_back(std::move(notice));
    return;
  }
  const auto claimed = static_cast<unsigned>(choice.claimed.size());
  const auto of_host = static_cast<unsigned>(std::count_if(choice.claimed.begin(), choice.claimed.end(),
                                                           [&](const ResultNotice& other) { return other.host == notice.host; }));
  if (host.room(config, now) <= of_host || free_seats(config) <= claimed) {
    if (!notice.parked()) {
      notice.due.reset();
      choice.parked.push_back(std::move(notice));
    }
    return;
  }
  ++notice.attempts;
  notice.last_at = now;
  notice.due = now + config.timeout + kClaimMargin;
  choice.claimed.push_back(std::move(notice));
}

Task<bool> ResultOutbox::commit(Self self, Choice choice) {
  if (choice.claimed.empty() && choice.parked.empty() && choice.dead.empty()) co_return true;
  const auto now = self->context_.clock().wall();
  Batch batch;
  batch.durability = Durability::relaxed;
  std::set<std::string> parked_hosts;
  for (auto* list : {&choice.claimed, &choice.parked, &choice.dead}) {
    for (const auto& notice : *list) batch.puts.push_back(put_of(notice));
  }
  for (const auto& notice : choice.parked) parked_hosts.insert(notice.host);
  for (const auto& name : parked_hosts) {
    auto& host = self->hosts_[name];
    host.parked = true;
    batch.puts.push_back(put_of(CallbackHost{name, host.failures}, std::max(host.blocked_until, now + kClaimMargin)));
  }
  // Seats are taken before the suspension, or two would choose the same ones.
  for (const auto& notice : choice.claimed) ++self->hosts_[notice.host].in_flight;
  self->sending_ += choice.claimed.size();
  const auto committed = co_await self->context_.store().commit(std::move(batch));
  if (*self->stopped_) co_return false;
  if (!committed) {
    for (const auto& notice : choice.claimed) --self->hosts_[notice.host].in_flight;
    self->sending_ -= choice.claimed.size();
    // One of them was changed meanwhile: they come up again as they are now.
    co_return committed.error().code == ErrorCode::conflict;
  }
  std::map<std::string, std::size_t> dead;
  for (const auto& notice : choice.dead) ++dead[notice.host];
  for (const auto& [host, number] : dead) self->tell_dead(host, number, "callbacks.give_up_after");
  for (std::size_t i = 0; i < choice.claimed.size(); ++i) {
    auto& notice = choice.claimed[i];
    notice.version = i < committed->versions.size() ? committed->versions[i] : 0;
    self->sending_gauge_.add(1);
    spawn(send(self, std::move(notice)));
    if (*self->stopped_) co_return false;
  }
  co_return true;
}

// Goes through what is parked for a host that has room; the host's mark goes when nothing is left.
Task<void> ResultOutbox::drain(Self self, std::string name) {
  auto& store = self->context_.store();
  for (;;) {
    const auto config = self->context_.config<PushConfig>();
    const auto now = self->context_.clock().wall();
    const auto room = std::min(self->hosts_[name].room(config->callbacks, now), self->free_seats(config->callbacks));
    if (room == 0) break;
    auto mark_at = callback_host_key(name);
    const auto mark = co_await store.get(std::move(mark_at));
    if (*self->stopped_) co_return;
    Scan scan;
    scan.table = std::string(kReportTable);
    scan.term = parked_term(name);
    // Where a host is down, others of its notifications may have grown too old meanwhile.
    scan.limit = self->hosts_[name].failures > 0 ? kPage : std::min<std::size_t>(room, kPage);
    const auto page = co_await store.scan(std::move(scan));
    if (*self->stopped_) co_return;
    if (!page) break;
    if (page->records.empty()) {
      self->hosts_[name].parked = false;
      // Unless somebody parked one in between: then the mark has changed.
      if (mark) {
        Batch batch;
        batch.durability = Durability::relaxed;
        batch.erases.push_back({mark->key, mark->version});
        const auto erased = co_await store.commit(std::move(batch));
        if (*self->stopped_) co_return;
        if (!erased) self->hosts_[name].parked = true;
      }
      break;
    }
    Choice choice;
    const auto then = self->context_.clock().wall();
    for (const auto& record : page->records) {
      if (auto notice = decode_notice(record)) self->choose(std::move(*notice), config->callbacks, then, choice);
    }
    const bool progress = !choice.claimed.empty() || !choice.dead.empty();
    const bool written = co_await commit(self, std::move(choice));
    if (*self->stopped_) co_return;
    if (!written || !progress) break;
  }
  self->hosts_[name].draining = false;
}

// Each host that has room and something parked goes through it by itself.
void ResultOutbox::refill() {
  const auto config = context_.config<PushConfig>();
  const auto now = context_.clock().wall();
  if (free_seats(config->callbacks) == 0) return;
  std::vector<std::string> names;
  for (auto& [name, host] : hosts_) {
    if (!host.parked || host.draining || host.room(config->callbacks, now) == 0) continue;
    host.draining = true;
    names.push_back(name);
  }
  for (auto& name : names) spawn(drain(shared_from_this(), std::move(name)));
}

// -- sending

Task<std::shared_ptr<const PushJob>> ResultOutbox::find_job(Self self, std::string push) {
  for (const auto& job : self->jobs_) {
    if (job->id == push) co_return job;
  }
  auto key = push_key(push);
  const auto record = co_await self->context_.store().get(std::move(key));
  if (*self->stopped_ || !record) co_return nullptr;
  auto decoded = decode_push(*record);
  if (!decoded) co_return nullptr;
  for (auto& content : decoded->contents) std::string().swap(content.bytes);  // nobody reads it here
  auto job = std::make_shared<const PushJob>(std::move(*decoded));
  self->jobs_.push_front(job);
  if (self->jobs_.size() > kJobsKept) self->jobs_.pop_back();
  co_return job;
}

Task<CallbackReading> ResultOutbox::attempt(Self self, const ResultNotice* notice, WallTime now) {
  CallbackReading unsent;
  const auto job = co_await find_job(self, notice->push);
  if (*self->stopped_) co_return unsent;
  auto key = delivery_key(notice->push, notice->index);
  const auto record = co_await self->context_.store().get(std::move(key));
  if (*self->stopped_) co_return unsent;
  if (!job || !record) {
    unsent.what = "store";
    co_return unsent;
  }
  const auto delivery = decode_delivery(*record);
  const auto config = self->context_.config<PushConfig>();
  // An operator's push has no account, and its callback no rules.
  static const Initiator kOperator;
  const auto* initiator = job->initiator.empty() ? &kOperator : find_initiator(*config, job->initiator);
  unsent.what = !delivery ? "corrupt" : "account:none";
  if (!delivery || initiator == nullptr) co_return unsent;
  // The rules may be others than at submission.
  const auto permit = job->initiator.empty() ? permit_operator(job->callback) : permit_callback(*initiator, job->callback);
  if (!permit) {
    unsent.what = "not-permitted";
    co_return unsent;
  }
  auto call = callback_call(*job, *delivery, *notice, *permit, initiator->callback_secret, now);
  call.ca_file = config->callbacks.ca_file;
  const auto deadline = Deadline::after(self->context_.clock(), config->callbacks.timeout);
  const auto answer = co_await self->context_.http_client().send(std::move(call), deadline);
  if (*self->stopped_) co_return unsent;
  auto reading = read_callback_answer(job->callback_form, answer, self->context_.clock().wall());
  log::debug("result notification", {{"trace", job->trace}, {"event", notice->event_id()}, {"result", reading.what}});
  co_return reading;
}

Task<void> ResultOutbox::send(Self self, ResultNotice notice) {
  using Kind = CallbackReading::Kind;
  using State = ResultNotice::State;
  const auto started = self->context_.clock().wall();
  const auto reading = co_await attempt(self, &notice, started);
  if (*self->stopped_) co_return;
  const auto now = self->context_.clock().wall();
  self->judge(notice.host, reading, started, now);
  notice.last = reading.what;
  notice.last_at = now;
  if (reading.kind == Kind::taken) {
    notice.state = State::sent;
    count("taken");
  } else if (reading.kind == Kind::refused) {
    notice.state = State::refused;
    count("refused");
  } else {
    const auto config = self->context_.config<PushConfig>();
    notice.due = next_attempt(notice, reading, config->callbacks, now);
    count("failed");
    if (!notice.due) {
      notice.state = State::dead;
      self->tell_dead(notice.host, 1, reading.what);
    }
  }
  co_await settle(self, &notice);
  if (*self->stopped_) co_return;
  if (notice.outstanding()) self->wake_at(*notice.due);
  self->finished(notice.host);
}

// A result that cannot be written is sent again when its claim runs out: with the same id.
Task<void> ResultOutbox::settle(Self self, const ResultNotice* notice) {
  constexpr int kTries = 20;
  for (int tried = 0; tried < kTries; ++tried) {
    Batch batch;
    batch.durability = Durability::relaxed;
    batch.puts.push_back(put_of(*notice));
    const auto committed = co_await self->context_.store().commit(std::move(batch));
    if (*self->stopped_) co_return;
    if (committed || committed.error().code == ErrorCode::conflict) co_return;  // conflict: purged, or an operator's hand
    if (tried == 0) log::event(catalog::kOutboxStore);
    co_await sleep_for(kStorePause);
    if (*self->stopped_) co_return;
  }
}

void ResultOutbox::judge(const std::string& name, const CallbackReading& reading, WallTime started, WallTime now) {
  auto& host = hosts_[name];
  const auto config = context_.config<PushConfig>();
  const bool was_down = host.failures > 0;
  host.judge(reading, started, config->callbacks, now);
  const bool is_down = host.failures > 0;
  if (is_down && !was_down) log::event(catalog::kHostDown, {{"host", name}, {"cause", reading.what}});
  if (was_down && !is_down) log::event(catalog::kHostBack, {{"host", name}});
  if (was_down != is_down) down_gauge_.add(is_down ? 1 : -1);
}

void ResultOutbox::finished(const std::string& name) {
  --sending_;
  sending_gauge_.add(-1);
  auto& host = hosts_[name];
  --host.in_flight;
  // A healthy host that nothing waits for is forgotten; one that is down only if there are very many.
  const bool idle = host.in_flight == 0 && !host.parked && !host.draining;
  if (idle && (host.failures == 0 || hosts_.size() > kHostsKept)) {
    if (host.failures > 0) down_gauge_.add(-1);
    hosts_.erase(name);
  }
  refill();
}

void ResultOutbox::tell_dead(const std::string& host, std::size_t number, std::string_view cause) {
  count("dead", static_cast<double>(number));
  log::event(catalog::kNoticesDead, {{"host", host}, {"notifications", number}, {"cause", cause}});
}

}  // namespace herald::push
