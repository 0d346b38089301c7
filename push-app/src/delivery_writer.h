// The only place that changes a stored delivery after acceptance: by compare-and-set.
// Thread: the delivery's home shard.
#pragma once

#include <memory>

#include "herald/store.h"
#include "push/push_job.h"

namespace herald::push {

enum class Saved : std::uint8_t {
  yes,     // delivery.version is the new one
  lost,    // somebody else ended it, or it is gone: leave it alone
  failed,  // the store did not take it
};

// A cancellation that came in between is merged: a non-final `delivery` becomes `cancelled` unless it is `sending`, which
// keeps the flag.
Task<Saved> save_delivery(Store* store, Delivery* delivery, Durability durability);

// Like save_delivery, but does not give up while the node runs: the outcome of a request that was sent must not be forgotten.
Task<Saved> save_outcome(Store* store, Delivery* delivery, Durability durability, std::shared_ptr<const bool> stopped);

}  // namespace herald::push
