#include "receiver_agent.h"

#include <stdexcept>
#include <utility>

#include "registration_rules.h"

namespace herald::receiver {
namespace {
constexpr auto kBetweenStarts = std::chrono::milliseconds(5);
}

Task<void> ReceiverAgent::init(ServletContext& context) {
  shared_.context = &context;
  shared_.options = context.config<AgentOptions>();
  for (const auto& user : shared_.options->users)
    if (!user.webhook.empty() && !webhooks_)
      webhooks_ = std::make_unique<WebhookQueue>(shared_, reports_, load_, [this] { on_kept(); });
  inbox_ = std::make_unique<Inbox>(shared_, reports_, webhooks_.get());
  if (shared_.options->sessions.enabled) sessions_ = std::make_unique<Sessions>(shared_, *inbox_);
  if (shared_.options->refer != ReferPolicy::deny) context.notifier().add_package(referrals_);
  Duration wait{};
  for (const auto& user : shared_.options->users) add(user, wait);
  if (webhooks_ && context.shard() == 0) webhooks_->start();
  co_return;
}

void ReceiverAgent::add(const UserAccount& user, Duration& wait) {
  auto& account = *accounts_.emplace_back(std::make_unique<Account>(Account{user, Duplicates(), !user.registers, {}, {}}));
  if (user.registers) by_contact_user_[user.contact_user] = &account;
  by_identity_[user.identity] = &account;
  if (!user.webhook.empty()) webhooks_->add(account);
  auto& context = *shared_.context;
  if (user.registers) {
    // One after the other: thousands at once would drown the registrar.
    if (auto added = registrations_.add(account, wait); !added) throw std::runtime_error(added.error().text);
    wait += kBetweenStarts;
  } else if (!user.subscribe.empty() && context.home_shard(user.identity) == context.shard()) {
    context.executor().timers().start_at(context.clock().now() + wait, [this, &account] {
      if (!shared_.stopping) subscriptions_.begin_configured(account);
    });
    wait += kBetweenStarts;
  }
}

void ReceiverAgent::on_registered(Account& account) {
  if (shared_.stopping) return;
  subscriptions_.begin_configured(account);
  if (shared_.options->publish) publications_.begin(account);
}

void ReceiverAgent::on_kept() {
  if (shared_.context->shard() == 0) return webhooks_->wake();
  // Should that mailbox be full, the shard has more to do than this; the next one that is kept wakes it.
  (void)shared_.context->post(0, [](SipServlet& servlet) {
    auto& agent = static_cast<ReceiverAgent&>(servlet);
    if (agent.webhooks_) agent.webhooks_->wake();
  });
}

void ReceiverAgent::destroy() noexcept {
  if (shared_.context == nullptr) return;
  shared_.stopping = true;
  registrations_.cancel();
  publications_.cancel();
  referrals_.cancel();
  subscriptions_.abandon();
  if (webhooks_) webhooks_->stop();
  if (sessions_) sessions_->abandon();
  if (inbox_) inbox_->release();
  shared_.waits.release(*shared_.context);
}

Task<void> ReceiverAgent::shut_down(Deadline deadline) {
  shared_.stopping = true;
  referrals_.cancel();
  inbox_->release();
  shared_.waits.release(*shared_.context);
  // A notifier without a last word must not cost the de-registration its time.
  const auto& clock = shared_.context->clock();
  const auto share = deadline.is_never() ? deadline : Deadline::after(clock, deadline.left(clock) * 2 / 5);
  if (sessions_) co_await sessions_->end(share);
  co_await publications_.end(share);
  co_await subscriptions_.end(share);
  co_await registrations_.end(deadline);
}

bool ReceiverAgent::command(std::string_view line) {
  const bool accept = line.starts_with("accept ");
  if (!accept && !line.starts_with("deny ")) return false;
  auto id = line.substr(line.find(' ') + 1);
  while (!id.empty() && (id.back() == ' ' || id.back() == '\r')) id.remove_suffix(1);
  return referrals_.decide(std::string(id), accept);
}

// The contact says whose request it is; on ISC, and where a proxy put the public identity back, that identity does.
Account* ReceiverAgent::account_for(const SipServletRequest& request) {
  if (const auto uri = SipUri::parse(request.uri()); uri && uri->is_sip()) {
    if (const auto found = by_contact_user_.find(uri->user);
        found != by_contact_user_.end() &&
        contact_uri(*shared_.options, found->second->user).find(uri->host) != std::string::npos)
      return found->second;
  }
  std::vector<std::string> identities{canonical_identity(request.uri())};
  if (const auto called = NameAddr::parse(request.header("P-Called-Party-ID").value_or("")))
    identities.push_back(canonical_identity(called->uri));
  if (!request.isc().served_user.empty()) identities.push_back(canonical_identity(request.isc().served_user));
  for (const auto& identity : identities)
    if (const auto found = by_identity_.find(identity); found != by_identity_.end()) return found->second;
  return nullptr;
}

Task<void> ReceiverAgent::do_message(SipServletRequest request) {
  auto* account = account_for(request);
  if (account == nullptr) {
    (void)request.respond(404);
    co_return;
  }
  co_await inbox_->message(std::move(request), account);
}

// PR-11
Task<void> ReceiverAgent::do_invite(SipServletRequest request) {
  auto* account = account_for(request);
  if (account == nullptr) {
    (void)request.respond(404);
    co_return;
  }
  if (!sessions_) {
    auto response = request.create_response(405);
    (void)response.set_header("Allow", joined(served_methods(*shared_.options)));
    (void)response.send();
    co_return;
  }
  co_await sessions_->invite(std::move(request), account);
}

Task<void> ReceiverAgent::do_ack(SipServletRequest request) {
  if (sessions_) sessions_->acknowledged(request);
  co_return;
}

Task<void> ReceiverAgent::do_bye(SipServletRequest request) {
  if (sessions_) sessions_->ended(request, "ended");
  (void)request.respond(200);
  co_return;
}

// The container has answered 487.
Task<void> ReceiverAgent::do_cancel(SipServletRequest request) {
  if (sessions_) sessions_->ended(request, "cancelled");
  co_return;
}

// PR-13, PR-16: the sender first, what he asks for then.
Task<void> ReceiverAgent::do_refer(SipServletRequest request) {
  auto* account = account_for(request);
  const auto verdict = decide_sender(request, *shared_.options);
  if (account == nullptr || !verdict.why.empty()) {
    (void)request.respond(account == nullptr ? 404 : verdict.status);
    if (account != nullptr)
      shared_.tell("referred", {{"user", account->user.identity},
                                {"from", sender_of(request.message())},
                                {"decision", "denied"},
                                number_field("status", verdict.status),
                                {"reason", verdict.why}});
    co_return;
  }
  co_await referrals_.refer(std::move(request), account);
}

// PR-4: those of our subscriptions never get here.
Task<void> ReceiverAgent::do_notify(SipServletRequest request) {
  const auto event = request.header("Event").value_or("");
  auto package = event.substr(0, event.find(';'));
  while (package.ends_with(' ')) package.remove_suffix(1);
  auto response = request.create_response(package == shared_.options->package ? 481 : 489);
  if (response.status() == 489) (void)response.set_header("Allow-Events", shared_.options->package);
  (void)response.send();
  co_return;
}

// PR-15: as a call would be, a blocked caller is refused.
Task<void> ReceiverAgent::do_options(SipServletRequest request) {
  auto* account = account_for(request);
  const auto verdict = decide_sender(request, *shared_.options);
  if (account == nullptr || !verdict.why.empty()) {
    (void)request.respond(account == nullptr ? 404 : verdict.status);
    co_return;
  }
  const auto& options = *shared_.options;
  auto response = request.create_response(200);
  auto accept = accept_header(account->user.policy);
  if (options.sessions.enabled) accept += ", application/sdp";
  std::vector<std::pair<const char*, std::string>> headers{{"Allow", joined(served_methods(options))},
                                                           {"Accept", accept},
                                                           {"Accept-Encoding", accept_encoding_header(account->user.policy)},
                                                           {"Supported", joined(served_extensions(options))}};
  if (const auto events = served_events(options); !events.empty()) headers.emplace_back("Allow-Events", joined(events));
  if (account->user.registers) headers.emplace_back("Contact", contact_header(options, account->user));
  for (auto& [name, value] : headers) (void)response.set_header(name, std::move(value));
  (void)response.send();
  co_return;
}

}  // namespace herald::receiver
