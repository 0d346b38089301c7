// The shard's EventState: PUBLISH transactions, and publications of event/ behind it.
// Thread: one shard. Lifetime: lives in the Core.
#pragma once

#include <memory>

#include "container/states.h"
#include "herald/event_state.h"

namespace herald::container {

class EventStateImpl : public EventState {
 public:
  // Reads back what the store holds for the packages that servlets added.
  virtual Task<Expected<void>> load() = 0;
  virtual void stop() = 0;
};

[[nodiscard]] std::unique_ptr<EventStateImpl> make_event_state(Core& core);

}  // namespace herald::container
