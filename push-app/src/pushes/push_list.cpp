// Lists of pushes, newest first. See push_service.h.
#include <utility>

#include "job/push_records.h"
#include "pushes/push_service.h"
#include "result/result_purge.h"

namespace herald::push {
namespace {

// A list looks at no more records than this per call; a page may then be short and still have a cursor.
constexpr std::size_t kMaxLookedAt = 1000;
// The same for the deliveries of pushes in search of a status. One push is always looked through: a cursor cannot point into it.
constexpr std::size_t kMaxSearched = 20000;
constexpr std::size_t kListedDeliveries = 10;
constexpr std::size_t kSearchPage = 500;

// Of one push: the first there are, or the first that stand so.
struct Shown {
  std::vector<Delivery> deliveries;
  std::size_t looked_at = 0;
};
Task<Expected<Shown>> deliveries_shown(Store* store, std::shared_ptr<const bool> stopped, std::string push,
                                       std::optional<Status> status) {
  Shown shown;
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.partition = push;
    scan.limit = status ? kSearchPage : kListedDeliveries;
    scan.cursor = std::move(cursor);
    const auto page = co_await store->scan(std::move(scan));
    if (*stopped) co_return fail(ErrorCode::gone, "stopped");
    if (!page) co_return fail(page.error());
    for (const auto& entry : page->records) {
      ++shown.looked_at;
      auto delivery = decode_delivery(entry);
      if (delivery && (!status || delivery->status == *status)) shown.deliveries.push_back(std::move(*delivery));
      if (shown.deliveries.size() == kListedDeliveries) co_return shown;
    }
    cursor = status ? page->next : std::string();
  } while (!cursor.empty());
  co_return shown;
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
  std::size_t looked_at = 0, searched = 0;
  do {
    Scan scan;
    scan.table = std::string(kPushTable);
    scan.newest_first = true;
    scan.cursor = list.next;
    // So that a page of the store never has to be cut; with a status each push may cost many looks.
    scan.limit = query.status ? 1 : query.limit - list.pushes.size();
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
      auto id = view.job.id;
      auto shown = co_await deliveries_shown(&store, self->stopped_, std::move(id), query.status);
      if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
      if (!shown) co_return tl::unexpected(problem_of(shown.error()));
      searched += shown->looked_at;
      if (query.status && shown->deliveries.empty()) continue;
      view.deliveries = std::move(shown->deliveries);
      list.pushes.push_back(std::move(view));
    }
  } while (!list.next.empty() && list.pushes.size() < query.limit && looked_at < kMaxLookedAt && searched < kMaxSearched);
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
