// From a checked submission to a durable push. See push_service.h.
//
// What fits is one batch: the push, its deliveries, its names. More recipients, or a push to replace, go through a staging
// record: the deliveries are written in batches while nothing can be sent of them, and the last batch makes them a push. A crash
// before that leaves a staging record, which recover() finds (push_purge.cpp).
#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "delivery/delivery_writer.h"
#include "delivery/devices.h"
#include "herald/record.h"
#include "herald/sip_uri.h"
#include "push_catalog.h"
#include "pushes/push_service.h"

namespace herald::push {
namespace {

constexpr std::size_t kViewedAfterAccept = 100;  // recipients shown in the 202
constexpr std::size_t kBatch = 400;              // deliveries; with their notices within the 1000 puts of a batch
constexpr std::size_t kBatchesUnderWay = 4;

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
  job.report_if_possible = submission.report_if_possible;
  job.anonymous = submission.anonymous;
  job.priority = submission.priority;
  job.mode = submission.mode;
  job.devices = submission.devices;
  job.excluded = submission.excluded;
  job.callback_form = submission.callback_form;
  job.callback = submission.callback;
  job.external_id = submission.external_id;
  job.external_info = submission.external_info;
  job.deliver_after = submission.deliver_after;
  job.deliver_before = submission.deliver_before;
  const auto begin = std::max(now, job.deliver_after.value_or(now));
  job.expires = std::min(job.deliver_before.value_or(begin + config.default_lifetime), now + config.max_lifetime);
  job.trace = request.trace;
  return job;
}

Acceptance make_acceptance(const SubmitRequest& request, const PushConfig& config, WallTime now) {
  Acceptance acceptance;
  acceptance.job = make_job(request, config, now);
  acceptance.purge_at = acceptance.job.expires + config.retention;
  acceptance.body_digest = request.body_digest;
  if (request.idempotency_key) {
    acceptance.idempotency = idempotency_key(request.initiator, *request.idempotency_key).id;
    acceptance.forget_at = now + config.idempotency_retention;
  }
  return acceptance;
}

Delivery make_delivery(const PushJob& job, const Recipient& recipient, std::uint32_t index) {
  Delivery delivery;
  delivery.push = job.id;
  delivery.index = index;
  delivery.address = recipient.address;
  delivery.given = recipient.given;
  delivery.expires = job.expires;
  delivery.priority = job.priority;
  delivery.created = delivery.updated = job.created;
  return delivery;
}

DeliveryQueue::Item item_of(const Delivery& delivery) {
  return {delivery.push, delivery.index, delivery.priority, delivery.expires};
}

}  // namespace

// That a name was used before is told by the store when the push is to be kept, or found when it is refused: nobody else pays for
// the question. The answer to what was accepted before is the answer again (PAP-30).
Task<Checked<PushView>> PushService::submit(Self self, SubmitRequest request) {
  if (request.account) {
    if (auto allowed = check_submission(*request.account, request.submission); !allowed)
      co_return tl::unexpected(allowed.error());
  }
  auto accepted = co_await accept(self, &request);
  if (accepted || *self->stopped_) co_return accepted;
  auto before = co_await repeated(self, &request);
  if (!before) co_return tl::unexpected(before.error());
  if (*before) co_return std::move(**before);
  co_return accepted;
}

Task<Checked<PushView>> PushService::accept(Self self, SubmitRequest* given) {
  auto& request = *given;
  if (request.submission.devices == Devices::all && !request.submission.many) {  // PS-15; many: as they are read
    const std::size_t most = self->context_.config<PushConfig>()->max_recipients;
    auto application = request.submission.application;
    auto expanded =
        co_await expand_devices(&self->context_, self->stopped_, &request.submission.to, std::move(application), most);
    if (!expanded) co_return tl::unexpected(expanded.error());
  }
  auto source = std::exchange(request.submission.many, nullptr);
  const auto recipients = source ? source->size() : request.submission.to.size();
  const bool at_once = !source && recipients <= kBatch && !request.submission.replace;
  if (!at_once) {  // much would be written before the store can tell
    auto before = co_await repeated(self, given);
    if (!before) co_return tl::unexpected(before.error());
    if (*before) co_return std::move(**before);
  }
  if (auto room = self->room_for(recipients); !room) co_return tl::unexpected(room.error());
  std::string replaces;
  if (request.submission.replace) {
    auto owner = request.initiator.empty() ? std::optional<std::string>() : std::optional<std::string>(request.initiator);
    auto old = co_await find(self, request.submission.replace->id, std::move(owner));
    if (!old) {
      if (old.error().code == 2004) old.error().detail = "replace: no such push";
      co_return tl::unexpected(old.error());
    }
    replaces = old->id;
  }
  const auto claims = co_await claim(self, given, recipients);
  if (!claims) co_return tl::unexpected(claims.error());

  const auto config = self->context_.config<PushConfig>();
  auto acceptance = make_acceptance(request, *config, self->context_.clock().wall());
  acceptance.job.recipients = static_cast<std::uint32_t>(recipients);
  acceptance.job.replaces = std::move(replaces);
  acceptance.pending_only = request.submission.replace && request.submission.replace->method == Replacement::Method::pending_only;
  if (at_once) co_return co_await accept_at_once(self, given, std::move(acceptance), &*claims);
  if (!source) source = std::make_shared<ListedRecipients>(std::exchange(request.submission.to, {}));
  co_return co_await accept_staged(self, given, std::move(source), std::move(acceptance), &*claims);
}

