// The shard's Subscriber: SUBSCRIBE and REFER dialogs of our own.
// Thread: one shard. Lifetime: lives in the Core.
#pragma once

#include <memory>

#include "container/states.h"
#include "herald/subscriber.h"

namespace herald::container {

class SubscriberImpl : public Subscriber {
 public:
  // A NOTIFY for a dialog of ours, in one or making one. False: not for a subscription of ours, and nothing was answered.
  virtual bool take(const std::shared_ptr<detail::RequestState>& request) = 0;
  virtual void stop() = 0;
};

[[nodiscard]] std::unique_ptr<SubscriberImpl> make_subscriber(Core& core);

}  // namespace herald::container
