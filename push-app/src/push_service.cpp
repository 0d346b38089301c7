#include "push_service.h"

#include <algorithm>
#include <map>
#include <utility>

#include "delivery_writer.h"
#include "herald/record.h"
#include "herald/sip_uri.h"
#include "push_catalog.h"
#include "push_records.h"

namespace herald::push {
namespace {

constexpr Duration kOfferAgain = std::chrono::milliseconds(20);
constexpr std::size_t kViewedAfterAccept = 100;  // recipients shown in the 202

PushJob make_job(const SubmitRequest& request, const PushConfig& config, WallTime now) {
  const auto& submission = request.submission;
  PushJob job;
  job.id = make_id(now);
  job.created = now;
  job.initiator = request.initiator;
  job.sender = request.sender;
  job.application = submission.application;
  job.contents = submission.contents;
  job.report = submission.report;
  job.anonymous = submission.anonymous;
  job.priority = submission.priority;
  job.mode = submission.mode;
  job.deliver_after = submission.deliver_after;
  job.deliver_before = submission.deliver_before;
  const auto begin = std::max(now, job.deliver_after.value_or(now));
  job.expires = std::min(job.deliver_before.value_or(begin + config.default_lifetime), now + config.max_lifetime);
  job.trace = request.trace;
  job.recipients = static_cast<std::uint32_t>(submission.to.size());
  return job;
}

std::vector<Delivery> make_deliveries(const PushJob& job, const std::vector<Recipient>& recipients, WallTime now) {
  std::vector<Delivery> deliveries;
  deliveries.reserve(recipients.size());
  for (std::uint32_t index = 0; index < recipients.size(); ++index) {
    Delivery delivery;
    delivery.push = job.id;
    delivery.index = index;
    delivery.address = recipients[index].address;
    delivery.expires = job.expires;
    delivery.priority = job.priority;
    delivery.created = delivery.updated = now;
    // status-mapping.md 9: accepted, then expired.
    if (job.expires <= now) delivery.move_to(Status::expired, 1001, "deliver-before", now);
    deliveries.push_back(std::move(delivery));
  }
  return deliveries;
}

}  // namespace

PushService::PushService(ServletContext& context, std::shared_ptr<NodeLoad> load, Handover handover, Forget forget)
    : context_(context), load_(std::move(load)), handover_(std::move(handover)), forget_(std::move(forget)) {}

void PushService::start() { purge_later(); }

void PushService::stop() noexcept {
  *stopped_ = true;
  if (offer_timer_) context_.executor().timers().cancel(offer_timer_);
  if (purge_timer_) context_.executor().timers().cancel(purge_timer_);
}

Checked<void> PushService::room_for(std::size_t recipients) const {
  Problem full{503, 4001, {}, std::chrono::seconds(2)};
  if (!context_.accepting()) {
    full.detail = "the node is shutting down";
  } else if (load_->open + recipients > context_.config<PushConfig>()->max_waiting) {
    full.detail = "too many pushes are waiting";
  } else if (!not_taken_.empty()) {
    full.detail = "accepted pushes are still being handed on";
  } else {
    return {};
  }
  return tl::unexpected(full);
}

Task<Checked<PushView>> PushService::submit(Self self, SubmitRequest request) {
  auto& context = self->context_;
  if (request.idempotency_key) {
    auto before = co_await repeated(self, &request);
    if (!before) co_return tl::unexpected(before.error());
    if (*before) co_return std::move(**before);
  }
  if (auto room = self->room_for(request.submission.to.size()); !room) co_return tl::unexpected(room.error());

  const auto config = context.config<PushConfig>();
  const auto now = context.clock().wall();
  auto job = make_job(request, *config, now);
  auto deliveries = make_deliveries(job, request.submission.to, now);

  Batch batch;  // all or nothing, and durable: this is what the 202 promises (ST-48)
  batch.puts.push_back(put_of(job, job.expires + config->retention));
  for (const auto& delivery : deliveries) batch.puts.push_back(first_put_of(delivery));
  if (request.idempotency_key) {
    const IdempotencyEntry entry{job.id, request.body_digest};
    auto key = idempotency_key(request.initiator, *request.idempotency_key);
    batch.puts.push_back(put_of(entry, std::move(key), now + config->idempotency_retention));
  }
  const auto committed = co_await context.store().commit(std::move(batch));
  if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
  if (!committed) {
    // The same key twice at the same time: the other one was first.
    if (committed.error().code == ErrorCode::conflict && request.idempotency_key) {
      auto before = co_await repeated(self, &request);
      if (!before) co_return tl::unexpected(before.error());
      if (*before) co_return std::move(**before);
    }
    self->metrics_.store_failure("accept");
    log::error("push not accepted", {{"trace", request.trace}, {"cause", committed.error().text}});
    co_return tl::unexpected(problem_of(committed.error()));
  }
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    deliveries[i].version = i + 1 < committed->versions.size() ? committed->versions[i + 1] : 0;
  }
  self->metrics_.accepted(deliveries.size());
  if (log::enabled(log::Level::info)) {
    log::info("push accepted", {{"trace", job.trace},
                                {"push", job.id},
                                {"initiator", job.initiator},
                                {"app", job.application},
                                {"recipients", deliveries.size()}});
  }
  PushView view;
  view.job = job;
  view.deliveries.assign(deliveries.begin(),
                         deliveries.begin() + static_cast<std::ptrdiff_t>(std::min(deliveries.size(), kViewedAfterAccept)));
  self->hand_over(std::make_shared<const PushJob>(std::move(job)), deliveries);
  co_return view;
}