Task<Checked<PushService::Claims>> PushService::claim(Self self, SubmitRequest* request, std::size_t recipients) {
  Claims claims;
  claims.recipients = recipients;
  if (request->account && request->account->daily_recipients > 0) {
    auto name = request->initiator;
    auto taken = co_await DailyQuota::take(&self->quota_, &self->context_.store(), std::move(name),
                                           request->account->daily_recipients, recipients, self->context_.clock().wall());
    if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
    if (!taken) co_return tl::unexpected(taken.error());
    claims.daily = request->initiator;
  }
  ContentOwner owner{request->initiator, request->account ? request->account->stored_bytes.bytes : 0};
  auto contents = co_await ContentBook::settle(self->contents_, std::move(owner), &request->submission.contents);
  if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
  if (!contents) {
    self->settle_claims(claims, false);
    co_return tl::unexpected(contents.error());
  }
  claims.contents = std::move(*contents);
  co_return claims;
}

void PushService::add_claims(const Claims& claims, const Acceptance& acceptance, Batch& batch) const {
  ContentBook::add_claims(claims.contents, acceptance.purge_at, batch);
  if (!claims.daily.empty()) quota_.add_to(batch, claims.daily);
}

void PushService::settle_claims(const Claims& claims, bool accepted) {
  if (accepted) {
    contents_->claimed(claims.contents);
  } else {
    contents_->unclaimed(claims.contents);
    if (!claims.daily.empty()) quota_.give_back(claims.daily, claims.recipients);
  }
}

Task<Checked<PushView>> PushService::accept_at_once(Self self, SubmitRequest* request, Acceptance acceptance,
                                                    const Claims* claims) {
  std::vector<Delivery> deliveries;
  deliveries.reserve(request->submission.to.size());
  Batch batch;  // all or nothing, and durable: this is what the 202 promises (ST-48)
  for (const auto& recipient : request->submission.to) {
    deliveries.push_back(make_delivery(acceptance.job, recipient, static_cast<std::uint32_t>(deliveries.size())));
    auto& delivery = deliveries.back();
    // status-mapping.md 9: accepted, then expired.
    const auto& job = acceptance.job;
    if (job.expires <= job.created) delivery.move_to(Status::expired, 1001, "deliver-before", job.created);
    batch.puts.push_back(first_put_of(delivery));
  }
  batch.puts.push_back(put_of(acceptance.job, acceptance.purge_at));
  add_names(batch, acceptance);
  self->add_claims(*claims, acceptance, batch);
  add_result_notices(acceptance.job, deliveries, batch);
  const auto committed = co_await self->context_.store().commit(std::move(batch));
  if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
  self->settle_claims(*claims, committed.has_value());
  if (!committed) co_return tl::unexpected(self->refused(*request, committed.error()));
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    note_saved(self->writer_, acceptance.job, deliveries[i], i < committed->versions.size() ? committed->versions[i] : 0);
  }
  self->report_accepted(acceptance.job);
  PushView view;
  view.job = acceptance.job;
  view.deliveries.assign(deliveries.begin(),
                         deliveries.begin() + static_cast<std::ptrdiff_t>(std::min(deliveries.size(), kViewedAfterAccept)));
  self->hand_over(std::make_shared<const PushJob>(std::move(acceptance.job)), std::move(deliveries));
  co_return view;
}

// Not kept. A conflict about a name is looked into by submit(); else another push has just claimed one of its contents.
Problem PushService::refused(const SubmitRequest& request, const Error& why) const {
  if (why.code == ErrorCode::conflict)
    return {503, 4001, "its content is being used by another push just now", std::chrono::seconds(1)};
  metrics_.store_failure("accept");
  log::error("push not accepted", {{"trace", request.trace}, {"cause", why.text}});
  return problem_of(why);
}

