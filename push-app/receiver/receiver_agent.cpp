#include "receiver_agent.h"

#include <utility>

#include "registration_rules.h"

namespace herald::receiver {
namespace {

// ims_auth of a well-known S-CSCF sends the 401 before it stores the vector: who answers within a millisecond is challenged
// again. After a pause it works; still, further challenges are answered, but not for ever (a wrong password looks the same).
constexpr auto kBeforeAnswer = std::chrono::milliseconds(100);
constexpr int kMostChallenges = 4;
constexpr auto kRegisterTime = std::chrono::seconds(40);  // beyond Timer F
constexpr auto kBetweenStarts = std::chrono::milliseconds(5);
constexpr std::size_t kMostUnanswered = 10'000;

std::string number(std::int64_t value) { return std::to_string(value); }

}  // namespace

Task<void> ReceiverAgent::init(ServletContext& context) {
  context_ = &context;
  options_ = context.config<AgentOptions>();
  Duration wait{};
  for (const auto& user : options_->users) {
    auto application = context.sip_factory().create_application_session();
    if (auto kept = application.set_expires(Duration::zero()); !kept) throw std::runtime_error(kept.error().text);
    application.set_invalidate_when_ready(false);
    auto account = std::make_unique<Account>(
        Account{user, std::move(application), {}, {}, 0, options_->expires, 0, false, false, {}, Duplicates()});
    by_contact_user_[user.contact_user] = account.get();
    by_identity_[user.identity] = account.get();
    schedule(*account, wait);  // one after the other: thousands at once would drown the registrar
    wait += kBetweenStarts;
    accounts_.push_back(std::move(account));
  }
  co_return;
}

void ReceiverAgent::destroy() noexcept {
  stopping_ = true;
  for (const auto& account : accounts_) context_->executor().timers().cancel(account->timer);
  unanswered_.clear();
}

void ReceiverAgent::tell(std::string_view event, const std::vector<EventField>& fields) {
  sink_(event_line(event, context_->clock().wall(), fields));
}

// -- registration -----------------------------------------------------------------------------------------------------

void ReceiverAgent::schedule(Account& account, Duration delay) {
  if (stopping_) return;
  const auto due = context_->clock().now() + delay;
  account.timer = context_->executor().timers().start_at(due, [this, &account] { spawn(refresh(&account)); });
}

Task<void> ReceiverAgent::refresh(Account* account) {
  account->timer = {};
  if (stopping_ || account->busy) co_return;
  account->busy = true;
  const auto deadline = Deadline::after(context_->clock(), kRegisterTime);
  const auto outcome = co_await register_once(account, account->expires, deadline);
  account->busy = false;
  if (outcome.status == 200) {
    account->failures = 0;
    std::vector<EventField> fields{{"user", account->user.identity},
                                   {"contact", contact_uri(*options_, account->user)},
                                   {"expires", number(outcome.granted.count()), true}};
    if (account->registered) fields.push_back({"refresh", "true", true});
    account->registered = ever_registered_ = true;
    tell("registered", fields);
    schedule(*account, refresh_after(outcome.granted));
    co_return;
  }
  // What the registrar had is valid until it expires; after a refusal nobody knows, so it is told as an error either way.
  const auto wait = retry_after_failure(++account->failures, outcome.retry_after);
  tell("error", {{"user", account->user.identity},
                 {"what", "registration"},
                 {"status", number(outcome.status), true},
                 {"reason", outcome.reason},
                 {"retry_in", number(std::chrono::ceil<std::chrono::seconds>(wait).count()), true}});
  schedule(*account, wait);
}

Task<ReceiverAgent::Outcome> ReceiverAgent::register_once(Account* account, std::chrono::seconds expires, Deadline deadline) {
  Outcome outcome;
  for (int challenges = 0;;) {
    auto request = make_register(*account, expires);
    if (!request) {
      outcome.reason = request.error().text;
      co_return outcome;
    }
    const auto answer = co_await request->send(deadline);
    if (!answer) {
      outcome.reason = answer.error().text;
      co_return outcome;
    }
    outcome.status = answer->status();
    outcome.reason = answer->reason();
    outcome.retry_after = answer->retry_after();
    if (outcome.status == 200) {
      outcome.granted = granted_expires(answer->message(), contact_uri(*options_, account->user), expires);
      co_return outcome;
    }
    if (const auto least = min_expires(answer->message()); outcome.status == 423 && least && *least > expires) {
      account->expires = expires = *least;  // RFC 3261 10.2.8
      continue;
    }
    if (outcome.status != 401 && outcome.status != 407) co_return outcome;
    auto challenge =
        DigestChallenge::parse(answer->header(outcome.status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate").value_or(""));
    if (!challenge) {
      outcome.reason = challenge.error().text;
      co_return outcome;
    }
    if (++challenges > kMostChallenges) {
      outcome.reason = "challenged " + number(challenges) + " times: is the password right?";
      co_return outcome;
    }
    account->challenge = std::move(*challenge);
    account->nonce_count = 0;
    (void)co_await sleep_for(kBeforeAnswer);
  }
}

Expected<SipServletRequest> ReceiverAgent::make_register(Account& account, std::chrono::seconds expires) {
  const auto identity = "<" + account.user.identity + ">";
  auto request = account.session && account.session->valid()
                     ? account.session->create_request("REGISTER")
                     : context_->sip_factory().create_request(account.application, "REGISTER", identity, identity);
  if (!request) return request;
  account.session = request->session();
  const auto uri = "sip:" + account.user.domain;
  const std::pair<const char*, std::string> headers[] = {
      {"Contact", contact_header(*options_, account.user)},
      {"Expires", number(expires.count())},
      {"Supported", "path, gruu"},
      {"Allow", "MESSAGE, OPTIONS"},
      {"Authorization", authorization(account, uri)},
  };
  if (auto set = request->set_uri(uri); !set) return fail(std::move(set.error()));
  if (auto set = request->push_route(options_->registrar); !set) return fail(std::move(set.error()));
  for (const auto& [name, value] : headers)
    if (auto set = request->set_header(name, value); !set) return fail(std::move(set.error()));
  return request;
}

std::string ReceiverAgent::authorization(Account& account, const std::string& uri) {
  const auto& user = account.user;
  if (!account.challenge) return empty_authorization(user.private_identity, user.domain, uri);
  DigestRequest request{"REGISTER", uri, random_token(16), ++account.nonce_count};
  return digest_authorization(*account.challenge, {user.private_identity, user.password}, request);
}

Task<void> ReceiverAgent::deregister(Account* account, Deadline deadline) {
  const auto outcome = co_await register_once(account, std::chrono::seconds(0), deadline);
  account->registered = false;
  if (outcome.status == 200)
    tell("unregistered", {{"user", account->user.identity}});
  else
    tell("error", {{"user", account->user.identity},
                   {"what", "de-registration"},
                   {"status", number(outcome.status), true},
                   {"reason", outcome.reason}});
  --ending_;
}

Task<void> ReceiverAgent::shut_down(Deadline deadline) {
  stopping_ = true;
  for (const auto& account : accounts_) {
    context_->executor().timers().cancel(account->timer);
    // A REGISTER under way may still make a registration: it is taken back as well.
    if (!account->registered && !account->busy) continue;
    ++ending_;
    spawn(deregister(account.get(), deadline));
  }
  for (auto& waiting : std::exchange(unanswered_, {})) waiting->set({});
  while (ending_ > 0 && !deadline.passed(context_->clock())) (void)co_await sleep_for(std::chrono::milliseconds(10));
}

// -- pushes -----------------------------------------------------------------------------------------------------------

// The contact says whose request it is; on ISC, and where a proxy put the public identity back, that identity does.
ReceiverAgent::Account* ReceiverAgent::account_for(const SipServletRequest& request) {
  if (const auto uri = SipUri::parse(request.uri()); uri && uri->is_sip()) {
    if (const auto found = by_contact_user_.find(uri->user);
        found != by_contact_user_.end() && contact_uri(*options_, found->second->user).find(uri->host) != std::string::npos)
      return found->second;
  }
  std::vector<std::string> identities{canonical_identity(request.uri())};
  if (const auto called = NameAddr::parse(request.header("P-Called-Party-ID").value_or("")))
    identities.push_back(canonical_identity(called->uri));
  for (const auto& identity : identities)
    if (const auto found = by_identity_.find(identity); found != by_identity_.end()) return found->second;
  return nullptr;
}

Answer ReceiverAgent::next_answer() {
  const auto& answers = options_->answers;
  return answers[std::min(answered_++, answers.size() - 1)];
}

// A peer that is there but does not answer. The hook has to stay: the container would answer 500 for it.
Task<void> ReceiverAgent::keep_silent() {
  if (unanswered_.size() >= kMostUnanswered) unanswered_.pop_front();
  auto promise = std::make_shared<Promise<void>>();
  unanswered_.push_back(promise);
  auto future = promise->future();
  promise.reset();  // the list owns it, so that dropping it from there ends the wait
  (void)co_await future;
}

Task<void> ReceiverAgent::do_message(SipServletRequest request) {
  auto* account = account_for(request);
  if (account == nullptr) {
    (void)request.respond(404);
    co_return;
  }
  const auto wall = context_->clock().wall();
  const auto push = read_push(request.message(), options_->policy, wall);
  const auto answer = next_answer();
  Verdict verdict;
  if (!answer.accepts()) {
    verdict.status = answer.status;
    verdict.why = "as told";
    if (answer.retry_after) verdict.headers.push_back({"Retry-After", std::to_string(*answer.retry_after)});
  } else if (!account->seen.knows(push.id)) {
    verdict = decide(push, request.body().size(), options_->policy);
  }
  if (!verdict.why.empty()) {
    tell("push_refused", {{"user", account->user.identity},
                          {"app", push.app},
                          {"type", push.type},
                          {"from", push.from},
                          {"id", push.id},
                          {"status", number(verdict.status), true},
                          {"reason", verdict.why}});
    if (verdict.status == 0) co_return co_await keep_silent();
    auto response = request.create_response(verdict.status);
    for (auto& header : verdict.headers) (void)response.set_header(header.name, std::move(header.value));
    (void)response.send();
    co_return;
  }
  // RFC 3428 7: at once, without body and Contact. What could not be answered was not taken: the sender will repeat it.
  if (auto sent = request.respond(answer.status); !sent) {
    tell("error", {{"user", account->user.identity}, {"what", "answer"}, {"reason", sent.error().text}});
    co_return;
  }
  const bool duplicate = account->seen.seen(push.id, context_->clock().now());
  sink_(push_line(wall, account->user.identity, push, request.body(), duplicate));
}

// PR-15
Task<void> ReceiverAgent::do_options(SipServletRequest request) {
  auto* account = account_for(request);
  auto response = request.create_response(account != nullptr ? 200 : 404);
  if (account != nullptr) {
    const std::pair<const char*, std::string> headers[] = {
        {"Allow", "MESSAGE, OPTIONS"}, {"Accept", accept_header(options_->policy)},           {"Accept-Encoding", "identity"},
        {"Supported", "path, gruu"},   {"Contact", contact_header(*options_, account->user)},
    };
    for (const auto& [name, value] : headers) (void)response.set_header(name, value);
  }
  (void)response.send();
  co_return;
}

}  // namespace herald::receiver