Task<Checked<std::optional<PushView>>> PushService::repeated(Self self, SubmitRequest* request) {
  auto key = idempotency_key(request->initiator, *request->idempotency_key);
  const auto record = co_await self->context_.store().get(std::move(key));
  if (!record) {
    if (record.error().code == ErrorCode::not_found) co_return std::optional<PushView>();
    co_return tl::unexpected(problem_of(record.error()));
  }
  const auto entry = decode_idempotency(*record);
  if (!entry) co_return tl::unexpected(problem_of(entry.error()));
  if (entry->body_digest != request->body_digest) {
    co_return refuse(409, 2007, "Idempotency-Key: used before with another body");
  }
  auto before = co_await view(self, entry->push, std::nullopt, kViewedAfterAccept, std::string());
  if (!before) co_return tl::unexpected(before.error());
  before->repeated = true;
  co_return std::optional<PushView>(std::move(*before));
}

void PushService::hand_over(std::shared_ptr<const PushJob> job, const std::vector<Delivery>& deliveries) {
  std::map<unsigned, std::vector<Admission>> by_shard;
  for (const auto& delivery : deliveries) {
    if (delivery.final()) {
      metrics_.finished(delivery, context_.clock().wall());
      continue;
    }
    auto user = canonical_identity(delivery.address);
    const auto shard = context_.home_shard(user);
    by_shard[shard].push_back({std::move(user), job, delivery});
  }
  for (auto& [shard, admissions] : by_shard) not_taken_.push_back({shard, std::move(admissions)});
  offer_again();
}

void PushService::offer_again() {
  offer_timer_ = {};
  std::deque<Waiting> refused;
  while (!not_taken_.empty()) {
    auto next = std::move(not_taken_.front());
    not_taken_.pop_front();
    if (!handover_(next.shard, next.admissions)) refused.push_back(std::move(next));
  }
  if (refused.empty()) return;
  log::event(catalog::kHandoverDelayed, {{"pushes", refused.size()}});
  not_taken_ = std::move(refused);
  const auto again = context_.clock().now() + kOfferAgain;
  offer_timer_ = context_.executor().timers().start_at(again, [self = shared_from_this()] {
    if (!*self->stopped_) self->offer_again();
  });
}

