#include "io/http_client_service.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <set>

#include "herald/log.h"
#include "io/http_client_metrics.h"
#include "io/http_exchange.h"
#include "io/http_log_catalog.h"
#include "io/log_pace.h"

namespace herald::io {
namespace {

constexpr std::size_t kMostAnchors = 16;  // sets of trust anchors kept

bool well_formed(const HttpCall& call) {
  static constexpr std::array<std::string_view, 4> kOurs{"host", "content-length", "connection", "transfer-encoding"};
  return is_token(call.method) && std::all_of(call.headers.begin(), call.headers.end(), [](const HttpField& field) {
           return is_token(field.name) && is_field_value(field.value) &&
                  std::none_of(kOurs.begin(), kOurs.end(),
                               [&](std::string_view name) { return equals_ignoring_case(field.name, name); });
         });
}

}  // namespace

class HttpClientService::Impl final : public std::enable_shared_from_this<Impl> {
 public:
  Impl(IoLoop& loop, const HttpClientLimits& limits, std::unique_ptr<NameLookup> names, BlobStore* blobs)
      : loop_(loop),
        limits_(limits),
        names_(names ? std::move(names) : make_name_lookup(loop)),
        blobs_(blobs),
        pool_(std::make_unique<HttpConnectionPool>(loop, limits.pool)) {
    metrics_.running_limit.set(static_cast<double>(limits.running));
    metrics_.waiting_limit.set(static_cast<double>(limits.waiting));
  }

  struct Arrival {
    HttpCall call;
    HttpUrl url;
    Deadline deadline;
    Promise<HttpResponse> promise;
  };

  [[nodiscard]] IoLoop& loop() noexcept { return loop_; }
  [[nodiscard]] const HttpClientLimits& limits() const noexcept { return limits_; }
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  void accept(Arrival arrival) {
    if (closed()) return;  // the promise tells
    if (waiting_ >= limits_.waiting) {
      metrics_.refused.add();
      if (full_pace_.pass(loop_.clock().now()))
        log::event(http_events::kClientQueueFull, {{"host", arrival.url.host}, {"suppressed", full_pace_.suppressed}});
      return arrival.promise.set(
          Unexpected(Error{ErrorCode::busy, "too many HTTP requests of this node wait", limits_.retry_after}));
    }
    const auto id = ++last_;
    auto& job = jobs_[id];
    job.host = arrival.url.authority();
    job.arrival = std::make_unique<Arrival>(std::move(arrival));
    job.timer = loop_.timers().start_at(job.arrival->deadline.when(), [this, id] { on_deadline(id); });
    auto& host = hosts_[job.host];
    host.waiting.push_back(id);
    ++waiting_;
    admit(job.host, host);
    start_what_may();
  }

  void close() {
    if (closed_.exchange(true)) return;
    auto jobs = std::move(jobs_);
    jobs_.clear();
    for (auto& [id, job] : jobs) {
      loop_.timers().cancel(job.timer);
      job.exchange.reset();
      job.arrival->promise.set(fail(ErrorCode::gone, "the node is stopping"));
    }
    hosts_.clear();
    admitted_.clear();
    names_.reset();
    pool_.reset();
    waiting_ = running_ = 0;
    show();
  }

 private:
  struct Job {
    std::string host;
    std::unique_ptr<Arrival> arrival;
    std::unique_ptr<HttpExchange> exchange;
    TimerId timer;
    bool running = false;
  };
  struct Host {
    std::deque<std::uint64_t> waiting;  // ids grow, so the front is the oldest; those that have ended meanwhile are skipped
    std::size_t running = 0;
  };

  // A host with something to start stands in `admitted_` under its oldest id, so that order holds over all of them.
  void admit(const std::string& name, Host& host) {
    while (!host.waiting.empty() && !jobs_.contains(host.waiting.front())) host.waiting.pop_front();
    if (!host.waiting.empty() && host.running < limits_.running_per_host) admitted_.emplace(host.waiting.front(), name);
    if (host.waiting.empty() && host.running == 0) hosts_.erase(name);
  }

  void start_what_may() {
    while (running_ < limits_.running && !admitted_.empty()) {
      const auto [id, name] = *admitted_.begin();
      admitted_.erase(admitted_.begin());
      const auto found = hosts_.find(name);
      if (found == hosts_.end()) continue;
      auto& host = found->second;
      if (host.waiting.empty() || host.waiting.front() != id) continue;  // it ended while it waited
      host.waiting.pop_front();
      // Its own timer is about to end one whose time is up.
      if (const auto job = jobs_.find(id); job != jobs_.end() && !job->second.arrival->deadline.passed(loop_.clock())) {
        ++host.running;
        ++running_;
        --waiting_;
        job->second.running = true;
        start(id, job->second);
      }
      if (const auto still = hosts_.find(name); still != hosts_.end()) admit(name, still->second);
    }
    show();
  }

