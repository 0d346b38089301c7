#include "consent/inviter.h"

#include <algorithm>

#include "consent/consent_catalog.h"
#include "consent/consent_rules.h"
#include "delivery/delivery_plan.h"
#include "herald/log.h"
#include "herald/record.h"
#include "herald/sip_uri.h"
#include "herald/trace.h"

namespace herald::push {
namespace {

constexpr std::size_t kTokenLength = 24;
constexpr std::size_t kMaxAsked = 100000;
constexpr std::chrono::milliseconds kAskPause{60000};

std::string user_key(std::string_view user, std::string_view application) {
  return std::string(user) + '\n' + canonical_application(application);
}

// What is forgotten when the map is full costs a question to the book, or one REFER too many.
void not_before(std::unordered_map<std::string, WallTime>& map, std::string key, WallTime time) {
  if (map.size() >= kMaxAsked) map.clear();
  map.insert_or_assign(std::move(key), time);
}

Problem shutting_down() { return {503, 4001, "the node is shutting down", std::chrono::seconds(2)}; }
Problem overloaded() { return {503, 4001, "the user's home shard takes no more work now", std::chrono::seconds(1)}; }
const Problem kNoSuch{404, 2004, "no such invitation"};

Problem store_problem(const Error& error) { return error.code == ErrorCode::not_found ? kNoSuch : problem_of(error); }

}  // namespace

// Lives as long as reports may come; the inviter may be gone by then.
class Inviter::Reports final : public ReferWatcher {
 public:
  Reports(const Self& inviter, std::string id) : inviter_(inviter), id_(std::move(id)) {}
  void on_report(const ReferReport& report) override {
    const auto inviter = inviter_.lock();
    if (inviter && !*inviter->stopped_) inviter->reported(id_, report);
  }

