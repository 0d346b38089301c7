#include "rest/push_events.h"

#include <algorithm>
#include <utility>

#include "job/push_records.h"
#include "push_config.h"

namespace herald::push {
namespace {

constexpr std::size_t kPage = 100;
// Between two pages: a client that reads is not overrun, and the shard does other work.
constexpr Duration kPagePause = std::chrono::milliseconds(10);
// Recipients of all watched pushes together: 32 bytes each.
constexpr std::size_t kMostTracked = 4'000'000;
constexpr std::size_t kLookedThrough = 1000;

}  // namespace

PushEvents::PushEvents(ServletContext& context, std::shared_ptr<WatchedPushes> watched)
    : context_(context),
      watched_(std::move(watched)),
      gauge_(metrics::gauge("herald_push_event_streams", "Clients that read the events of a push")) {}

void PushEvents::stop() noexcept {
  *stopped_ = true;
  if (timer_) context_.executor().timers().cancel(timer_);
  timer_ = {};
  for (auto& stream : streams_) end(*stream);
  streams_.clear();
}

Task<HttpResponse> PushEvents::open(Self self, std::shared_ptr<const PushJob> job, std::optional<EventId> last) {
  if (*self->stopped_) co_return to_response({503, 4001, "the node is shutting down", std::chrono::seconds(2)});
  const auto most = self->context_.config<PushConfig>()->events.max_streams;
  if (self->streams_.size() + self->opening_ >= most || self->tracked_ + job->recipients > kMostTracked) {
    co_return to_response({503, 4001, "too many clients read events", std::chrono::seconds(10)});
  }
  HttpResponse response;
  if (last) {
    ++self->opening_;
    const bool nothing = co_await nothing_left(self, job, *last);
    --self->opening_;
    if (*self->stopped_) co_return to_response({503, 4001, "the node is shutting down", std::chrono::seconds(2)});
    if (nothing) {
      response.status = 204;
      co_return response;
    }
  }
  auto stream = std::make_shared<Stream>();
  stream->job = std::move(job);
  stream->last = last;
  response.headers.push_back({"Content-Type", "text/event-stream"});
  response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.push_back({"X-Accel-Buffering", "no"});  // or a proxy collects them
  response.stream = [weak = std::weak_ptr<PushEvents>(self), stream](std::shared_ptr<HttpStream> out) {
    stream->out = std::move(out);
    if (const auto events = weak.lock(); events && !*events->stopped_) return events->begin(stream);
    stream->out->close();
  };
  co_return response;
}

Task<bool> PushEvents::nothing_left(Self self, std::shared_ptr<const PushJob> job, EventId last) {
  if (job->recipients > kLookedThrough) co_return false;
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.partition = job->id;
    scan.limit = kPage;
    scan.cursor = cursor;
    const auto page = co_await self->context_.store().scan(std::move(scan));
    if (*self->stopped_ || !page) co_return false;
    for (const auto& record : page->records) {
      const auto delivery = decode_delivery(record);
      if (delivery && (!delivery->final() || !unseen_after(*delivery, last).empty())) co_return false;
    }
    cursor = page->next;
  } while (!cursor.empty());
  co_return true;
}

void PushEvents::begin(std::shared_ptr<Stream> stream) {
  stream->seen.resize(stream->job->recipients);
  tracked_ += stream->seen.size();
  gauge_.add(1);
  watched_->add(stream->job->id);  // before the store is read: nothing falls in between
  streams_.push_back(stream);
  stream->over = !stream->out->write("retry: 3000\n\n");
  if (!timer_) beat_later();
  stream->reading = true;
  spawn(read(shared_from_this(), std::move(stream)));
}

Task<void> PushEvents::read(Self self, std::shared_ptr<Stream> stream) {
  stream->stale = false;
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.partition = stream->job->id;
    scan.limit = kPage;
    scan.cursor = cursor;
    const auto page = co_await self->context_.store().scan(std::move(scan));
    if (*self->stopped_) co_return;
    if (!page) {  // the next heartbeat tries again
      stream->stale = true;
      break;
    }
    for (const auto& record : page->records) {
      if (const auto delivery = decode_delivery(record)) self->show(*stream, *delivery);
    }
    cursor = page->next;
    if (cursor.empty()) break;
    co_await sleep_for(kPagePause);
    if (*self->stopped_) co_return;
  } while (!stream->over);
  stream->reading = false;
  self->sweep();
}

void PushEvents::saved(const Delivery& delivery) {
  bool ended = false;
  for (auto& stream : streams_) {
    if (stream->job->id != delivery.push || stream->over) continue;
    show(*stream, delivery);
    ended = ended || stream->over;
  }
  if (ended) sweep();
}

void PushEvents::show(Stream& stream, const Delivery& delivery) {
  if (stream.over || delivery.index >= stream.seen.size()) return;
  auto& seen = stream.seen[delivery.index];
  if (delivery.version > seen.version) {
    std::vector<std::size_t> lines;
    if (seen.version != 0) {
      const EventId before{WallTime(std::chrono::milliseconds(seen.at)), delivery.index, seen.status, seen.attempt};
      lines = unseen(delivery, before);
    } else {
      lines = stream.last ? unseen_after(delivery, *stream.last) : unseen(delivery, std::nullopt);
    }
    std::string text;
    for (const auto line : lines) text += event_text(as_of(delivery, line), event_id(delivery, line));
    const auto newest = event_id(delivery, delivery.history.empty() ? 0 : delivery.history.size() - 1);
    seen.version = delivery.version;
    seen.at = newest.at.time_since_epoch().count();
    seen.status = newest.status;
    seen.attempt = newest.attempt;
    if (!text.empty() && !stream.out->write(std::move(text))) stream.over = true;
  }
  if (!seen.finished && delivery.final()) {
    seen.finished = true;
    ++stream.finished;
  }
  if (stream.finished == stream.seen.size()) stream.over = true;
}

void PushEvents::end(Stream& stream) {
  stream.over = true;
  stream.out->close();
  watched_->remove(stream.job->id);
  tracked_ -= stream.seen.size();
  gauge_.add(-1);
}

void PushEvents::sweep() {
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    if (!(*stream)->over) {
      ++stream;
      continue;
    }
    end(**stream);
    stream = streams_.erase(stream);
  }
}

void PushEvents::beat_later() {
  const auto pause = context_.config<PushConfig>()->events.heartbeat;
  timer_ = context_.executor().timers().start_at(context_.clock().now() + pause, [self = shared_from_this()] {
    self->timer_ = {};
    if (!*self->stopped_) self->beat();
  });
}

// Whoever has gone is noticed here at the latest.
void PushEvents::beat() {
  const bool missed = watched_->take_missed();
  for (auto& stream : streams_) {
    if (!stream->out->write(": still here\n\n")) stream->over = true;
    if (stream->over || stream->reading || !(missed || stream->stale)) continue;
    stream->reading = true;
    spawn(read(shared_from_this(), stream));
  }
  sweep();
  if (!streams_.empty()) beat_later();
}

}  // namespace herald::push
