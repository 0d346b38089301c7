// The subscriber's side of events, and REFER with what follows it. RFC 6665 4.1, RFC 3515, RFC 4488, RFC 7614.
//
//   auto id = context.subscriber().subscribe(plan, watcher);   // SUBSCRIBE, refreshes, new dialogs as the reasons tell
//   context.subscriber().unsubscribe(*id);
//   const auto result = co_await context.subscriber().refer(plan, watcher);
//
// Thread: the shard it was called on; NOTIFYs arrive there (its Contact). Lifetime: a watcher outlives what it watches, until
// unsubscribe() or the container's stop(). Nothing is kept over a restart: who subscribes does so again in init().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/notifier.h"
#include "herald/sip_servlet.h"

namespace herald {

using WatchId = std::uint64_t;  // 0: none

struct SubscribePlan {
  std::string from;  // name-addr or URI, without tag
  std::string to;
  std::string uri;                  // Request-URI; empty: that of `to`
  std::vector<std::string> routes;  // first hop first
  std::string event;                // "oma-push;appid=news.ua"
  std::vector<std::string> accept;
  std::chrono::seconds expires{3600};  // 0: one fetch
  std::vector<SipHeaderField> headers{};
  std::string trace{};
  bool again = true;  // a new subscription when one ends for a reason that allows it (PS-72, PR-2, PR-5)
};

// Answers a NOTIFY after on_notify() has returned 0: when what it brought is safe. From the watch's shard, once; dropped without
// an answer: 500. The notifier waits for Timer F at most.
class NotifyAnswerer {
 public:
  virtual ~NotifyAnswerer() = default;
  virtual void answer(int status, std::vector<SipHeaderField> headers = {}) = 0;
};

struct Notification {
  const SipMessage& message;
  SubscriptionStatus status = SubscriptionStatus::active;
  EndReason reason = EndReason::none;
  std::optional<std::chrono::seconds> retry_after;
  std::optional<std::chrono::seconds> expires;
  std::function<std::shared_ptr<NotifyAnswerer>()> answer_later{};  // for a watcher that returns 0
};

// What became of the subscription itself.
struct WatchProgress {
  enum class Stage : std::uint8_t {
    accepted,  // 2xx
    active,    // first NOTIFY with that state
    pending,
    ended,  // reason, or the status of what refused it
  };
  Stage stage = Stage::accepted;
  int status = 0;  // of the last SUBSCRIBE; 0: none yet
  EndReason reason = EndReason::none;
  std::optional<Duration> again_in{};  // ended: when it is tried again by itself; none: never
  std::chrono::seconds expires{};
};

class Watcher {
 public:
  virtual ~Watcher() = default;
  // The status to answer the NOTIFY with: 200, or 415 with `headers` filled (Accept). 0: notification.answer_later() was taken.
  virtual int on_notify(WatchId id, const Notification& notification, std::vector<SipHeaderField>& headers) = 0;
  virtual void on_progress(WatchId, const WatchProgress&) {}
};

// PS-92..PS-94 in the order they are tried.
enum class ReferVariant : std::uint8_t { nosub, norefersub, explicitsub, implicit };
[[nodiscard]] std::string_view to_string(ReferVariant variant) noexcept;

struct ReferPlan {
  std::string from;
  std::string to;
  std::string uri;  // AoR or GRUU; empty: that of `to`
  std::vector<std::string> routes;
  std::string refer_to;     // header value, "<sip:…;method=SUBSCRIBE?Event=…>" with parameters behind
  std::string referred_by;  // header value; empty: none
  std::vector<SipHeaderField> headers{};
  std::vector<ReferVariant> variants{ReferVariant::nosub, ReferVariant::norefersub, ReferVariant::implicit};
  std::string trace{};
};

struct ReferResult {
  int status = 0;  // final answer to the last REFER; 0: nothing could be sent
  ResponseOrigin origin = ResponseOrigin::peer;
  std::string reason;
  ReferVariant variant = ReferVariant::nosub;  // the one that was answered so
  bool reports = false;                        // NOTIFYs with message/sipfrag follow (PS-94)
  [[nodiscard]] bool accepted() const noexcept { return status >= 200 && status < 300; }
};

// What the receiver reports about the request it was referred to make.
struct ReferReport {
  int status = 0;     // of the sipfrag: 100 trying, then a final one; 0: ended without one (Timer N, RFC 6665 4.1.2.4)
  bool last = false;  // no more will come
};
class ReferWatcher {
 public:
  virtual ~ReferWatcher() = default;
  virtual void on_report(const ReferReport& report) = 0;
};

class Subscriber {
 public:
  virtual ~Subscriber() = default;
  virtual Expected<WatchId> subscribe(SubscribePlan plan, Watcher& watcher) = 0;
  // Asks for the state anew (a refresh at once).
  virtual void refresh(WatchId id) = 0;
  // Expires 0; the watcher hears of the last NOTIFY, then no more. `done` futures are for orderly ends.
  virtual Future<void> unsubscribe(WatchId id) = 0;
  // Silently forgets it: the watcher is about to go.
  virtual void abandon(WatchId id) = 0;
  // `watcher` (may be null) hears reports until the last one, also after the future is done; shared so that it lives as long.
  virtual Future<ReferResult> refer(ReferPlan plan, std::shared_ptr<ReferWatcher> watcher) = 0;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
};

}  // namespace herald
