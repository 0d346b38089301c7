#include "delivery_writer.h"

#include <algorithm>
#include <utility>

#include "push_catalog.h"
#include "push_records.h"

namespace herald::push {
namespace {

void merge_cancellation(Delivery& delivery, const Delivery& stored) {
  if (!stored.cancel_requested) return;
  delivery.cancel_requested = true;
  if (!delivery.final() && delivery.status != Status::sending) {
    delivery.move_to(Status::cancelled, 1000, "initiator", delivery.updated);
  }
}

}  // namespace

Task<Saved> save_delivery(Store* store, Delivery* delivery, Durability durability) {
  constexpr int kMaxRounds = 4;  // each needs another writer in between
  for (int round = 0; round < kMaxRounds; ++round) {
    Batch batch;
    batch.durability = durability;
    batch.puts.push_back(next_put_of(*delivery));
    const auto committed = co_await store->commit(std::move(batch));
    if (committed) {
      delivery->version = committed->versions.empty() ? 0 : committed->versions.front();
      co_return Saved::yes;
    }
    if (committed.error().code != ErrorCode::conflict) co_return Saved::failed;
    auto key = delivery_key(delivery->push, delivery->index);
    const auto record = co_await store->get(std::move(key));
    if (!record) co_return record.error().code == ErrorCode::not_found ? Saved::lost : Saved::failed;
    const auto stored = decode_delivery(*record);
    if (!stored || stored->final()) co_return Saved::lost;
    merge_cancellation(*delivery, *stored);
    delivery->version = stored->version;
  }
  co_return Saved::failed;
}

Task<Saved> save_outcome(Store* store, Delivery* delivery, Durability durability, std::shared_ptr<const bool> stopped) {
  constexpr Duration kLongestPause = std::chrono::seconds(10);
  Duration pause = std::chrono::milliseconds(200);
  for (;;) {
    const auto saved = co_await save_delivery(store, delivery, durability);
    if (saved != Saved::failed || *stopped) co_return saved;
    log::event(catalog::kStoreRefusesState, {{"push", delivery->push}, {"status", to_string(delivery->status)}});
    co_await sleep_for(pause);
    if (*stopped) co_return Saved::failed;
    pause = std::min(kLongestPause, pause * 2);
  }
}

}  // namespace herald::push
