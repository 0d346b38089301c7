// Presence as a watcher sees it: SUBSCRIBE Event: presence to users who get pushes, PIDF of the NOTIFYs as facts. PS-102.
// Thread: one shard, that of its users.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "capability/capabilities.h"
#include "herald/metrics.h"
#include "herald/servlet_context.h"
#include "herald/subscriber.h"

namespace herald::push {

class PresenceWatcher final : public Watcher {
 public:
  // What was learned about the user; none: it holds no more.
  using Sink = std::function<void(const std::string& user, std::vector<CapabilityFact> facts)>;

  PresenceWatcher(ServletContext& context, Sink sink);
  ~PresenceWatcher() override { stop(); }
  void stop() noexcept;

  // A push goes to the user: watches him from now on, unless there are too many or he refused. Ends by itself when nothing is
  // pushed to him any more.
  void want(const std::string& user, std::string_view scscf);
  // He is registered no more, or anew: who refused may be asked again.
  void forget(const std::string& user);

  int on_notify(WatchId id, const Notification& notification, std::vector<SipHeaderField>& headers) override;
  void on_progress(WatchId id, const WatchProgress& progress) override;

  [[nodiscard]] bool watches(const std::string& user) const;
  [[nodiscard]] std::size_t size() const noexcept { return users_.size(); }

 private:
  struct Watch {
    WatchId id = 0;  // 0: over, and not to be tried before `again`
    WallTime wanted{};
    WallTime again{};
  };
  void end(const std::string& user, WallTime again);
  [[nodiscard]] std::string user_of(WatchId id) const;

  ServletContext& context_;
  Sink sink_;
  std::unordered_map<std::string, Watch> users_;
  std::unordered_map<WatchId, std::string> ids_;
  std::unordered_set<WatchId> leaving_;  // given up, not yet over
  bool stopped_ = false;
  metrics::Counter notified_, malformed_, skipped_;
  metrics::Gauge watching_;
};

}  // namespace herald::push
