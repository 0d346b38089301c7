// Who hears of saved deliveries: the charging records, the outbox of result notifications, the event streams. One on each
// shard; what they share is NodeWatch.
// Thread: one shard.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "delivery/delivery_writer.h"
#include "herald/servlet_context.h"
#include "result/cdr_writer.h"
#include "result/push_watch.h"

namespace herald::push {

class PushEvents;
class ResultOutbox;

// Shared by the servlets of all shards.
struct NodeWatch {
  std::shared_ptr<WatchedPushes> pushes = std::make_shared<WatchedPushes>();
  CdrWriter cdr;
  std::atomic<bool> rung{false};  // the outbox was told already and has not looked yet
};

class SavedStates final : public DeliveryObserver {
 public:
  // Runs work where the outbox and the streams are; false: that shard's mailbox is full.
  using Relay = std::function<bool(UniqueFunction<void(ResultOutbox&, PushEvents&)> work)>;
  SavedStates(ServletContext& context, std::shared_ptr<NodeWatch> watch, Relay relay)
      : context_(context), watch_(std::move(watch)), relay_(std::move(relay)) {}

  void saved(const PushJob& job, const Delivery& delivery, std::optional<Status> before) override;

 private:
  ServletContext& context_;
  std::shared_ptr<NodeWatch> watch_;
  Relay relay_;
};

}  // namespace herald::push