 private:
  std::weak_ptr<Inviter> inviter_;
  std::string id_;
};

Inviter::Inviter(ServletContext& context, Books books, Relay relay)
    : context_(context),
      books_(std::move(books)),
      relay_(std::move(relay)),
      open_gauge_(metrics::gauge("herald_push_invitations_open", "Invitations that are pending or accepted")) {}

Task<Checked<Invitation>> Inviter::invite(Self self, InvitationWish wish) {
  auto identities = co_await ConsentBook::resolve(self->books_.consent, canonical_identity(wish.address));
  if (*self->stopped_) co_return tl::unexpected(shutting_down());
  if (!identities) co_return tl::unexpected(problem_of(identities.error()));
  auto user = identities->front();
  const auto home = self->context_.home_shard(user);
  if (home == self->context_.shard()) co_return co_await invite_here(self, std::move(user), std::move(wish));
  auto promise = std::make_shared<Promise<Checked<Invitation>>>();
  auto future = promise->future();
  const bool taken =
      self->relay_ && self->relay_(home, [user = std::move(user), wish = std::move(wish), promise](Inviter& inviter) mutable {
        spawn(answer_invite(inviter.shared_from_this(), std::move(user), std::move(wish), std::move(promise)));
      });
  promise.reset();
  if (!taken) co_return tl::unexpected(overloaded());
  auto answer = co_await future;
  if (!answer) co_return tl::unexpected(shutting_down());
  co_return std::move(*answer);
}

Task<void> Inviter::answer_invite(Self self, std::string user, InvitationWish wish, Answer to) {
  to->set(co_await invite_here(std::move(self), std::move(user), std::move(wish)));
}

// S-9 and sip-push.md 9: who said no is left in peace.
Task<Checked<void>> Inviter::may_invite(Self self, std::string user, std::string application) {
  const auto entry = co_await ConsentBook::look(self->books_.consent, user, application);
  if (*self->stopped_) co_return tl::unexpected(shutting_down());
  if (!entry) co_return tl::unexpected(problem_of(entry.error()));
  const auto now = self->context_.clock().wall();
  switch (consent_at(*entry, now)) {
    case Consent::denied:
      if (entry->now.ask_again && *entry->now.ask_again <= now) break;
      co_return refuse(403, 2001, "the user has refused this application");
    case Consent::revoked:
      co_return refuse(403, 2001, "the user has revoked his consent to this application");
    case Consent::granted:
      co_return Checked<void>();
    default:
      break;
  }
  if (find_application(self->context_.services(), application).consent == ConsentDefault::closed) {
    co_return refuse(403, 2001, "app: closed; users must be provisioned for it");
  }
  co_return Checked<void>();
}

Task<Checked<Invitation>> Inviter::invite_here(Self self, std::string user, InvitationWish wish) {
  auto& context = self->context_;
  const auto key = user_key(user, wish.application);
  const auto now = context.clock().wall();
  if (!context.accepting()) co_return tl::unexpected(shutting_down());
  if (wish.automatic) {
    const auto failed = self->failed_.find(key);
    if (failed != self->failed_.end() && failed->second > now) co_return refuse(409, 2007, "an invitation has failed lately");
  }
  if (const auto known = self->by_user_.find(key); known != self->by_user_.end()) {
    const auto& invitation = known->second->invitation;
    if (invitation.initiator == wish.initiator) co_return invitation;
    co_return refuse(409, 2007, "the user is being invited to this application already");
  }
  if (self->open_.size() + self->being_made_.size() >= context.config<PushConfig>()->invitation.max_open) {
    co_return refuse(503, 4001, "too many invitations are open");
  }
  if (!self->being_made_.insert(key).second) co_return refuse(409, 2007, "the user is being invited to this application already");
  const auto allowed = co_await may_invite(self, user, wish.application);
  if (*self->stopped_) co_return tl::unexpected(shutting_down());
  if (!allowed) {
    self->being_made_.erase(key);
    co_return tl::unexpected(allowed.error());
  }

  const auto config = context.config<PushConfig>();
  Invitation invitation;
  invitation.id = make_id(now);
  invitation.user = user;
  invitation.address = wish.address;
  invitation.application = wish.application;
  invitation.sender = wish.sender;
  invitation.initiator = wish.initiator;
  invitation.automatic = wish.automatic;
  invitation.expires = wish.expires.value_or(std::chrono::duration_cast<std::chrono::seconds>(config->invitation.subscription));
  invitation.token = random_token(kTokenLength);
  invitation.created = invitation.updated = now;
  invitation.until = now + config->invitation.answer_within;
  invitation.trace = wish.trace.empty() ? TraceId::create().text() : wish.trace;
  Batch batch;  // what the 202 promises
  batch.puts.push_back(put_of(invitation, config->invitation.retention));
  const auto committed = co_await context.store().commit(std::move(batch));
  if (*self->stopped_) co_return tl::unexpected(shutting_down());
  self->being_made_.erase(key);
  if (!committed) co_return tl::unexpected(problem_of(committed.error()));
  invitation.version = committed->versions.empty() ? 0 : committed->versions.front();
  log::info("invitation accepted", {{"trace", invitation.trace},
                                    {"invitation", invitation.id},
                                    {"initiator", invitation.automatic ? "herald" : invitation.initiator},
                                    {"app", invitation.application}});
  self->take_up(invitation, /*send_now=*/true);
  co_return invitation;
}

Task<Checked<Invitation>> Inviter::find(Self self, std::string id, std::optional<std::string> owner) {
  if (id.empty() || id.size() > 64) co_return tl::unexpected(kNoSuch);
  auto key = invitation_key(id);
  const auto record = co_await self->context_.store().get(std::move(key));
  if (*self->stopped_) co_return tl::unexpected(shutting_down());
  if (!record) co_return tl::unexpected(store_problem(record.error()));
  auto invitation = decode_invitation(*record);
  if (!invitation) co_return tl::unexpected(problem_of(invitation.error()));
  // Somebody else's does not exist; Herald's own are the operators'.
  if (owner && (invitation->initiator != *owner || invitation->automatic)) co_return tl::unexpected(kNoSuch);
  co_return std::move(*invitation);
}

Task<Checked<Invitation>> Inviter::cancel(Self self, std::string id, std::optional<std::string> owner) {
  auto invitation = co_await find(self, std::move(id), std::move(owner));
  if (!invitation || *self->stopped_) co_return invitation;
  const auto home = self->context_.home_shard(invitation->user);
  if (home == self->context_.shard()) co_return co_await cancel_here(self, invitation->id);
  auto promise = std::make_shared<Promise<Checked<Invitation>>>();
  auto future = promise->future();
  const bool taken = self->relay_ && self->relay_(home, [known = invitation->id, promise](Inviter& inviter) mutable {
    spawn(answer_cancel(inviter.shared_from_this(), std::move(known), std::move(promise)));
  });
  promise.reset();
  if (!taken) co_return tl::unexpected(overloaded());
  auto answer = co_await future;
  if (!answer) co_return tl::unexpected(shutting_down());
  co_return std::move(*answer);
}

Task<void> Inviter::answer_cancel(Self self, std::string id, Answer to) {
  to->set(co_await cancel_here(std::move(self), std::move(id)));
}

Task<Checked<Invitation>> Inviter::cancel_here(Self self, std::string id) {
  const auto found = self->open_.find(id);
  if (found == self->open_.end()) {
    auto stored = co_await find(self, id, std::nullopt);
    // Again: the same answer.
    if (!stored || stored->status == InvitationStatus::cancelled) co_return stored;
    co_return refuse(409, 2008, "too late: the invitation is " + std::string(to_string(stored->status)));
  }
  const auto open = found->second;
  if (open->invitation.status != InvitationStatus::pending) {
    co_return refuse(409, 2008, "too late: the invitation is " + std::string(to_string(open->invitation.status)));
  }
  // A REFER that is out cannot be recalled; what it leads to counts all the same, being the user's own word.
  self->finish(open, InvitationStatus::cancelled, "initiator");
  ConsentDecision nothing;
  nothing.state = Consent::none;
  nothing.means = "refer";
  nothing.detail = "cancelled";
  auto user = open->invitation.user;
  auto application = open->invitation.application;
  static_cast<void>(co_await ConsentBook::decide(self->books_.consent, std::move(user), std::move(application), nothing));
  co_return open->invitation;
}

void Inviter::ask(const std::string& address, const std::string& application, const std::string& sender) {
  const auto config = context_.config<PushConfig>();
  if (!config->invitation.invite_on_ask || *stopped_) return;
  const auto user = canonical_identity(address);
  const auto known = asked_.find(user_key(user, application));
  if (known != asked_.end() && known->second > context_.clock().wall()) return;
  not_before(asked_, user_key(user, application), context_.clock().wall() + kAskPause);
  spawn(ask_user(shared_from_this(), user, application, sender));
}

Task<void> Inviter::ask_user(Self self, std::string address, std::string application, std::string sender) {
  const auto entry = co_await ConsentBook::look(self->books_.consent, address, application);
  if (*self->stopped_ || !entry) co_return;
  const auto now = self->context_.clock().wall();
  // Pending: asked already. A no stands until reask_after has passed.
  if (consent_at(*entry, now) == Consent::pending) co_return;
  InvitationWish wish;
  wish.address = std::move(address);
  wish.application = std::move(application);
  wish.sender = std::move(sender);
  wish.automatic = true;
  const auto invited = co_await invite(self, std::move(wish));
  if (!invited) log::debug("user not asked for consent", {{"cause", invited.error().detail}});
}

Task<void> Inviter::subscribed(Self self, std::string user, std::string application, std::string token) {
  auto identities = co_await ConsentBook::resolve(self->books_.consent, canonical_identity(user));
  if (*self->stopped_ || !identities) co_return;
  std::set<unsigned> shards;
  for (const auto& identity : *identities) shards.insert(self->context_.home_shard(identity));
  // With a token it may be somebody whose other identity was invited before anybody knew that it is his.
  for (unsigned shard = 0; !token.empty() && shard < self->context_.shard_count(); ++shard) shards.insert(shard);
  for (const auto shard : shards) {
    if (shard == self->context_.shard()) {
      self->subscribed_here(*identities, application, token);
      continue;
    }
    const auto all = *identities;
    while (!*self->stopped_ && self->relay_) {
      const bool taken =
          self->relay_(shard, [all, application, token](Inviter& inviter) { inviter.subscribed_here(all, application, token); });
      if (taken) break;
      co_await sleep_for(std::chrono::milliseconds(50));
    }
    if (*self->stopped_) co_return;
  }
}

void Inviter::subscribed_here(const std::vector<std::string>& identities, const std::string& application,
                              const std::string& token) {
  OpenPtr open;
  for (const auto& identity : identities) {
    const auto known = by_user_.find(user_key(identity, application));
    if (known != by_user_.end()) open = known->second;
  }
  if (const auto known = by_token_.find(token); known != by_token_.end() && !token.empty()) open = known->second;
  if (open) finish(open, InvitationStatus::subscribed, "subscribe");
}

Task<void> Inviter::drive(Self self, OpenPtr open) {
  co_await send(self, open);
  --self->in_flight_;
  if (*self->stopped_) co_return;
  open->queued = false;
  self->pump();
}

Task<void> Inviter::send(Self self, OpenPtr open) {
  auto& context = self->context_;
  const auto config = context.config<PushConfig>();
  auto user = open->invitation.user;
  auto application_id = open->invitation.application;
  const auto known = co_await gather_knowledge(&context, config, self->stopped_, self->books_, std::move(user),
                                               std::move(application_id), open->invitation.trace);
  if (*self->stopped_ || !open->invitation.open()) co_return;
  const auto& application = find_application(context.services(), open->invitation.application);
  if (known.hss.state == HssAnswer::State::user_unknown) co_return co_await give_up(self, open, "sh:5001");
  const auto* profile = known.hss.profile ? &*known.hss.profile : nullptr;
  if (profile_consent(profile, open->invitation.application) == ProfileConsent::denied) {
    self->finish(open, InvitationStatus::refused, "profile:denied");
    co_return;
  }
  ReferContext about;
  about.package = config->event_package;
  if (!context.services().empty()) about.appid_parameter = context.services().front().appid_parameter;
  about.domain = context.node().domain;
  about.route = known.reach.scscf.empty() ? context.node().next_hop : known.reach.scscf;
  auto plan = refer_plan(open->invitation, config->invitation, application, about);
  if (!plan) co_return co_await give_up(self, open, "local:request");

  // sip-push.md 9: pending from the REFER on. Pushes of an open application need not wait for it.
  if (application.consent != ConsentDefault::open) {
    ConsentDecision asked;
    asked.state = Consent::pending;
    asked.means = "refer";
    asked.who = open->invitation.initiator;
    asked.ask_again = context.clock().wall() + config->consent.reask_after;
    auto whom = open->invitation.user;
    auto what = open->invitation.application;
    static_cast<void>(co_await ConsentBook::decide(self->books_.consent, std::move(whom), std::move(what), std::move(asked)));
    if (*self->stopped_ || !open->invitation.open()) co_return;
  }
  ++open->invitation.attempts;
  open->invitation.updated = context.clock().wall();
  self->save(open);
  auto reports = std::make_shared<Reports>(self, open->invitation.id);
  auto future = context.subscriber().refer(std::move(*plan), std::move(reports));
  const auto result = co_await future;
  if (*self->stopped_ || !open->invitation.open()) co_return;
  if (!result) co_return co_await give_up(self, open, "local:" + std::string(to_string(result.error().code)));
  co_await answered(self, open, *result);
}

Task<void> Inviter::answered(Self self, OpenPtr open, ReferResult result) {
  auto& invitation = open->invitation;
  const auto cause = result.origin == ResponseOrigin::peer ? "sip:" + std::to_string(result.status)
                                                           : "transport:" + std::string(to_string(result.origin));
  invitation.sip = result.status;
  invitation.variant = to_string(result.variant);
  switch (read_answer(result)) {
    case ReferReading::accepted:
      invitation.status = InvitationStatus::accepted;
      invitation.cause = cause;
      invitation.updated = self->context_.clock().wall();
      self->save(open);
      break;
    case ReferReading::refused:
      co_await refuse_for(self, open, cause);
      break;
    case ReferReading::unreachable:
      // Who asked by REST learns it now and may ask again; a waiting push waits for the user anyway.
      if (invitation.automatic && invitation.attempts < self->context_.config<PushConfig>()->invitation.max_attempts) {
        open->absent = true;
        invitation.cause = cause;
        self->save(open);
        break;
      }
      [[fallthrough]];
    default:
      co_await give_up(self, open, cause);
      break;
  }
}

void Inviter::reported(const std::string& id, const ReferReport& report) {
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  const auto open = found->second;
  const auto reading = read_report(report);
  if (reading == ReferReading::nothing) return;
  open->invitation.sip = report.status;
  auto cause = "report:" + std::to_string(report.status);
  if (reading == ReferReading::refused) {
    spawn(refuse_for(shared_from_this(), open, std::move(cause)));
  } else {
    spawn(give_up(shared_from_this(), open, std::move(cause)));
  }
}

// PS-97.
Task<void> Inviter::refuse_for(Self self, OpenPtr open, std::string cause) {
  if (!open->invitation.open()) co_return;
  ConsentDecision decision;
  decision.state = Consent::denied;
  decision.means = "refer";
  decision.who = open->invitation.user;
  decision.detail = cause;
  decision.ask_again = self->context_.clock().wall() + self->context_.config<PushConfig>()->consent.reask_after;
  auto user = open->invitation.user;
  auto application = open->invitation.application;
  // First what protects the user, then what tells the initiator.
  static_cast<void>(
      co_await ConsentBook::decide(self->books_.consent, std::move(user), std::move(application), std::move(decision)));
  if (!*self->stopped_) self->finish(open, InvitationStatus::refused, std::move(cause));
}

Task<void> Inviter::give_up(Self self, OpenPtr open, std::string cause) {
  const auto& invitation = open->invitation;
  not_before(self->failed_, user_key(invitation.user, invitation.application),
             self->context_.clock().wall() + self->context_.config<PushConfig>()->invitation.retry_after);
  ConsentDecision nothing;  // the question is taken back
  nothing.state = Consent::none;
  nothing.means = "refer";
  nothing.detail = cause;
  if (!self->finish(open, InvitationStatus::failed, std::move(cause))) co_return;
  auto user = invitation.user;
  auto application = invitation.application;
  static_cast<void>(
      co_await ConsentBook::decide(self->books_.consent, std::move(user), std::move(application), std::move(nothing)));
}

}  // namespace herald::push
