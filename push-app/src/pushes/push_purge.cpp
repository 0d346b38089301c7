// The removal of old pushes, and of what was never accepted. See push_service.h.
#include <utility>

#include "push_catalog.h"
#include "pushes/push_service.h"
#include "result/result_purge.h"

namespace herald::push {
namespace {

constexpr Duration kPurgePause = std::chrono::seconds(30);
constexpr std::size_t kPurgePage = 100;

}  // namespace

void PushService::purge_later() {
  const auto due = context_.clock().now() + kPurgePause;
  purge_timer_ = context_.executor().timers().start_at(due, [self = shared_from_this()] {
    self->purge_timer_ = {};
    if (!*self->stopped_) spawn(purge(self));
  });
}

Task<void> PushService::purge(Self self) {
  co_await recover(self);
  if (*self->stopped_) co_return;
  const auto old = co_await self->context_.store().due(std::string(kPushTable), self->context_.clock().wall(), kPurgePage);
  if (*self->stopped_) co_return;
  if (old) {
    for (const auto& record : old->records) {
      const bool done = co_await purge_push(self, record);
      if (*self->stopped_) co_return;
      if (!done) break;
    }
  }
  for (const auto table : {kIdempotencyTable, kExternalTable, kQuotaTable}) {
    co_await purge_names(self, std::string(table));
    if (*self->stopped_) co_return;
  }
  self->purge_later();
}

Task<void> PushService::purge_names(Self self, std::string table) {
  auto& store = self->context_.store();
  const auto keys = co_await store.due(std::move(table), self->context_.clock().wall(), kPurgePage * 5);
  if (*self->stopped_ || !keys || keys->records.empty()) co_return;
  Batch batch;
  batch.durability = Durability::relaxed;
  for (const auto& record : keys->records) batch.erases.push_back({record.key, record.version});
  const auto erased = co_await store.commit(std::move(batch));
  if (!erased && !*self->stopped_) self->metrics_.store_failure("purge");
}

Task<void> PushService::recover(Self self) {
  const auto left = co_await self->context_.store().due(std::string(kStagingTable), WallTime::max(), kPurgePage);
  if (*self->stopped_ || !left) co_return;
  for (const auto& record : left->records) {
    const auto id = record.key.id;
    if (self->staging_.contains(id)) continue;
    auto acceptance = decode_acceptance(record);
    if (!acceptance) {
      log::event(catalog::kCorruptRecord, {{"push", id}, {"cause", acceptance.error().text}});
      continue;
    }
    if (!acceptance->decided) {
      log::event(catalog::kUnfinishedRemoved, {{"push", id}, {"trace", acceptance->job.trace}});
      const bool removed = co_await erase_push(self, id, /*with_notices=*/false);
      if (*self->stopped_ || !removed) co_return;
      continue;
    }
    self->staging_.insert(id);
    auto done = co_await complete_replacement(self, *acceptance);
    if (*self->stopped_) co_return;
    self->staging_.erase(id);
    if (!done) {
      self->metrics_.store_failure("replace");
      co_return;
    }
    log::event(catalog::kReplacementCompleted, {{"push", id}, {"replaces", acceptance->job.replaces}});
    self->report_accepted(acceptance->job);
    spawn(feed(self, std::make_shared<const PushJob>(std::move(acceptance->job))));
  }
}

// The deliveries first and the push, or its staging record, last, so that what an interruption leaves is found again. SM-3: the
// initiator is told of each end before its record goes.
Task<bool> PushService::purge_push(Self self, Record push) {
  const auto told = co_await settle_before_purge(self->writer_, &push, self->context_.clock().wall(), self->stopped_);
  if (*self->stopped_ || told == BeforePurge::failed) co_return false;
  if (told == BeforePurge::later) co_return true;
  co_return co_await erase_push(self, push.key.id, told == BeforePurge::all_told);
}

Task<bool> PushService::erase_push(Self self, std::string id, bool with_notices) {
  auto& store = self->context_.store();
  for (;;) {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.partition = id;
    scan.limit = 400;  // with their notices within the 1000 erases of a batch
    const auto page = co_await store.scan(std::move(scan));
    if (*self->stopped_ || !page) co_return false;
    Batch batch;
    batch.durability = Durability::relaxed;
    for (const auto& record : page->records) {
      batch.erases.push_back({record.key, std::nullopt});
      if (with_notices) batch.erases.push_back({notice_key_of(record.key), std::nullopt});
    }
    const bool last = page->next.empty();
    if (last) {
      batch.erases.push_back({push_key(id), std::nullopt});
      batch.erases.push_back({staging_key(id), std::nullopt});
    }
    const auto erased = co_await store.commit(std::move(batch));
    if (*self->stopped_) co_return false;
    if (!erased) {
      self->metrics_.store_failure("purge");
      co_return false;
    }
    if (last) co_return true;
  }
}

}  // namespace herald::push