Task<Checked<PushView>> PushService::accept_staged(Self self, SubmitRequest* request, std::shared_ptr<RecipientSource> recipients,
                                                   Acceptance acceptance, const Claims* claims) {
  const auto id = acceptance.job.id;
  const bool replaces = !acceptance.job.replaces.empty();
  self->staging_.insert(id);
  auto done = co_await stage(self, std::move(recipients), &acceptance, claims);
  if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
  self->settle_claims(*claims, done.has_value());
  if (!done) {
    self->staging_.erase(id);  // recover() removes what was written
    if (done.error().code == ErrorCode::too_large) co_return refuse(400, 2000, done.error().text);
    co_return tl::unexpected(self->refused(*request, done.error()));
  }
  if (replaces) {
    done = co_await complete_replacement(self, acceptance);
    if (*self->stopped_) co_return tl::unexpected(problem_of(Error{ErrorCode::gone, {}}));
  }
  self->staging_.erase(id);
  if (!done) {
    Problem problem{503, 4001, "the store fails; the push will be accepted, and its predecessor cancelled, as soon as it can"};
    problem.retry_after = std::chrono::seconds(5);
    co_return tl::unexpected(problem);
  }
  self->report_accepted(acceptance.job);
  auto seen = co_await view(self, id, std::nullopt, kViewedAfterAccept, std::string());
  if (!*self->stopped_) spawn(feed(self, std::make_shared<const PushJob>(std::move(acceptance.job))));
  co_return seen;
}

// Everything up to the decision: afterwards the push is accepted, or, when it replaces another, certain to be.
Task<Expected<void>> PushService::stage(Self self, std::shared_ptr<RecipientSource> recipients, Acceptance* accepting,
                                        const Claims* claims) {
  auto& store = self->context_.store();
  auto& acceptance = *accepting;
  const std::size_t most = self->context_.config<PushConfig>()->max_recipients;
  const bool replaces = !acceptance.job.replaces.empty();
  std::deque<Future<Committed>> under_way;
  std::uint32_t index = 0;
  std::size_t read = 0;
  for (bool last = false; !last;) {
    auto some = recipients->next(kBatch);
    read += some.size();
    last = some.empty() || read >= recipients->size();
    if (acceptance.job.devices == Devices::all) {  // PS-15; those of a short list are devices already
      auto application = acceptance.job.application;
      auto expanded = co_await expand_devices(&self->context_, self->stopped_, &some, std::move(application),
                                              most - std::min<std::size_t>(most, index));
      if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
      if (!expanded)
        co_return fail(expanded.error().http == 400 ? ErrorCode::too_large : ErrorCode::busy, expanded.error().detail);
    }
    Batch batch;
    if (index == 0) {
      auto staging = staging_put_of(acceptance);
      staging.expected = 0;
      batch.puts.push_back(std::move(staging));
    }
    for (const auto& recipient : some) {
      batch.puts.push_back(first_put_of(make_delivery(acceptance.job, recipient, index++)));
    }
    acceptance.job.recipients = std::max(acceptance.job.recipients, index);  // PS-15 makes more of them
    // The decision must not be on disk before what it decides about.
    while (!under_way.empty() && (last || under_way.size() >= kBatchesUnderWay)) {
      const auto written = co_await under_way.front();
      under_way.pop_front();
      if (*self->stopped_) co_return fail(ErrorCode::gone, "stopped");
      if (!written) co_return fail(written.error());
    }
    if (last) {
      add_names(batch, acceptance);
      self->add_claims(*claims, acceptance, batch);
      if (replaces) {
        acceptance.decided = true;
        auto decided = staging_put_of(acceptance);
        if (!batch.puts.empty() && batch.puts.front().key == decided.key) {
          decided.expected = 0;
          batch.puts.front() = std::move(decided);
        } else {
          batch.puts.push_back(std::move(decided));
        }
      } else {
        batch.puts.push_back(put_of(acceptance.job, acceptance.purge_at));
        batch.erases.push_back({staging_key(acceptance.job.id), std::nullopt});
      }
    }
    under_way.push_back(store.commit(std::move(batch)));
  }
  const auto written = co_await under_way.front();
  if (!written) co_return fail(written.error());
  co_return Expected<void>();
}

