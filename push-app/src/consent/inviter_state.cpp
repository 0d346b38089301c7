// Open invitations of one shard: kept, written down, sent in turn, ended in time. See inviter.h.
#include <algorithm>

#include "consent/consent_catalog.h"
#include "consent/inviter.h"
#include "herald/log.h"

namespace herald::push {
namespace {

constexpr std::size_t kRestorePage = 500;
constexpr std::size_t kPurgePage = 200;
constexpr std::chrono::milliseconds kStoreRetry{1000};
constexpr Duration kLongestSleep = std::chrono::seconds(60);
constexpr Duration kPurgeInterval = std::chrono::minutes(10);

std::string user_key(const Invitation& invitation) {
  return invitation.user + '\n' + canonical_application(invitation.application);
}

}  // namespace

void Inviter::start(bool purge) {
  listening_ = context_.registrations().listen(
      [this](RegistrationEvent event, const Registration& registration) { on_registration(event, registration); });
  spawn(restore(shared_from_this()));
  if (purge) purge_later();
}

void Inviter::stop() noexcept {
  *stopped_ = true;
  listening_.reset();
  auto& timers = context_.executor().timers();
  if (timer_) timers.cancel(timer_);
  if (purge_timer_) timers.cancel(purge_timer_);
  open_gauge_.add(-static_cast<double>(open_.size()));
}

void Inviter::take_up(Invitation invitation, bool send_now) {
  auto open = std::make_shared<Open>();
  open->invitation = std::move(invitation);
  const auto& kept = open->invitation;
  if (!open_.emplace(kept.id, open).second) return;
  by_user_.insert_or_assign(user_key(kept), open);
  if (!kept.token.empty()) by_token_.insert_or_assign(kept.token, open);
  deadlines_.emplace(kept.until, kept.id);
  open_gauge_.add(1);
  arm_timer();
  if (send_now) queue(open);
}

void Inviter::queue(const OpenPtr& open) {
  if (open->queued) return;
  open->queued = true;
  open->absent = false;
  waiting_.push_back(open);
  pump();
}

void Inviter::pump() {
  const auto limit = context_.config<PushConfig>()->invitation.max_in_flight;
  while (in_flight_ < limit && !waiting_.empty() && !*stopped_) {
    auto open = std::move(waiting_.front());
    waiting_.pop_front();
    if (!open->invitation.open()) continue;
    ++in_flight_;
    spawn(drive(shared_from_this(), std::move(open)));
  }
}

bool Inviter::finish(const OpenPtr& open, InvitationStatus status, std::string cause) {
  auto& invitation = open->invitation;
  if (!invitation.open()) return false;
  invitation.status = status;
  invitation.cause = std::move(cause);
  invitation.updated = context_.clock().wall();
  metrics::counter("herald_push_invitations_total", "Invitations that ended", {{"status", to_string(status)}}).add();
  log::info("invitation finished", {{"trace", invitation.trace},
                                    {"invitation", invitation.id},
                                    {"user", log::identity(invitation.user)},
                                    {"app", invitation.application},
                                    {"status", to_string(status)},
                                    {"cause", invitation.cause}});
  deadlines_.erase({invitation.until, invitation.id});
  by_token_.erase(invitation.token);
  if (const auto known = by_user_.find(user_key(invitation)); known != by_user_.end() && known->second == open) {
    by_user_.erase(known);
  }
  if (open_.erase(invitation.id) > 0) open_gauge_.add(-1);
  save(open);
  return true;
}

void Inviter::save(const OpenPtr& open) {
  open->unsaved = true;
  if (!open->saving) spawn(write(shared_from_this(), open));
}

// Until the newest state is in the store: what an initiator reads is what is true.
Task<void> Inviter::write(Self self, OpenPtr open) {
  open->saving = true;
  while (open->unsaved) {
    open->unsaved = false;
    auto& invitation = open->invitation;
    Batch batch;
    batch.puts.push_back(put_of(invitation, self->context_.config<PushConfig>()->invitation.retention));
    const auto committed = co_await self->context_.store().commit(std::move(batch));
    if (*self->stopped_) co_return;
    if (committed) {
      if (!committed->versions.empty()) invitation.version = committed->versions.front();
      continue;
    }
    log::debug("invitation not saved", {{"invitation", invitation.id}, {"cause", committed.error().text}});
    if (committed.error().code == ErrorCode::conflict) {
      // Only we write it, so an earlier write succeeded although we were told otherwise.
      auto key = invitation_key(invitation.id);
      const auto record = co_await self->context_.store().get(std::move(key));
      if (*self->stopped_) co_return;
      if (record) invitation.version = record->version;
      if (!record && record.error().code == ErrorCode::not_found) break;  // purged
    } else {
      co_await sleep_for(kStoreRetry);
      if (*self->stopped_) co_return;
    }
    open->unsaved = true;
  }
  open->saving = false;
}

void Inviter::arm_timer() {
  auto& timers = context_.executor().timers();
  if (deadlines_.empty()) return;
  const auto due = deadlines_.begin()->first;
  if (timer_ && timer_due_ == due) return;
  if (timer_) timers.cancel(timer_);
  timer_due_ = due;
  const auto& clock = context_.clock();
  const Duration left = std::clamp<Duration>(due - clock.wall(), Duration::zero(), kLongestSleep);
  timer_ = timers.start_at(clock.now() + left, [self = shared_from_this()] {
    self->timer_ = {};
    if (!*self->stopped_) self->take_due();
  });
}

void Inviter::take_due() {
  const auto now = context_.clock().wall();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto id = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    const auto found = open_.find(id);
    if (found == open_.end()) continue;
    const auto open = found->second;
    if (open->invitation.status == InvitationStatus::accepted) {
      // The user left the question open: it stays so (consent pending until reask_after).
      finish(open, InvitationStatus::failed, "timer:answer");
    } else {
      spawn(give_up(shared_from_this(), open, "timer:answer"));
    }
  }
  arm_timer();
}

