#include "delivery/delivery_writer.h"

#include <algorithm>
#include <utility>

#include "job/push_records.h"
#include "push_catalog.h"
#include "result/result_notice.h"

namespace herald::push {
namespace {

void merge_cancellation(Delivery& delivery, const Delivery& stored) {
  if (!stored.cancel_requested) return;
  delivery.cancel_requested = true;
  // What was sent cannot be recalled, also when it only waits for a report.
  if (!delivery.final() && delivery.status != Status::sending && delivery.status != Status::network_accepted) {
    delivery.move_to(Status::cancelled, 1000, "initiator", delivery.updated);
  }
}

bool was_final(const Delivery& delivery) { return delivery.stored && is_final(*delivery.stored); }

// What this write means for the initiator's notification. Error: the store did not say.
Task<Expected<std::optional<Put>>> notice_put(DeliveryWriter writer, const PushJob* job, const Delivery* delivery) {
  if (!wants_notice(*job) || !delivery->final()) co_return std::optional<Put>();
  if (!was_final(*delivery)) co_return std::optional<Put>(put_of(first_notice(*job, *delivery)));
  if (delivery->status != Status::displayed || *delivery->stored == Status::displayed) co_return std::optional<Put>();
  auto key = report_key(delivery->push, delivery->index);
  const auto record = co_await writer.store->get(std::move(key));
  if (!record) {
    if (record.error().code == ErrorCode::not_found) co_return std::optional<Put>();
    co_return fail(record.error());
  }
  auto notice = decode_notice(*record);
  if (!notice || !notice->outstanding() || notice->attempts > 0) co_return std::optional<Put>();
  tell_display(*notice, *delivery);
  co_return std::optional<Put>(put_of(*notice));
}

}  // namespace

Task<Expected<void>> commit_delivery(DeliveryWriter writer, const PushJob* job, Delivery* delivery, Durability durability) {
  Batch batch;
  batch.durability = durability;
  batch.puts.push_back(next_put_of(*delivery));
  auto notice = co_await notice_put(writer, job, delivery);
  if (!notice) co_return fail(notice.error());
  if (*notice) batch.puts.push_back(std::move(**notice));
  const auto committed = co_await writer.store->commit(std::move(batch));
  if (!committed) co_return fail(committed.error());
  note_saved(writer, *job, *delivery, committed->versions.empty() ? 0 : committed->versions.front());
  co_return Expected<void>();
}

Task<Saved> save_delivery(DeliveryWriter writer, const PushJob* job, Delivery* delivery, Durability durability) {
  constexpr int kMaxRounds = 4;  // each needs another writer in between
  for (int round = 0; round < kMaxRounds; ++round) {
    const auto committed = co_await commit_delivery(writer, job, delivery, durability);
    if (committed) co_return Saved::yes;
    if (committed.error().code != ErrorCode::conflict) co_return Saved::failed;
    auto key = delivery_key(delivery->push, delivery->index);
    const auto record = co_await writer.store->get(std::move(key));
    if (!record) co_return record.error().code == ErrorCode::not_found ? Saved::lost : Saved::failed;
    const auto stored = decode_delivery(*record);
    if (!stored) co_return Saved::lost;
    // The notification began to be sent just now; the delivery is as we know it.
    if (stored->version == delivery->version && was_final(*delivery)) continue;
    if (stored->final()) co_return Saved::lost;
    merge_cancellation(*delivery, *stored);
    delivery->version = stored->version;
    delivery->stored = stored->status;
  }
  co_return Saved::failed;
}

Task<Saved> save_outcome(DeliveryWriter writer, const PushJob* job, Delivery* delivery, Durability durability,
                         std::shared_ptr<const bool> stopped) {
  constexpr Duration kLongestPause = std::chrono::seconds(10);
  Duration pause = std::chrono::milliseconds(200);
  for (;;) {
    const auto saved = co_await save_delivery(writer, job, delivery, durability);
    if (saved != Saved::failed || *stopped) co_return saved;
    log::event(catalog::kStoreRefusesState, {{"push", delivery->push}, {"status", to_string(delivery->status)}});
    co_await sleep_for(pause);
    if (*stopped) co_return Saved::failed;
    pause = std::min(kLongestPause, pause * 2);
  }
}

void add_result_notices(const PushJob& job, const std::vector<Delivery>& deliveries, Batch& batch) {
  if (!wants_notice(job)) return;
  for (const auto& delivery : deliveries) {
    if (delivery.final() && !was_final(delivery)) batch.puts.push_back(put_of(first_notice(job, delivery)));
  }
}

void note_saved(const DeliveryWriter& writer, const PushJob& job, Delivery& delivery, Version version) {
  delivery.version = version;
  const auto before = std::exchange(delivery.stored, delivery.status);
  if (writer.observer) writer.observer->saved(job, delivery, before);
}

}  // namespace herald::push
