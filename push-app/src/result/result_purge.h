// Before a push is purged: what never ended ends now, and nothing goes while its initiator is still to be told (SM-3).
// Thread: the shard that serves HTTP.
#pragma once

#include <memory>

#include "delivery/delivery_writer.h"

namespace herald::push {

enum class BeforePurge : std::uint8_t {
  nobody_asks,  // no notifications: the deliveries can go
  all_told,     // the notices can go with them
  later,        // postponed
  failed,       // the store did not take it
};

// `push`: the record that is due. Postponing moves its due time.
Task<BeforePurge> settle_before_purge(DeliveryWriter writer, const Record* push, WallTime now,
                                      std::shared_ptr<const bool> stopped);

// Of the notice that belongs to a delivery's record.
[[nodiscard]] Key notice_key_of(Key delivery_key);

}  // namespace herald::push
