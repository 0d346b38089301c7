// GET /v1/pushes/{id}/events: the state of each recipient, then one event for each change of it, until all are final. A client
// that comes back with Last-Event-ID gets what it missed, from the histories in the store.
//
// Transitions are saved on the shards of the users; the streams live where HTTP is served. An observer there posts a copy of
// each delivery whose push is watched. What a full mailbox does not take is found by reading the store again.
// Thread: the shard that serves HTTP.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "herald/metrics.h"
#include "herald/servlet_context.h"
#include "result/push_event_text.h"
#include "result/push_watch.h"
#include "text/problem.h"

namespace herald::push {

class PushEvents : public std::enable_shared_from_this<PushEvents> {
 public:
  using Self = std::shared_ptr<PushEvents>;
  PushEvents(ServletContext& context, std::shared_ptr<WatchedPushes> watched);
  void stop() noexcept;

  // 200 with the stream; 204 when a client that came back missed nothing and nothing will come: it shall not come again.
  static Task<HttpResponse> open(Self self, std::shared_ptr<const PushJob> job, std::optional<EventId> last);
  void saved(const Delivery& delivery);

  [[nodiscard]] std::size_t size() const noexcept { return streams_.size(); }

 private:
  // What the client saw last of one recipient.
  struct Seen {
    Version version = 0;
    std::int64_t at = 0;
    std::uint16_t attempt = 0;
    Status status = Status::accepted;
    bool finished = false;
  };
  struct Stream {
    std::shared_ptr<const PushJob> job;
    std::shared_ptr<HttpStream> out;
    std::optional<EventId> last;
    std::vector<Seen> seen;
    std::size_t finished = 0;
    bool reading = false;  // the store, page by page
    bool stale = false;    // it could not be read
    bool over = false;
  };

  static Task<void> read(Self self, std::shared_ptr<Stream> stream);
  static Task<bool> nothing_left(Self self, std::shared_ptr<const PushJob> job, EventId last);
  void begin(std::shared_ptr<Stream> stream);
  void show(Stream& stream, const Delivery& delivery);
  void end(Stream& stream);
  void sweep();
  void beat_later();
  void beat();

  ServletContext& context_;
  std::shared_ptr<WatchedPushes> watched_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  std::list<std::shared_ptr<Stream>> streams_;
  std::size_t opening_ = 0;
  std::size_t tracked_ = 0;  // recipients of all streams
  TimerId timer_;
  metrics::Gauge gauge_;
};

}  // namespace herald::push
