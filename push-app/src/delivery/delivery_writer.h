// The only place that changes a stored delivery after acceptance: by compare-and-set. What a change brings with it goes into
// the same batch: the result notification of a delivery that ended (SM-3).
// Thread: the delivery's home shard, and the shard that serves HTTP.
#pragma once

#include <memory>

#include "herald/store.h"
#include "push/push_job.h"

namespace herald::push {

enum class Saved : std::uint8_t {
  yes,     // delivery.version and delivery.stored are the new ones
  lost,    // somebody else ended it, or it is gone: leave it alone
  failed,  // the store did not take it
};

// Sees every state once it is saved: server-sent events, CDRs, the sender of result notifications.
// Thread: called on the shard that saved.
class DeliveryObserver {
 public:
  virtual ~DeliveryObserver() = default;
  // `before`: the status that was stored until now; none: the push has just been accepted.
  virtual void saved(const PushJob& job, const Delivery& delivery, std::optional<Status> before) = 0;
};

// Where a delivery is written. Cheap to copy.
struct DeliveryWriter {
  Store* store = nullptr;
  std::shared_ptr<DeliveryObserver> observer{};  // may be empty
};

// A cancellation that came in between is merged: a non-final `delivery` becomes `cancelled` unless it is `sending`, which
// keeps the flag. `job` and `delivery` must outlive the task.
Task<Saved> save_delivery(DeliveryWriter writer, const PushJob* job, Delivery* delivery, Durability durability);

// Like save_delivery, but does not give up while the node runs: the outcome of a request that was sent must not be forgotten.
Task<Saved> save_outcome(DeliveryWriter writer, const PushJob* job, Delivery* delivery, Durability durability,
                         std::shared_ptr<const bool> stopped);

// One attempt of save_delivery, nothing merged. Error{conflict}: the stored one is another by now; read it again.
Task<Expected<void>> commit_delivery(DeliveryWriter writer, const PushJob* job, Delivery* delivery, Durability durability);

// For those who write many deliveries of one push in a batch of their own (acceptance, cancellation): what has to be in it
// besides next_put_of or first_put_of, and what has to follow once it is committed.
void add_result_notices(const PushJob& job, const std::vector<Delivery>& deliveries, Batch& batch);
void note_saved(const DeliveryWriter& writer, const PushJob& job, Delivery& delivery, Version version);

}  // namespace herald::push
