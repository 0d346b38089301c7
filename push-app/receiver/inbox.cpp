#include "inbox.h"

#include <algorithm>

#include "content_fetcher.h"

namespace herald::receiver {
namespace {

constexpr std::size_t kMostUnanswered = 10'000;

bool blocked(const std::string& sender, const AgentOptions& options) {
  return std::any_of(options.reject.begin(), options.reject.end(),
                     [&](const std::string& each) { return canonical_identity(each) == sender; });
}

Verdict refusal(int status, std::string why) {
  Verdict verdict;
  verdict.status = status;
  verdict.why = std::move(why);
  return verdict;
}

}  // namespace

// PR-16: only the trusted domain says who sent it, and the user has the last word on that.
Verdict decide_sender(const SipServletRequest& request, const AgentOptions& options) {
  if (!request.isc().trusted) return refusal(403, "the sender's side is not trusted");
  if (options.asserted_only && request.isc().asserted_identity.empty()) return refusal(403, "no asserted identity");
  if (blocked(sender_of(request.message()), options)) return refusal(603, "the user has blocked the sender");
  return {};
}

Answer Inbox::next_answer() {
  const auto& answers = shared_.options->answers;
  return answers[std::min(answered_++, answers.size() - 1)];
}

// A peer that is there but does not answer. The hook has to stay: the container would answer 500 for it.
Task<void> Inbox::keep_silent() {
  if (unanswered_.size() >= kMostUnanswered) unanswered_.pop_front();
  auto promise = std::make_shared<Promise<void>>();
  unanswered_.push_back(promise);
  auto future = promise->future();
  promise.reset();  // the list owns it, so that dropping it from there ends the wait
  (void)co_await future;
}

void Inbox::release() {
  for (auto& waiting : std::exchange(unanswered_, {})) waiting->set({});
}

void Inbox::tell_refusal(const Account& account, const Push& push, const Verdict& verdict) const {
  shared_.tell("push_refused", {{"user", account.user.identity},
                                {"app", push.app},
                                {"type", push.type},
                                {"from", push.from},
                                {"id", push.id},
                                number_field("status", verdict.status),
                                {"reason", verdict.why}});
}

std::vector<PushItem> Inbox::take_new(Account& account, std::vector<PushItem> items) {
  std::vector<PushItem> fresh;
  const auto now = shared_.context->clock().now();
  for (auto& item : items) {
    if (account.seen.seen(item.push.id, now))
      shared_.output->push(shared_.context->clock().wall(), account.user.identity, item.push, item.body, true);
    else
      fresh.push_back(std::move(item));
  }
  return fresh;
}

Task<void> Inbox::message(SipServletRequest request, Account* account) {
  const auto& options = *shared_.options;
  auto intake = read_intake(request.message(), account->user.policy, options.content, shared_.context->clock().wall());
  const auto answer = next_answer();
  auto verdict = decide_sender(request, options);
  if (verdict.why.empty() && !answer.accepts()) {
    verdict = refusal(answer.status, "as told");
    if (answer.retry_after) verdict.headers.push_back({"Retry-After", std::to_string(*answer.retry_after)});
  }
  const bool repeated = !intake.items.empty() && std::all_of(intake.items.begin(), intake.items.end(),
                                                             [&](const auto& item) { return account->seen.knows(item.push.id); });
  if (verdict.why.empty() && !repeated) verdict = std::move(intake.verdict);
  if (!verdict.why.empty()) {
    const auto push = intake.items.empty() ? read_push(request.message(), account->user.policy, shared_.context->clock().wall())
                                           : intake.items.back().push;
    tell_refusal(*account, push, verdict);
    if (verdict.status == 0) co_return co_await keep_silent();
    auto response = request.create_response(verdict.status);
    for (auto& header : verdict.headers) (void)response.set_header(header.name, std::move(header.value));
    (void)response.send();
    co_return;
  }
  const bool to_webhook = webhooks_ != nullptr && !account->user.webhook.empty();
  if (to_webhook) {
    const auto kept = co_await webhooks_->keep(account, intake.items);
    if (!kept) {
      (void)request.refuse(kept.error());
      co_return;
    }
  }
  // RFC 3428 7: at once, without body and Contact. What could not be answered was not taken: the sender will repeat it.
  if (auto sent = request.respond(answer.status); !sent) {
    shared_.tell("error", {{"user", account->user.identity}, {"what", "answer"}, {"reason", sent.error().text}});
    co_return;
  }
  if (intake.is_report) shared_.tell("report", {{"user", account->user.identity}, {"from", sender_of(request.message())}});
  if (to_webhook) co_return;  // the store knows what it has seen
  for (auto& item : take_new(*account, std::move(intake.items))) spawn(deliver(this, account, std::move(item)));
}

int Inbox::notified(Account& account, const std::string& app, const Notification& notification,
                    std::vector<SipHeaderField>& headers) {
  const auto& notify = notification.message;
  auto intake = read_intake(notify, account.user.policy, shared_.options->content, shared_.context->clock().wall(), app);
  if (!intake.verdict.why.empty()) {
    tell_refusal(account, intake.items.empty() ? Push{} : intake.items.back().push, intake.verdict);
    headers = std::move(intake.verdict.headers);
    return intake.verdict.status;
  }
  if (webhooks_ != nullptr && !account.user.webhook.empty()) {
    auto answerer = notification.answer_later ? notification.answer_later() : nullptr;
    if (!answerer) return 500;
    spawn(keep(this, &account, std::move(intake.items), std::move(answerer)));
    return 0;
  }
  for (auto& item : take_new(account, std::move(intake.items))) spawn(deliver(this, &account, std::move(item)));
  return 200;
}

// The notifier drops what was answered 200, so the record comes first.
Task<void> Inbox::keep(Inbox* self, Account* account, std::vector<PushItem> items, std::shared_ptr<NotifyAnswerer> answerer) {
  const auto kept = co_await self->webhooks_->keep(account, std::move(items));
  std::vector<SipHeaderField> headers;
  if (!kept) headers.push_back({"Retry-After", "10"});
  answerer->answer(kept ? 200 : 500, std::move(headers));
}

Task<void> Inbox::deliver(Inbox* self, Account* account, PushItem item) {
  auto& shared = self->shared_;
  if (item.reference) {
    auto fetched = co_await fetch_content(&shared, &account->user.policy, &item);
    if (shared.stopping) co_return;
    if (!fetched) {
      shared.tell("error", {{"user", account->user.identity},
                            {"what", "content"},
                            {"id", item.push.id},
                            {"url", item.push.url},
                            {"reason", fetched.error().text}});
      self->reports_.failed(*account, item.report, item.push.id);
      co_return;
    }
  }
  shared.output->push(shared.context->clock().wall(), account->user.identity, item.push, item.body, false);
  self->reports_.received(*account, item.report, item.push.id);
}

}  // namespace herald::receiver