void Inviter::on_registration(RegistrationEvent event, const Registration& registration) {
  if (event != RegistrationEvent::registered && event != RegistrationEvent::refreshed) return;
  if (open_.empty()) return;
  // By user and application: an absent user has few open invitations, and the map is ordered by nothing.
  const auto is_his = [&](const Invitation& invitation) {
    const auto& others = registration.associated;
    return invitation.user == registration.user || std::find(others.begin(), others.end(), invitation.user) != others.end();
  };
  std::vector<OpenPtr> back;
  for (const auto& [id, open] : open_) {
    if (open->absent && is_his(open->invitation)) back.push_back(open);
  }
  for (const auto& open : back) queue(open);
}

Task<void> Inviter::restore(Self self) {
  std::string cursor;
  bool told = false;
  do {
    Scan scan;
    scan.table = std::string(kInvitationTable);
    scan.term = std::string(kOpenInvitationTerm);
    scan.cursor = cursor;
    scan.limit = kRestorePage;
    const auto page = co_await self->context_.store().scan(std::move(scan));
    if (*self->stopped_) co_return;
    if (!page) {
      if (!std::exchange(told, true)) log::event(catalog::kInvitationsNotRestored, {{"cause", page.error().text}});
      co_await sleep_for(kStoreRetry);
      if (*self->stopped_) co_return;
      continue;
    }
    for (const auto& record : page->records) {
      auto invitation = decode_invitation(record);
      if (!invitation) {
        log::event(catalog::kInvitationsNotRestored, {{"cause", invitation.error().text}});
        continue;
      }
      if (self->context_.home_shard(invitation->user) != self->context_.shard()) continue;
      if (self->open_.contains(invitation->id)) continue;  // made since the start
      // Nobody knows whether the REFER went out: once more, for a second one does no harm that a third would not do.
      const bool unanswered = invitation->status == InvitationStatus::pending;
      const bool again = unanswered && invitation->restarts == 0;
      if (unanswered) ++invitation->restarts;
      const auto id = invitation->id;
      self->take_up(std::move(*invitation), again);
      const auto open = self->open_.at(id);
      if (again) self->save(open);
      if (unanswered && !again) spawn(give_up(self, open, "restart"));
    }
    cursor = page->next;
    if (cursor.empty()) break;
  } while (true);
}

void Inviter::purge_later() {
  purge_timer_ = context_.executor().timers().start_at(context_.clock().now() + kPurgeInterval, [self = shared_from_this()] {
    self->purge_timer_ = {};
    if (!*self->stopped_) spawn(purge(self));
  });
}

Task<void> Inviter::purge(Self self) {
  auto& store = self->context_.store();
  for (;;) {
    const auto page = co_await store.due(std::string(kInvitationTable), self->context_.clock().wall(), kPurgePage);
    if (*self->stopped_) co_return;
    if (!page || page->records.empty()) break;
    Batch batch;
    for (const auto& record : page->records) batch.erases.push_back(Erase{record.key, record.version});
    const auto erased = co_await store.commit(std::move(batch));
    if (*self->stopped_) co_return;
    if (!erased) break;  // one of them changed meanwhile, or the store is away: next time
  }
  self->purge_later();
}

}  // namespace herald::push
