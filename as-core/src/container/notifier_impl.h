// The shard's Notifier: SUBSCRIBE and REFER of the container's transactions, and subscriptions of event/ behind it.
// Thread: one shard. Lifetime: lives in the Core.
#pragma once

#include <memory>

#include "container/states.h"
#include "herald/notifier.h"

namespace herald::container {

class NotifierImpl : public Notifier {
 public:
  // Reads back what the store holds for the packages that servlets added.
  virtual Task<Expected<void>> load() = 0;
  // An in-dialog request that no session knows. False: no subscription of ours either, and nothing was answered.
  virtual bool take(const std::shared_ptr<detail::RequestState>& request) = 0;
  // Node drain: new subscriptions are refused, refreshes still served.
  virtual void drain() = 0;
  virtual void stop() = 0;
  [[nodiscard]] virtual std::size_t outstanding() const noexcept = 0;  // NOTIFYs without answer
};

[[nodiscard]] std::unique_ptr<NotifierImpl> make_notifier(Core& core);

}  // namespace herald::container