// What came before under one of the names of this one.
Task<Checked<std::optional<PushView>>> PushService::repeated(Self self, const SubmitRequest* request) {
  if (request->idempotency_key) {
    auto key = idempotency_key(request->initiator, *request->idempotency_key);
    auto before = co_await repeated_name(self, request, std::move(key), false);
    if (!before || *before) co_return before;
  }
  if (!request->submission.external_id.empty()) {
    auto key = external_key(request->initiator, request->submission.external_id);
    auto before = co_await repeated_name(self, request, std::move(key), true);
    if (!before || *before) co_return before;
  }
  co_return std::optional<PushView>();
}

Task<Checked<std::optional<PushView>>> PushService::repeated_name(Self self, const SubmitRequest* request, Key key,
                                                                  bool external) {
  const auto record = co_await self->context_.store().get(std::move(key));
  if (!record) {
    if (record.error().code == ErrorCode::not_found) co_return std::optional<PushView>();
    co_return tl::unexpected(problem_of(record.error()));
  }
  const auto entry = decode_idempotency(*record);
  if (!entry) co_return tl::unexpected(problem_of(entry.error()));
  const bool same = !request->body_digest.empty() && entry->body_digest == request->body_digest;
  if (external) {
    // PAP-30: a repeat of the very same bytes is most likely one whose answer was lost.
    const auto window = self->context_.config<PushConfig>()->repeat_window;
    if (!same || self->context_.clock().wall() > entry->accepted + window) {
      co_return refuse(409, 2007, "the push-id was used before");
    }
  } else if (!same) {
    co_return refuse(409, 2007, "Idempotency-Key: used before with another body");
  }
  auto before = co_await view(self, entry->push, std::nullopt, kViewedAfterAccept, std::string());
  if (!before && before.error().code == 2004) {
    co_return tl::unexpected(Problem{503, 4001, "the first of these is still being accepted", std::chrono::seconds(1)});
  }
  if (!before) co_return tl::unexpected(before.error());
  before->repeated = true;
  co_return std::optional<PushView>(std::move(*before));
}

void PushService::report_accepted(const PushJob& job) {
  metrics_.accepted(job.recipients);
  if (!log::enabled(log::Level::info)) return;
  log::info("push accepted", {{"trace", job.trace},
                              {"push", job.id},
                              {"initiator", job.initiator},
                              {"app", job.application},
                              {"recipients", job.recipients},
                              {"replaces", job.replaces}});
}

void PushService::hand_over(std::shared_ptr<const PushJob> job, std::vector<Delivery> deliveries) {
  ByShard by_shard;
  for (auto& delivery : deliveries) {
    if (delivery.final()) {
      metrics_.finished(delivery, context_.clock().wall());
      continue;
    }
    auto user = canonical_identity(delivery.address);
    auto item = item_of(delivery);
    auto loaded = std::make_unique<LoadedDelivery>(LoadedDelivery{job, std::move(delivery)});
    auto& admissions = by_shard[context_.home_shard(user)];
    admissions.push_back({std::move(user), std::move(item), std::move(loaded)});
  }
  hand_over(std::move(by_shard));
}

void PushService::hand_over(ByShard by_shard) {
  if (by_shard.empty()) return;
  for (auto& [shard, admissions] : by_shard) {
    not_taken_.push_back({shard, std::make_shared<std::vector<Admission>>(std::move(admissions))});
  }
  offer_again();
}

Task<void> PushService::feed(Self self, std::shared_ptr<const PushJob> job) {
  std::string cursor;
  do {
    Scan scan;
    scan.table = std::string(kDeliveryTable);
    scan.partition = job->id;
    scan.limit = kBatch;
    scan.cursor = cursor;
    const auto page = co_await self->context_.store().scan(std::move(scan));
    if (*self->stopped_) co_return;
    if (!page) {
      self->metrics_.store_failure("feed");
      co_await sleep_for(std::chrono::seconds(1));
      if (*self->stopped_) co_return;
      continue;
    }
    cursor = page->next;
    ByShard by_shard;
    for (const auto& record : page->records) {
      const auto delivery = decode_delivery(record);
      if (!delivery) continue;
      if (delivery->final()) continue;  // cancelled in the meantime
      // They exist since now.
      if (self->writer_.observer) self->writer_.observer->saved(*job, *delivery, std::nullopt);
      auto user = canonical_identity(delivery->address);
      Admission admission{std::move(user), item_of(*delivery)};
      admission.from_store = true;
      by_shard[self->context_.home_shard(admission.user)].push_back(std::move(admission));
    }
    self->hand_over(std::move(by_shard));
    // Bounded: the next page only when this one has found its place.
    while (!self->not_taken_.empty()) {
      co_await sleep_for(std::chrono::milliseconds(5));
      if (*self->stopped_) co_return;
    }
  } while (!cursor.empty());
}

}  // namespace herald::push
