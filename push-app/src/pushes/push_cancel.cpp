// Cancelling a push, or some of its recipients (PAP-35). See push_service.h.
#include <set>
#include <utility>

#include "delivery/delivery_writer.h"
#include "herald/log.h"
#include "herald/sip_uri.h"
#include "pushes/push_service.h"

namespace herald::push {
namespace {

constexpr std::size_t kPage = 200;

void mark_cancelled(Delivery& delivery, const std::string& cause, WallTime now) {
  if (delivery.status == Status::sending) {  // a request cannot be recalled; but need not be repeated
    delivery.cancel_requested = true;
  } else {
    delivery.move_to(Status::cancelled, 1000, cause, now);
  }
}

// What only waits for a report was sent: too late for both.
bool needs_nothing(const Delivery& delivery) {
  return delivery.final() || delivery.cancel_requested || delivery.status == Status::network_accepted;
}

}  // namespace

Task<Checked<CancelResult>> PushService::cancel(Self self, CancelRequest request) {
  if (request.recipients.size() > kMaxNamed) {
    co_return refuse(400, 2000, "more than " + std::to_string(kMaxNamed) + " addresses at once");
  }
  auto job = co_await find(self, std::move(request.id), std::move(request.owner));
  if (!job) co_return tl::unexpected(job.error());
  Checked<CancelResult> result;
  if (request.recipients.empty()) {
    result = co_await cancel_all(self, std::move(*job));
  } else {
    result = co_await cancel_named(self, std::move(*job), std::move(request.recipients));
  }
  if (!result) co_return result;
  log::info("push cancelled", {{"trace", result->view.job.trace},
                               {"push", result->view.job.id},
                               {"cancelled", result->cancelled},
                               {"too_late", result->too_late}});
  co_return result;
}

Task<Checked<CancelResult>> PushService::cancel_all(Self self, PushJob job) {
  CancelResult result;
  result.view.job = std::move(job);
  std::string cursor;
  bool first = true;
  do {
    auto page = co_await view(self, result.view.job.id, std::nullopt, kPage, cursor);
    if (!page) co_return tl::unexpected(page.error());
    auto ending = co_await end_some(self, &result.view.job, &page->deliveries, "initiator");
    if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
    if (!ending) co_return tl::unexpected(problem_of(ending.error()));
    for (const auto& delivery : page->deliveries) {
      ++(delivery.status == Status::cancelled ? result.cancelled : result.too_late);
    }
    cursor = page->next;
    if (std::exchange(first, false)) result.view = std::move(*page);
  } while (!cursor.empty());
  co_return result;
}

Task<Checked<CancelResult>> PushService::cancel_named(Self self, PushJob job, std::vector<Recipient> recipients) {
  CancelResult result;
  result.view.job = std::move(job);
  std::vector<Delivery> found;
  std::vector<std::size_t> at;  // of each of them in result.recipients
  std::set<std::uint32_t> seen;
  for (auto& recipient : recipients) {
    auto deliveries = co_await find_named(self, result.view.job.id, recipient);
    if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
    if (!deliveries) co_return tl::unexpected(problem_of(deliveries.error()));
    RecipientState state;
    state.asked = std::move(recipient);
    bool known = false;
    for (auto& delivery : *deliveries) {  // each of his devices (PS-15)
      if (!seen.insert(delivery.index).second) continue;
      known = true;
      at.push_back(result.recipients.size());
      found.push_back(std::move(delivery));
    }
    state.cancelled = known;
    if (!known) ++result.unknown;
    result.recipients.push_back(std::move(state));
  }
  auto ending = co_await end_some(self, &result.view.job, &found, "initiator");
  if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
  if (!ending) co_return tl::unexpected(problem_of(ending.error()));
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto& state = result.recipients[at[i]];
    const bool cancelled = found[i].status == Status::cancelled;
    ++(cancelled ? result.cancelled : result.too_late);
    if (!state.delivery || (state.cancelled && !cancelled)) state.delivery = found[i];
    state.cancelled = state.cancelled && cancelled;
  }
  result.view.deliveries = std::move(found);
  co_return result;
}

// All in one batch; when somebody else was faster with one of them, each for itself.
Task<Expected<void>> PushService::end_some(Self self, const PushJob* job, std::vector<Delivery>* deliveries, std::string cause) {
  const auto now = self->context_.clock().wall();
  std::vector<Delivery> next;
  std::vector<std::size_t> at;
  Batch batch;
  for (std::size_t i = 0; i < deliveries->size(); ++i) {
    if (needs_nothing((*deliveries)[i])) continue;
    next.push_back((*deliveries)[i]);
    at.push_back(i);
    mark_cancelled(next.back(), cause, now);
    batch.puts.push_back(next_put_of(next.back()));
  }
  if (next.empty()) co_return Expected<void>();
  add_result_notices(*job, next, batch);
  const auto committed = co_await self->context_.store().commit(std::move(batch));
  if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
  if (committed) {
    for (std::size_t i = 0; i < next.size(); ++i) {
      note_saved(self->writer_, *job, next[i], i < committed->versions.size() ? committed->versions[i] : 0);
      self->ended(next[i]);
      (*deliveries)[at[i]] = std::move(next[i]);
    }
    co_return Expected<void>();
  }
  if (committed.error().code != ErrorCode::conflict) co_return fail(committed.error());
  for (const auto index : at) {
    auto done = co_await end_one(self, job, &(*deliveries)[index], cause);
    if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
    if (!done) co_return done;
  }
  co_return Expected<void>();
}

// The record decides: whoever writes first wins, the delivery's shard or we.
Task<Expected<void>> PushService::end_one(Self self, const PushJob* job, Delivery* delivery, std::string cause) {
  constexpr int kRounds = 8;
  auto& store = self->context_.store();
  for (int round = 0; round < kRounds; ++round) {
    if (needs_nothing(*delivery)) co_return Expected<void>();
    auto next = *delivery;
    mark_cancelled(next, cause, self->context_.clock().wall());
    const auto committed = co_await commit_delivery(self->writer_, job, &next, Durability::durable);
    if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
    if (committed) {
      *delivery = std::move(next);
      self->ended(*delivery);
      co_return Expected<void>();
    }
    if (committed.error().code != ErrorCode::conflict) co_return fail(committed.error());
    auto key = delivery_key(delivery->push, delivery->index);
    const auto record = co_await store.get(std::move(key));
    if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
    if (!record) co_return fail(record.error());
    auto fresh = decode_delivery(*record);
    if (!fresh) co_return fail(fresh.error());
    *delivery = std::move(*fresh);
  }
  co_return fail(ErrorCode::busy, "the delivery changes faster than it can be cancelled");
}

void PushService::ended(const Delivery& delivery) {
  // What is being sent hears of it too: a session can be ended (status-mapping.md 9).
  if (!delivery.final() && !delivery.cancel_requested) return;
  if (delivery.final()) metrics_.finished(delivery, context_.clock().wall());
  auto user = canonical_identity(delivery.address);
  const auto shard = context_.home_shard(user);
  forget_(shard, std::move(user), delivery.push, delivery.index);
}

}  // namespace herald::push
