// The sessions of one shard: how many there may be, who waits for one, which one a cancellation means.
// Thread: one shard.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "delivery/delivery_queue.h"
#include "herald/metrics.h"
#include "mode/push_session.h"

namespace herald::push {

class SessionDesk {
 public:
  explicit SessionDesk(ServletContext& context);

  // This node has MSRP at all, over the transport that is configured.
  [[nodiscard]] bool available() const;
  // Error{busy}: as many as may be are running.
  [[nodiscard]] Expected<std::shared_ptr<PushSession>> open();
  void add(const std::string& push, std::uint32_t index, std::shared_ptr<PushSession> session);
  void remove(const std::string& push, std::uint32_t index);
  [[nodiscard]] std::shared_ptr<PushSession> find(const std::string& push, std::uint32_t index) const;

  void wait(SlotId slot);
  // Who may try now, after one ended.
  [[nodiscard]] std::optional<SlotId> next(const DeliveryQueue& queue);
  [[nodiscard]] std::size_t running() const noexcept { return sessions_.size(); }
  void stop() noexcept;

 private:
  ServletContext& context_;
  std::map<std::pair<std::string, std::uint32_t>, std::shared_ptr<PushSession>> sessions_;
  std::deque<SlotId> waiting_;  // as many as are parked for it: each is a slot of the queue, which bounds them
  metrics::Gauge running_gauge_;
  metrics::Counter waited_;
  mutable bool there_ = false;
  mutable std::optional<TimePoint> asked_;
};

}  // namespace herald::push
