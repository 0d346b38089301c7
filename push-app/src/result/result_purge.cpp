#include "result/result_purge.h"

#include <utility>

#include "job/push_records.h"
#include "push_catalog.h"
#include "result/result_notice.h"

namespace herald::push {
namespace {

constexpr Duration kPostponed = std::chrono::hours(1);
constexpr std::size_t kPage = 200;

Task<BeforePurge> postpone(DeliveryWriter writer, const Record* push, WallTime now) {
  Put put;
  put.key = push->key;
  put.value = push->value;
  put.expected = push->version;
  put.due = now + std::chrono::duration_cast<WallTime::duration>(kPostponed);
  put.keep_terms = true;
  Batch batch;
  batch.durability = Durability::relaxed;
  batch.puts.push_back(std::move(put));
  const auto committed = co_await writer.store->commit(std::move(batch));
  co_return committed || committed.error().code == ErrorCode::conflict ? BeforePurge::later : BeforePurge::failed;
}

// A delivery that is still open after its push expired and the retention passed: whatever held it up, it ends here.
Task<bool> end_open_ones(DeliveryWriter writer, const PushJob* job, WallTime now, std::shared_ptr<const bool> stopped) {
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.partition = job->id;
    scan.term = std::string(kOpenTerm);
    scan.limit = kPage;
    scan.cursor = cursor;
    const auto page = co_await writer.store->scan(std::move(scan));
    if (*stopped || !page) co_return false;
    for (const auto& record : page->records) {
      auto delivery = decode_delivery(record);
      if (!delivery || delivery->final()) continue;
      delivery->move_to(Status::expired, 1001, "purge", now);
      const auto saved = co_await save_delivery(writer, job, &*delivery, Durability::relaxed);
      if (*stopped || saved == Saved::failed) co_return false;
    }
    cursor = page->next;
  } while (!cursor.empty());
  co_return true;
}

}  // namespace

Key notice_key_of(Key delivery_key) {
  delivery_key.table = std::string(kReportTable);
  return delivery_key;
}

Task<BeforePurge> settle_before_purge(DeliveryWriter writer, const Record* push, WallTime now,
                                      std::shared_ptr<const bool> stopped) {
  const auto job = decode_push(*push);
  if (!job || !wants_notice(*job)) co_return BeforePurge::nobody_asks;
  const bool ended = co_await end_open_ones(writer, &*job, now, stopped);
  if (*stopped || !ended) co_return BeforePurge::failed;
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kReportTable);
    scan.partition = job->id;
    scan.limit = kPage;
    scan.cursor = cursor;
    const auto page = co_await writer.store->scan(std::move(scan));
    if (*stopped || !page) co_return BeforePurge::failed;
    for (const auto& record : page->records) {
      const auto notice = decode_notice(record);
      if (notice && notice->outstanding()) co_return co_await postpone(writer, push, now);
    }
    cursor = page->next;
  } while (!cursor.empty());
  co_return BeforePurge::all_told;
}

}  // namespace herald::push