Task<Checked<PushJob>> PushService::find(Self self, std::string id, std::optional<std::string> owner) {
  const auto nothing = Problem{404, 2004, "no such push"};
  if (id.size() > 64 || id.empty()) co_return tl::unexpected(nothing);
  auto key = push_key(id);
  const auto record = co_await self->context_.store().get(std::move(key));
  if (!record) co_return tl::unexpected(problem_of(record.error()));
  auto job = decode_push(*record);
  if (!job) co_return tl::unexpected(problem_of(job.error()));
  // Somebody else's push does not exist.
  if (owner && job->initiator != *owner) co_return tl::unexpected(nothing);
  co_return std::move(*job);
}

Task<Checked<PushView>> PushService::view(Self self, std::string id, std::optional<std::string> owner, std::size_t limit,
                                          std::string cursor) {
  auto job = co_await find(self, id, std::move(owner));
  if (!job) co_return tl::unexpected(job.error());
  PushView view;
  view.job = std::move(*job);
  Scan scan;
  scan.table = std::string(kDeliveryTable);
  scan.partition = id;
  scan.limit = limit;
  scan.cursor = std::move(cursor);
  auto page = co_await self->context_.store().scan(std::move(scan));
  if (!page) {
    if (page.error().code == ErrorCode::invalid) co_return refuse(400, 2000, "cursor: not one of ours");
    co_return tl::unexpected(problem_of(page.error()));
  }
  for (const auto& record : page->records) {
    if (auto delivery = decode_delivery(record)) view.deliveries.push_back(std::move(*delivery));
  }
  view.next = std::move(page->next);
  co_return view;
}

Task<Checked<CancelResult>> PushService::cancel(Self self, std::string id, std::optional<std::string> owner) {
  CancelResult result;
  std::string cursor;
  do {
    auto page = co_await view(self, id, owner, 200, cursor);
    if (!page) co_return tl::unexpected(page.error());
    for (auto& delivery : page->deliveries) {
      const bool in_time = co_await cancel_one(self, &delivery);
      if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
      ++(in_time ? result.cancelled : result.too_late);
    }
    cursor = page->next;
    if (result.view.job.id.empty()) {
      result.view = std::move(*page);
    }
  } while (!cursor.empty());
  log::info("push cancelled",
            {{"trace", result.view.job.trace}, {"push", id}, {"cancelled", result.cancelled}, {"too_late", result.too_late}});
  co_return result;
}

// The record decides: whoever writes first wins, the delivery's shard or we.
Task<bool> PushService::cancel_one(Self self, Delivery* delivery) {
  constexpr int kRounds = 5;
  auto& store = self->context_.store();
  for (int round = 0; round < kRounds; ++round) {
    if (delivery->status == Status::cancelled) co_return true;  // again: same answer
    if (delivery->final()) co_return false;
    const bool out = delivery->status == Status::sending;  // a MESSAGE cannot be recalled; but need not be repeated
    if (out) {
      delivery->cancel_requested = true;
    } else {
      delivery->move_to(Status::cancelled, 1000, "initiator", self->context_.clock().wall());
    }
    Batch batch;
    batch.puts.push_back(next_put_of(*delivery));
    const auto committed = co_await store.commit(std::move(batch));
    if (*self->stopped_) co_return false;
    if (committed) {
      if (out) co_return false;
      self->metrics_.finished(*delivery, self->context_.clock().wall());
      auto user = canonical_identity(delivery->address);
      const auto shard = self->context_.home_shard(user);
      self->forget_(shard, std::move(user), delivery->push, delivery->index);
      co_return true;
    }
    if (committed.error().code != ErrorCode::conflict) co_return false;
    auto key = delivery_key(delivery->push, delivery->index);
    const auto record = co_await store.get(std::move(key));
    if (*self->stopped_ || !record) co_return false;
    auto fresh = decode_delivery(*record);
    if (!fresh) co_return false;
    *delivery = std::move(*fresh);
  }
  co_return false;
}

}  // namespace herald::push
