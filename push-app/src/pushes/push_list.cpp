// Lists of pushes, newest first. See push_service.h.
#include <utility>

#include "job/push_records.h"
#include "pushes/push_service.h"
#include "result/result_purge.h"

namespace herald::push {
namespace {

// A list looks at no more records than this per call; a page may then be short and still have a cursor.
constexpr std::size_t kMaxLookedAt = 1000;
constexpr std::size_t kListedDeliveries = 10;

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

}  // namespace herald::push
