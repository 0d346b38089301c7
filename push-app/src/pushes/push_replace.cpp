// A push takes the place of another (PAP-34). See push_service.h.
//
// The new push lies decided in the staging table when this begins; from there it only goes forward: what of the old one is not
// final yet is cancelled, then the new one becomes a push. A crash anywhere is followed by the same steps again (recover()), so
// the old push is never cancelled without the new one, and nothing of the new one goes out before the old one is cancelled.
#include <set>
#include <utility>

#include "herald/sip_uri.h"
#include "pushes/push_service.h"

namespace herald::push {
namespace {

constexpr std::size_t kPage = 200;

// Cancelled by an earlier try of this same replacement: it was pending then.
bool was_pending(const Delivery& delivery, const std::string& cause) {
  return !delivery.final() || (delivery.status == Status::cancelled && delivery.cause == cause);
}

}  // namespace

Task<Expected<void>> PushService::complete_replacement(Self self, Acceptance acceptance) {
  auto& store = self->context_.store();
  const auto cause = "replaced:" + acceptance.job.id;
  auto found = co_await find(self, acceptance.job.replaces, std::nullopt);
  if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
  if (!found && found.error().code != 2004) co_return fail(ErrorCode::unavailable, found.error().detail);
  const PushJob old_job = found ? std::move(*found) : PushJob();  // gone: purged while this waited for the store
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.partition = acceptance.job.replaces;
    scan.limit = kPage;
    scan.cursor = cursor;
    const auto page = co_await store.scan(std::move(scan));
    if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
    if (!page) co_return fail(page.error());
    cursor = page->next;
    std::vector<Delivery> old;
    for (const auto& record : page->records) {
      if (auto delivery = decode_delivery(record)) old.push_back(std::move(*delivery));
    }
    auto ending = co_await end_some(self, &old_job, &old, cause);
    if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
    if (!ending) co_return fail(ending.error());
    if (!acceptance.pending_only) continue;
    std::vector<Recipient> got_it;
    for (const auto& delivery : old) {
      if (was_pending(delivery, cause)) continue;
      Recipient recipient;
      recipient.address = delivery.address;
      recipient.user = canonical_identity(delivery.address);
      got_it.push_back(std::move(recipient));
    }
    auto skipped = co_await skip_recipients(self, acceptance.job.id, std::move(got_it));
    if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
    if (!skipped) co_return fail(skipped.error());
  } while (!cursor.empty());

  Batch batch;
  batch.puts.push_back(put_of(acceptance.job, acceptance.purge_at));
  batch.erases.push_back({staging_key(acceptance.job.id), std::nullopt});
  const auto committed = co_await store.commit(std::move(batch));
  if (!committed) co_return fail(committed.error());
  co_return Expected<void>();
}

// `pending_only`: these are not to get the new one. Each recipient of a push has an end (SM-3), so these have one too.
Task<Expected<void>> PushService::skip_recipients(Self self, std::string push, std::vector<Recipient> recipients) {
  Batch batch;
  std::set<std::uint32_t> seen;
  for (auto& recipient : recipients) {
    auto found = co_await find_named(self, push, std::move(recipient));
    if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
    if (!found) co_return fail(found.error());
    for (auto& delivery : *found) {
      // Ended by its scheduler once the push is one: an end has a notification, and nobody may hear of this push yet.
      if (delivery.final() || delivery.cancel_requested || !seen.insert(delivery.index).second) continue;
      delivery.cancel_requested = true;
      delivery.cause = std::string(kNotPendingCause);
      batch.puts.push_back(next_put_of(delivery));
    }
  }
  if (batch.puts.empty()) co_return Expected<void>();
  const auto committed = co_await self->context_.store().commit(std::move(batch));
  if (!committed) co_return fail(committed.error());
  co_return Expected<void>();
}

}  // namespace herald::push
