// Lists of pushes, newest first, and the removal of old ones. See push_service.h.
#include <utility>

#include "push_records.h"
#include "push_service.h"

namespace herald::push {
namespace {

// A list looks at no more records than this per call; a page may then be short and still have a cursor.
constexpr std::size_t kMaxLookedAt = 1000;
constexpr std::size_t kListedDeliveries = 10;
constexpr Duration kPurgePause = std::chrono::seconds(30);
constexpr std::size_t kPurgePage = 100;

bool shows(const std::vector<Delivery>& deliveries, const std::optional<Status>& status) {
  if (!status) return true;
  for (const auto& delivery : deliveries) {
    if (delivery.status == *status) return true;
  }
  return false;
}

Problem list_problem(const Error& error) {
  if (error.code == ErrorCode::invalid) return {400, 2000, "cursor: not one of ours"};
  return problem_of(error);
}

}  // namespace

Task<Checked<PushList>> PushService::list(Self self, ListQuery query) {
  if (query.user) co_return co_await list_by_user(self, std::move(query));
  co_return co_await list_by_push(self, std::move(query));
}

Task<Checked<PushList>> PushService::list_by_push(Self self, ListQuery query) {
  auto& store = self->context_.store();
  PushList list;
  list.next = query.cursor;
  std::size_t looked_at = 0;
  do {
    Scan scan;
    scan.table = std::string(kPushTable);
    scan.newest_first = true;
    scan.cursor = list.next;
    scan.limit = query.limit - list.pushes.size();  // so that a page of the store never has to be cut
    if (query.initiator) scan.term = initiator_term(*query.initiator);
    const auto page = co_await store.scan(std::move(scan));
    if (!page) co_return tl::unexpected(list_problem(page.error()));
    if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
    list.next = page->next;
    for (const auto& record : page->records) {
      ++looked_at;
      auto job = decode_push(record);
      if (!job) continue;
      PushView view;
      view.job = std::move(*job);
      Scan deliveries;
      deliveries.table = std::string(kDeliveryTable);
      deliveries.partition = view.job.id;
      deliveries.limit = query.status ? 1000 : kListedDeliveries;
      const auto found = co_await store.scan(std::move(deliveries));
      if (!found) co_return tl::unexpected(problem_of(found.error()));
      for (const auto& entry : found->records) {
        if (auto delivery = decode_delivery(entry)) view.deliveries.push_back(std::move(*delivery));
      }
      if (!shows(view.deliveries, query.status)) continue;
      if (view.deliveries.size() > kListedDeliveries) view.deliveries.resize(kListedDeliveries);
      list.pushes.push_back(std::move(view));
    }
  } while (!list.next.empty() && list.pushes.size() < query.limit && looked_at < kMaxLookedAt);
  co_return list;
}

Task<Checked<PushList>> PushService::list_by_user(Self self, ListQuery query) {
  auto& store = self->context_.store();
  PushList list;
  list.next = query.cursor;
  std::size_t looked_at = 0;
  do {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.term = user_term(*query.user);
    scan.newest_first = true;
    scan.cursor = list.next;
    scan.limit = query.limit - list.pushes.size();
    const auto page = co_await store.scan(std::move(scan));
    if (!page) co_return tl::unexpected(list_problem(page.error()));
    if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
    list.next = page->next;
    for (const auto& record : page->records) {
      ++looked_at;
      auto delivery = decode_delivery(record);
      if (!delivery || (query.status && delivery->status != *query.status)) continue;
      auto key = push_key(delivery->push);
      const auto push = co_await store.get(std::move(key));
      if (!push) continue;  // being purged
      auto job = decode_push(*push);
      if (!job || (query.initiator && job->initiator != *query.initiator)) continue;
      PushView view;
      view.job = std::move(*job);
      view.deliveries.push_back(std::move(*delivery));
      list.pushes.push_back(std::move(view));
    }
  } while (!list.next.empty() && list.pushes.size() < query.limit && looked_at < kMaxLookedAt);
  co_return list;
}

void PushService::purge_later() {
  const auto due = context_.clock().now() + kPurgePause;
  purge_timer_ = context_.executor().timers().start_at(due, [self = shared_from_this()] {
    self->purge_timer_ = {};
    if (!*self->stopped_) spawn(purge(self));
  });
}

Task<void> PushService::purge(Self self) {
  auto& store = self->context_.store();
  const auto now = self->context_.clock().wall();
  const auto old = co_await store.due(std::string(kPushTable), now, kPurgePage);
  if (*self->stopped_) co_return;
  if (old) {
    for (const auto& record : old->records) {
      const bool done = co_await purge_push(self, record.key.id);
      if (*self->stopped_) co_return;
      if (!done) break;
    }
  }
  const auto keys = co_await store.due(std::string(kIdempotencyTable), now, kPurgePage * 5);
  if (*self->stopped_) co_return;
  if (keys && !keys->records.empty()) {
    Batch batch;
    batch.durability = Durability::relaxed;
    for (const auto& record : keys->records) batch.erases.push_back({record.key, record.version});
    const auto erased = co_await store.commit(std::move(batch));
    if (*self->stopped_) co_return;
    if (!erased) self->metrics_.store_failure("purge");
  }
  self->purge_later();
}

// The deliveries first and the push last, so that what an interruption leaves is found again.
Task<bool> PushService::purge_push(Self self, std::string id) {
  auto& store = self->context_.store();
  for (;;) {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.partition = id;
    scan.limit = 500;
    const auto page = co_await store.scan(std::move(scan));
    if (*self->stopped_ || !page) co_return false;
    Batch batch;
    batch.durability = Durability::relaxed;
    for (const auto& record : page->records) batch.erases.push_back({record.key, std::nullopt});
    const bool last = page->next.empty();
    if (last) batch.erases.push_back({push_key(id), std::nullopt});
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