  void start(std::uint64_t id, Job& job) {
    auto& arrival = *job.arrival;
    std::shared_ptr<const TlsClient> tls;
    if (arrival.url.tls) {
      auto loaded = anchors(arrival.call.ca_file);
      if (!loaded) return defer(id, fail(loaded.error()));
      tls = std::move(*loaded);
    }
    job.exchange = std::make_unique<HttpExchange>(HttpExchange::Means{loop_, *names_, *pool_, blobs_}, std::move(arrival.call),
                                                  arrival.url, std::move(tls), arrival.deadline,
                                                  [this, id](Expected<HttpResponse> result) { defer(id, std::move(result)); });
    job.exchange->start();
  }

  // The exchange is on the call stack: it goes in the next turn.
  void defer(std::uint64_t id, Expected<HttpResponse> result) {
    auto kept = std::make_shared<Expected<HttpResponse>>(std::move(result));
    loop_.complete([self = weak_from_this(), id, kept] {
      if (const auto impl = self.lock()) impl->end(id, std::move(*kept));
    });
  }

  void on_deadline(std::uint64_t id) {
    const auto job = jobs_.find(id);
    if (job == jobs_.end()) return;
    const auto& url = job->second.arrival->url;
    const auto stage = job->second.exchange ? job->second.exchange->stage() : std::string_view("waiting for its turn");
    end(id, fail(ErrorCode::timeout, url.authority() + ": time is up, " + std::string(stage)));
  }

  void end(std::uint64_t id, Expected<HttpResponse> result) {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) {  // its time was up meanwhile
      if (result && result->blob) (void)blobs_->remove(result->blob->blob.id);
      return;
    }
    auto job = std::move(found->second);
    jobs_.erase(found);
    loop_.timers().cancel(job.timer);
    job.exchange.reset();
    count(result, job);
    release(job.host, job.running);
    job.arrival->promise.set(std::move(result));
    start_what_may();
  }

  void release(const std::string& name, bool ran) {
    const auto found = hosts_.find(name);
    if (ran) {
      --running_;
      if (found != hosts_.end()) --found->second.running;
    } else {
      --waiting_;
    }
    if (found != hosts_.end()) admit(name, found->second);
  }

  void count(const Expected<HttpResponse>& result, const Job& job) {
    metrics_.ended(result);
    if (result || result.error().code == ErrorCode::gone) return;
    if (failure_pace_.pass(loop_.clock().now()))
      log::info("an HTTP request failed",
                {{"host", job.host}, {"cause", result.error().text}, {"suppressed", failure_pace_.suppressed}});
  }

  void show() const noexcept {
    metrics_.running.set(static_cast<double>(running_));
    metrics_.waiting.set(static_cast<double>(waiting_));
  }

  // Read once: a new set of anchors is a new file name, or a restart.
  Expected<std::shared_ptr<const TlsClient>> anchors(const std::string& ca_file) {
    if (const auto found = anchors_.find(ca_file); found != anchors_.end()) return found->second;
    auto loaded = TlsClient::load(ca_file);
    if (!loaded) return loaded;
    if (anchors_.size() >= kMostAnchors) anchors_.clear();
    return anchors_[ca_file] = std::move(*loaded);
  }

  IoLoop& loop_;
  const HttpClientLimits limits_;
  HttpClientMetrics metrics_;
  std::unique_ptr<NameLookup> names_;
  BlobStore* const blobs_;
  std::unique_ptr<HttpConnectionPool> pool_;
  std::map<std::string, std::shared_ptr<const TlsClient>> anchors_;
  std::map<std::uint64_t, Job> jobs_;
  std::map<std::string, Host> hosts_;
  std::set<std::pair<std::uint64_t, std::string>> admitted_;
  std::uint64_t last_ = 0;
  std::size_t waiting_ = 0;
  std::size_t running_ = 0;
  LogPace full_pace_;
  LogPace failure_pace_;
  std::atomic<bool> closed_{false};
};

HttpClientService::HttpClientService(IoLoop& loop, HttpClientLimits limits, std::unique_ptr<NameLookup> names, BlobStore* blobs)
    : impl_(std::make_shared<Impl>(loop, limits, std::move(names), blobs)) {}

HttpClientService::~HttpClientService() { impl_->close(); }

void HttpClientService::close() { impl_->close(); }

Future<HttpResponse> HttpClientService::send(HttpCall call, Deadline deadline) {
  const auto& limits = impl_->limits();
  auto url = HttpUrl::parse(call.url);
  if (!url) return ready<HttpResponse>(fail(std::move(url.error())));
  if (!well_formed(call)) return ready<HttpResponse>(fail(ErrorCode::invalid, "method or header fields are not valid"));
  if (call.body.size() > limits.max_body) return ready<HttpResponse>(fail(ErrorCode::too_large, "the body is too large"));
  if (impl_->closed()) return ready<HttpResponse>(fail(ErrorCode::gone, "the node is stopping"));
  Promise<HttpResponse> promise;
  auto future = promise.future();
  const auto bounded = deadline.earlier_of(Deadline::after(impl_->loop().clock(), limits.longest));
  auto arrival = std::make_shared<Impl::Arrival>(Impl::Arrival{std::move(call), std::move(*url), bounded, std::move(promise)});
  if (!impl_->loop().execute([impl = impl_, arrival] { impl->accept(std::move(*arrival)); }))
    arrival->promise.set(Unexpected(Error{ErrorCode::busy, "the I/O thread is overloaded", limits.retry_after}));
  return future;
}

}  // namespace herald::io
