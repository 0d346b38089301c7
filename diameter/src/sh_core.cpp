#include "sh_core.h"

#include <algorithm>
#include <utility>

#include "herald/log.h"
#include "sh_data_parser.h"
#include "sh_events.h"

namespace herald::diameter {

namespace {

constexpr std::size_t kMaxIdentity = 1024;
constexpr std::size_t kMaxIndication = 256;
constexpr unsigned kMaxRedirects = 2;  // SH-61

bool clean(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

bool askable(const ShQuery& query) {
  return !query.user.empty() && query.user.size() <= kMaxIdentity && clean(query.user) &&
         query.service_indication.size() <= kMaxIndication &&
         (query.data != ShDataRef::repository_data || !query.service_indication.empty());
}

// True when the document holds what was asked for.
bool holds(const ShUserData& data, ShDataRef what) {
  switch (what) {
    case ShDataRef::repository_data:
      return data.repository.has_value();
    case ShDataRef::public_identities:
      return !data.public_identities.empty();
    case ShDataRef::user_state:
      return data.state.has_value();
    case ShDataRef::scscf_name:
      return data.scscf_name.has_value();
  }
  return false;
}

ShReply reply_of(const ShCache::Entry& entry, TimePoint now) {
  ShReply reply;
  reply.result = entry.result;
  reply.data = entry.data;
  reply.age = now - entry.fetched;
  reply.diameter_code = entry.diameter_code;
  return reply;
}

ShReply plain(ShResult result, std::uint32_t code = 0) {
  ShReply reply;
  reply.result = result;
  reply.diameter_code = code;
  return reply;
}

class Client final : public ShClient {
 public:
  explicit Client(std::shared_ptr<ShCore> core) : core_(std::move(core)) {}
  Future<ShReply> user_data(ShQuery query, Deadline deadline) override { return core_->ask(std::move(query), deadline); }
  [[nodiscard]] std::vector<PeerState> peers() const override { return core_->peers(); }

 private:
  std::shared_ptr<ShCore> core_;
};

}  // namespace

std::unique_ptr<ShClient> make_client(std::shared_ptr<ShCore> core) { return std::make_unique<Client>(std::move(core)); }

ShCore::ShCore(std::shared_ptr<ShTransport> transport, ShOptions options)
    : transport_(std::move(transport)), options_(std::move(options)), cache_(options_) {}

std::size_t ShCore::flights() const {
  const std::lock_guard lock(mutex_);
  return flights_.size();
}

ShReply ShCore::count(ShReply reply) const {
  metrics_.count(reply.result);
  if (reply.stale) metrics_.cache_stale.add();
  return reply;
}

Future<ShReply> ShCore::at_once(ShReply reply) const { return ready<ShReply>(count(std::move(reply))); }

Future<ShReply> ShCore::ask(ShQuery query, Deadline deadline) {
  auto* here = Executor::current();
  if (here == nullptr) {
    log::error("Sh asked outside an executor", {{"trace", query.trace}});
    return at_once(plain(ShResult::unavailable));
  }
  if (!askable(query)) {
    log::warn("Sh question with an unusable identity or service indication", {{"trace", query.trace}});
    return at_once(plain(ShResult::malformed));
  }
  const auto now = here->clock().now();
  auto key = key_of(query);

  std::shared_ptr<Flight> flight;
  std::shared_ptr<Waiter> waiter;
  bool leads = false;
  {
    std::unique_lock lock(mutex_);
    if (const auto found = cache_.find(key.text, now); found.freshness == ShCache::Freshness::fresh) {
      metrics_.cache_hit.add();
      return at_once(reply_of(*found.entry, now));
    }
    if (const auto forbidden = forbidden_until_.find(query.data); forbidden != forbidden_until_.end()) {
      if (now < forbidden->second) return at_once(plain(ShResult::not_permitted, 5102));
      forbidden_until_.erase(forbidden);
    }
    if (deadline.when() <= now) {
      lock.unlock();
      return at_once(failure(key.text, ShResult::timeout, 0, now));
    }
    const auto under_way = flights_.find(key.text);
    const bool full = under_way == flights_.end() ? flights_.size() >= options_.max_in_flight : waiting_ >= options_.max_waiting;
    if (full) {
      lock.unlock();
      metrics_.over_limit.add();
      if (const auto times = alarm_log_[0].admit(now))
        log::event(events::kOverLimit, {{"times", *times}, {"trace", query.trace}});
      return at_once(failure(key.text, ShResult::busy, 0, now));
    }
    if (under_way != flights_.end()) {
      flight = under_way->second;
      metrics_.joined.add();
    } else {
      leads = true;
      metrics_.cache_miss.add();
      flight = std::make_shared<Flight>();
      flight->end = now + options_.total_budget;
      flight->query = std::move(query);
      flight->key = std::move(key);
      if (const auto old = cache_.find(flight->key.text, now); old.entry != nullptr)
        flight->destination_host = old.entry->origin_host;
      flights_.emplace(flight->key.text, flight);
    }
    waiter = add_waiter(*flight);
  }
  if (deadline.when() < flight->end) start_timer(waiter, flight, deadline);
  auto future = waiter->promise.future();
  if (leads) spawn(fly(shared_from_this(), flight));
  return future;
}

std::shared_ptr<ShCore::Waiter> ShCore::add_waiter(Flight& flight) {
  auto waiter = std::make_shared<Waiter>();
  waiter->executor = Executor::current();
  flight.waiters.push_back(waiter);
  ++flight.live;
  ++waiting_;
  return waiter;
}

void ShCore::start_timer(const std::shared_ptr<Waiter>& waiter, const std::shared_ptr<Flight>& flight, Deadline deadline) {
  waiter->timer = waiter->executor->timers().start_at(deadline.when(), [self = shared_from_this(), waiter, flight] {
    waiter->timer = {};
    if (waiter->settled) return;
    --flight->live;
    self->settle(*waiter, self->failure(flight->key.text, ShResult::timeout, 0, waiter->executor->clock().now()));
  });
}

void ShCore::settle(Waiter& waiter, ShReply reply) {
  if (waiter.settled) return;
  waiter.settled = true;
  waiter.promise.set(count(std::move(reply)));
}

ShReply ShCore::failure(const std::string& key, ShResult result, std::uint32_t code, TimePoint now) {
  if (is_hss_failure(result)) {
    const std::lock_guard lock(mutex_);
    if (const auto found = cache_.find(key, now); found.entry != nullptr) {
      auto reply = reply_of(*found.entry, now);
      reply.stale = found.freshness == ShCache::Freshness::stale;
      reply.diameter_code = code;
      return reply;
    }
  }
  return plain(result, code);
}

Task<ShAnswer> ShCore::attempt(std::shared_ptr<ShCore> self, std::shared_ptr<Flight> flight, std::string host) {
  auto& here = *Executor::current();
  auto& pending = self->transport_->pending();
  ShAnswer answer;
  auto opened = pending.open(self->options_.max_in_flight);
  if (!opened) {
    answer.kind = pending.stopped() ? ShAnswer::Kind::stopped : ShAnswer::Kind::refused;
    co_return answer;
  }
  self->metrics_.requests.add();
  self->metrics_.pending.set(static_cast<double>(pending.size()));

  const auto begun = here.clock().now();
  const auto until = std::min(flight->end, begun + self->options_.request_timeout);
  // The authority over this request: the library's own expiry may never fire (D2, FD-33).
  const auto timer = here.timers().start_at(until, [transport = self->transport_, handle = opened->handle] {
    ShAnswer silence;
    silence.kind = ShAnswer::Kind::timed_out;
    transport->pending().complete(handle, std::move(silence));
  });

  ShRequest request;
  request.user = flight->key.user;
  request.data = flight->query.data;
  request.service_indication = flight->query.service_indication;
  request.destination_realm = self->options_.destination_realm;
  request.destination_host = std::move(host);
  self->transport_->send(opened->handle, std::move(request), until - begun);

  auto result = co_await opened->answer;
  here.timers().cancel(timer);
  self->metrics_.pending.set(static_cast<double>(pending.size()));
  if (result)
    answer = std::move(*result);
  else
    answer.kind = ShAnswer::Kind::stopped;
  if (answer.kind == ShAnswer::Kind::answered)
    self->metrics_.seconds.observe(std::chrono::duration<double>(here.clock().now() - begun).count());
  co_return answer;
}

Task<void> ShCore::fly(std::shared_ptr<ShCore> self, std::shared_ptr<Flight> flight) {
  auto& here = *Executor::current();
  Outcome outcome;
  try {
    outcome = co_await pursue(self, flight);
  } catch (const std::exception& error) {  // out of memory: the askers still get their answer
    outcome.answer.kind = ShAnswer::Kind::refused;
    outcome.answer.detail = error.what();
    outcome.verdict = judge(outcome.answer);
  }
  self->land(*flight, outcome, here.clock().now());
}

Task<ShCore::Outcome> ShCore::pursue(std::shared_ptr<ShCore> self, std::shared_ptr<Flight> flight) {
  auto& here = *Executor::current();
  auto host = flight->destination_host;
  bool elsewhere = false;
  bool once_more = false;
  unsigned redirects = 0;
  unsigned backoffs = 0;
  Outcome outcome;
  for (;;) {
    outcome.answer = co_await attempt(self, flight, host);
    outcome.verdict = judge(outcome.answer);
    const auto now = here.clock().now();
    Duration pause{};
    switch (outcome.verdict.retry) {
      case Retry::elsewhere:
        // No peer at all: asking again without a host would not find one either.
        if (elsewhere || (host.empty() && outcome.answer.kind == ShAnswer::Kind::no_peer)) pause = Duration(-1);
        elsewhere = true;
        host.clear();
        break;
      case Retry::redirect:
        if (outcome.answer.redirect_host.empty() || ++redirects > kMaxRedirects) pause = Duration(-1);
        host = outcome.answer.redirect_host;
        break;
      case Retry::backoff:
        if (backoffs >= self->options_.max_backoff_retries)
          pause = Duration(-1);
        else
          pause = std::chrono::seconds(1U << backoffs++);
        break;
      case Retry::once_later:
        pause = once_more ? Duration(-1) : Duration(std::chrono::seconds(1));
        once_more = true;
        break;
      case Retry::none:
        pause = Duration(-1);
        break;
    }
    if (pause < Duration::zero() || now + pause >= flight->end || flight->live == 0) break;
    self->metrics_.retries.add();
    if (pause > Duration::zero()) co_await sleep_for(pause);
  }
  co_return outcome;
}

// Wire to value: the document, and whether it holds what was asked for.
ShReply ShCore::read(const Flight& flight, Verdict& verdict, ShAnswer& answer) {
  auto reply = plain(ShResult::no_data, verdict.code);
  if (!answer.user_data || answer.user_data->empty()) return reply;
  ShDataLimits limits;
  limits.bytes = options_.max_user_data;
  auto parsed = parse_sh_data(*answer.user_data, limits);
  const auto& wanted = flight.query.service_indication;
  if (parsed && flight.query.data == ShDataRef::repository_data && parsed->repository &&
      !parsed->repository->service_indication.empty() && parsed->repository->service_indication != wanted)
    parsed = fail(ErrorCode::corrupt, "repository data of another service indication");
  if (!parsed) {
    answer.detail = parsed.error().text;
    verdict = {ShResult::malformed, Retry::none, Alarm::unreadable, verdict.code};
    reply.result = ShResult::malformed;
    return reply;
  }
  if (!holds(*parsed, flight.query.data)) return reply;
  reply.result = ShResult::ok;
  reply.data = std::make_shared<const ShUserData>(std::move(*parsed));
  return reply;
}

void ShCore::land(Flight& flight, const Outcome& outcome, TimePoint now) {
  auto verdict = outcome.verdict;
  auto answer = outcome.answer;
  auto reply = verdict.result == ShResult::ok ? read(flight, verdict, answer) : plain(verdict.result, verdict.code);
  report(flight, verdict, answer, now);

  std::vector<std::shared_ptr<Waiter>> waiters;
  {
    const std::lock_guard lock(mutex_);
    if (reply.result == ShResult::ok || reply.result == ShResult::no_data || reply.result == ShResult::user_unknown) {
      ShCache::Entry entry;
      entry.result = reply.result;
      entry.data = reply.data;
      entry.diameter_code = reply.diameter_code;
      entry.origin_host = answer.origin_host;
      entry.fetched = now;
      entry.ttl = cache_.ttl_of(flight.query.data, reply.result);
      cache_.put(flight.key.text, std::move(entry));
    } else {
      cache_.forget_host(flight.key.text);
      if (reply.result == ShResult::not_permitted) forbidden_until_[flight.query.data] = now + options_.permission_memory;
    }
    metrics_.cache_entries.set(static_cast<double>(cache_.size()));
    metrics_.cache_bytes.set(static_cast<double>(cache_.bytes()));
    waiters = std::move(flight.waiters);
    waiting_ -= waiters.size();
    flights_.erase(flight.key.text);
  }
  if (is_hss_failure(reply.result)) reply = failure(flight.key.text, reply.result, reply.diameter_code, now);
  for (auto& waiter : waiters) {
    auto& executor = *waiter->executor;
    executor.complete([self = shared_from_this(), waiter, reply] {
      waiter->executor->timers().cancel(waiter->timer);
      self->settle(*waiter, reply);
    });
  }
}

void ShCore::report(const Flight& flight, const Verdict& verdict, const ShAnswer& answer, TimePoint now) {
  const auto say = [&](const log::OperatorEvent& event, LimitedLog& limit) {
    if (const auto times = limit.admit(now))
      log::event(event, {{"peer", answer.origin_host},
                         {"result", to_string(verdict.result)},
                         {"code", verdict.code},
                         {"data_reference", static_cast<std::uint32_t>(flight.query.data)},
                         {"detail", answer.detail},
                         {"user", log::identity(flight.key.user)},
                         {"times", *times},
                         {"trace", flight.query.trace}});
  };
  auto& alarm_limit = alarm_log_[static_cast<std::size_t>(verdict.alarm)];
  auto& failure_limit = failure_log_[static_cast<std::size_t>(verdict.result)];
  switch (verdict.alarm) {
    case Alarm::realm_not_served:
      return say(events::kRealmNotServed, alarm_limit);
    case Alarm::interop:
      return say(events::kInterop, alarm_limit);
    case Alarm::not_permitted:
      return say(events::kPermissionMissing, alarm_limit);
    case Alarm::identity_mismatch:
      return say(events::kIdentityMismatch, alarm_limit);
    case Alarm::unreadable:
      metrics_.unreadable.add();
      return say(events::kUnreadable, alarm_limit);
    case Alarm::none:
      break;
  }
  if (answer.kind == ShAnswer::Kind::stopped) return;
  if (answer.kind == ShAnswer::Kind::refused) {
    metrics_.over_limit.add();
    return say(events::kOverLimit, alarm_log_[0]);
  }
  if (verdict.result == ShResult::timeout) return say(events::kHssSilent, failure_limit);
  if (verdict.result == ShResult::unavailable)
    return say(verdict.code == 3002 ? events::kNoPeer : events::kInterop, failure_limit);
  if (verdict.result == ShResult::busy) return say(events::kHssBusy, failure_limit);
}

}  // namespace herald::diameter
