#include "sessions.h"

#include <utility>

namespace herald::receiver {
namespace {

constexpr std::size_t kMostCalls = 1000;
constexpr std::size_t kMemory = 65536;                  // larger messages become blobs
constexpr std::size_t kMostOfThing = 8U << 20U;         // a webhook's POST is made in memory
constexpr auto kTimeForAck = std::chrono::seconds(32);  // 64*T1, RFC 3261 13.3.1.4
constexpr auto kLinger = std::chrono::seconds(2);
constexpr auto kTimeForBye = std::chrono::seconds(40);  // beyond Timer F

MsrpPolicy policy_of(const Account& account, const SessionRules& rules) {
  MsrpPolicy policy;
  policy.accept_types = session_types(account.user.policy);
  policy.max_size = rules.refuse_above > 0 ? rules.refuse_above : rules.max_size;
  policy.memory_limit = kMemory;
  if (!account.user.webhook.empty()) {
    policy.max_size = std::min<std::uint64_t>(policy.max_size, kMostOfThing);
    policy.memory_limit = kMostOfThing;
  }
  return policy;
}

// Not 503: that would speak for the way here (SM-9).
Verdict busy(std::string why) {
  Verdict verdict;
  verdict.status = 486;
  verdict.why = std::move(why);
  verdict.headers.push_back({"Retry-After", "10"});
  return verdict;
}

}  // namespace

void Sessions::tell(const Call& call, const char* state, std::string_view reason) const {
  std::vector<EventField> fields{{"user", call.account.user.identity},
                                 {"from", call.peer},
                                 {"state", state},
                                 number_field("messages", static_cast<std::int64_t>(call.messages))};
  if (!reason.empty()) fields.push_back({"reason", std::string(reason)});
  shared_.tell("session", fields);
}

Task<void> Sessions::invite(SipServletRequest request, Account* account) {
  const auto& rules = shared_.options->sessions;
  auto& endpoint = shared_.context->msrp();
  if (!request.is_initial()) {  // nothing about a session changes; a refusal leaves it as it is (RFC 3261 14.2)
    (void)request.respond(488);
    co_return;
  }
  const auto& policy = account->user.policy;
  auto push = read_push(request.message(), policy, shared_.context->clock().wall());
  push.mode = "msrp";
  SessionOffer offer;
  auto verdict = inbox_.decide_invite(request);
  if (verdict.why.empty()) verdict = decide_offer(request.message(), policy, rules, endpoint.has_tls(), offer);
  if (verdict.why.empty() && calls_.size() >= kMostCalls) verdict = busy("too many sessions");
  std::shared_ptr<MsrpSession> session;
  if (verdict.why.empty()) {
    auto opened = endpoint.open(offer.peer.tls, policy_of(*account, rules));
    if (opened)
      session = std::move(*opened);
    else
      verdict = busy(opened.error().text);
  }
  if (!session) co_return co_await inbox_.refuse(std::move(request), account, std::move(push), std::move(verdict));
  auto call = std::make_shared<Call>(Call{*account, request.message(), request.session(), std::move(session), {}, push.from});
  call->id = call->dialog.id();
  (void)request.application_session().set_expires(Duration::zero());  // it ends when we say so
  call->msrp->on_message([this, weak = std::weak_ptr(call)](MsrpMessage message) {
    auto promise = std::make_shared<Promise<int>>();
    auto future = promise->future();
    if (auto alive = weak.lock()) spawn(take(this, std::move(alive), std::move(message), std::move(promise)));
    return future;
  });
  call->msrp->on_closed([this, weak = std::weak_ptr(call)](Error error) {
    if (auto alive = weak.lock()) hang_up(alive, "lost", error.text);
  });
  auto response = request.create_response(200);
  auto rules_told = rules;
  rules_told.max_size = static_cast<std::size_t>(
      std::min<std::uint64_t>(rules.max_size, account->user.webhook.empty() ? rules.max_size : kMostOfThing));
  const auto answer = session_answer(call->msrp->local(), offer, policy, rules_told);
  ++sdp_sessions_;
  (void)response.set_header("Accept", "application/sdp");
  Expected<void> sent = response.set_content("application/sdp", to_sdp(answer, sdp_sessions_, 1));
  if (sent) sent = response.send();
  if (!sent) {
    shared_.tell("error", {{"user", account->user.identity}, {"what", "answer"}, {"reason", sent.error().text}});
    call->msrp->close();
    co_return;
  }
  calls_[call->id] = call;
  arm(call, kTimeForAck);
  spawn(connect(this, std::move(call), std::move(offer)));
}

void Sessions::arm(const CallPtr& call, Duration span) {
  auto& timers = shared_.context->executor().timers();
  timers.cancel(call->guard);
  call->guard = timers.start_at(shared_.context->clock().now() + span, [this, weak = std::weak_ptr(call)] {
    if (auto alive = weak.lock()) hang_up(alive, "idle", "");
  });
}

Task<void> Sessions::connect(Sessions* self, CallPtr call, SessionOffer offer) {
  auto peer = std::move(offer.peer);
  const auto connected = co_await call->msrp->start(std::move(peer), offer.role);
  if (self->shared_.stopping || !self->calls_.contains(call->id)) co_return;
  if (!connected) {
    self->hang_up(call, "failed", connected.error().text);
    co_return;
  }
  self->tell(*call, "open");
}

Task<void> Sessions::take(Sessions* self, CallPtr call, MsrpMessage message, std::shared_ptr<Promise<int>> promise) {
  ++call->messages;
  if (self->calls_.contains(call->id)) self->arm(call, self->shared_.options->sessions.hold);
  const auto status = co_await self->inbox_.session_message(&call->account, &call->invite, std::move(message));
  if (status != 0)
    promise->set(status);
  else
    call->silent.push_back(std::move(promise));
}

void Sessions::acknowledged(const SipServletRequest& request) {
  if (const auto found = calls_.find(request.session().id()); found != calls_.end())
    arm(found->second, shared_.options->sessions.hold);
}

void Sessions::ended(const SipServletRequest& request, const char* how) {
  const auto found = calls_.find(request.session().id());
  if (found == calls_.end()) return;
  const auto call = found->second;
  close(call);
  tell(*call, how);
}

void Sessions::close(const CallPtr& call) {
  auto& timers = shared_.context->executor().timers();
  timers.cancel(call->guard);
  calls_.erase(call->id);
  lingering_[call->id] = call;
  call->guard = timers.start_at(shared_.context->clock().now() + kLinger, [this, id = call->id] {
    if (auto node = lingering_.extract(id)) node.mapped()->msrp->close();
  });
}

void Sessions::hang_up(const CallPtr& call, const char* state, std::string_view reason) {
  if (!calls_.contains(call->id)) return;
  close(call);
  tell(*call, state, reason);
  spawn(bye(this, call, Deadline::after(shared_.context->clock(), kTimeForBye)));
}

void Sessions::cut() {
  for (const auto& [id, call] : calls_) {
    tell(*call, "cut");
    call->msrp->close();
  }
}

Task<void> Sessions::bye(Sessions* self, CallPtr call, Deadline deadline) {
  ++self->ending_;
  if (auto request = call->dialog.create_request("BYE")) (void)co_await request->send(deadline);
  --self->ending_;
}

Task<void> Sessions::end(Deadline deadline) {
  for (const auto& [id, call] : std::exchange(calls_, {})) {
    shared_.context->executor().timers().cancel(call->guard);
    call->msrp->close();
    tell(*call, "ended", "the receiver stops");
    spawn(bye(this, call, deadline));
  }
  co_await all_ended(&shared_, &ending_, deadline);
}

void Sessions::abandon() noexcept {
  for (auto* book : {&calls_, &lingering_})
    for (const auto& [id, call] : std::exchange(*book, {})) {
      shared_.context->executor().timers().cancel(call->guard);
      call->msrp->close();
    }
}

}  // namespace herald::receiver
