#include "inbox.h"

#include <algorithm>

#include "blob_content.h"
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

namespace {

Verdict as_told(const SipServletRequest& request, const AgentOptions& options, const Answer& answer) {
  auto verdict = decide_sender(request, options);
  if (verdict.why.empty() && !answer.accepts()) {
    verdict = refusal(answer.status, "as told");
    if (answer.retry_after) verdict.headers.push_back({"Retry-After", std::to_string(*answer.retry_after)});
  }
  return verdict;
}

}  // namespace

Answer Inbox::next_answer() {
  const auto& answers = shared_.options->answers;
  return answers[std::min(answered_++, answers.size() - 1)];
}

Verdict Inbox::decide_invite(const SipServletRequest& request) {
  const auto& own = shared_.options->invite_answers;
  const auto answer = own.empty() ? next_answer() : own[std::min(invited_++, own.size() - 1)];
  return as_told(request, *shared_.options, answer);
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

Task<void> Inbox::refuse(SipServletRequest request, Account* account, Push push, Verdict verdict) {
  tell_refusal(*account, push, verdict);
  if (verdict.status == 0) co_return co_await keep_silent();
  auto response = request.create_response(verdict.status);
  for (auto& header : verdict.headers) (void)response.set_header(header.name, std::move(header.value));
  (void)response.send();
}

void Inbox::drop_blob(const PushItem& item) {
  if (item.blob) (void)shared_.context->blobs().remove(item.blob->id);
}

std::vector<PushItem> Inbox::take_new(Account& account, std::vector<PushItem> items) {
  std::vector<PushItem> fresh;
  const auto now = shared_.context->clock().now();
  for (auto& item : items) {
    if (account.seen.seen(item.push.id, now)) {
      const PushContent content{std::move(item.body), item.blob, {}};
      shared_.output->push(shared_.context->clock().wall(), account.user.identity, item.push, content, true);
      drop_blob(item);
    } else
      fresh.push_back(std::move(item));
  }
  return fresh;
}

Task<void> Inbox::message(SipServletRequest request, Account* account) {
  const auto& options = *shared_.options;
  auto intake = read_intake(request.message(), account->user.policy, options.content, shared_.context->clock().wall());
  const auto answer = next_answer();
  auto verdict = as_told(request, options, answer);
  const bool repeated = !intake.items.empty() && std::all_of(intake.items.begin(), intake.items.end(),
                                                             [&](const auto& item) { return account->seen.knows(item.push.id); });
  if (verdict.why.empty() && !repeated) verdict = std::move(intake.verdict);
  if (!verdict.why.empty()) {
    auto push = intake.items.empty() ? read_push(request.message(), account->user.policy, shared_.context->clock().wall())
                                     : intake.items.back().push;
    co_return co_await refuse(std::move(request), account, std::move(push), std::move(verdict));
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
  IntakeSource source;
  source.app = app;
  source.mode = "notify";
  auto intake = read_intake(notify, account.user.policy, shared_.options->content, shared_.context->clock().wall(), source);
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

namespace {

constexpr auto kFirstPause = std::chrono::seconds(1);  // between attempts to fetch; doubled each time
constexpr auto kLastPause = std::chrono::seconds(16);

bool passing(const Error& error) noexcept {
  return error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout || error.code == ErrorCode::busy;
}

constexpr std::size_t kWrapperBytes = 65536;  // the headers of message/cpim end within

// RFC 4975 10: what a REPORT has for what SIP refuses otherwise.
int report_status(int sip) noexcept {
  return sip == 413 || sip == 513 ? 413 : sip == 415 ? 415 : sip == 403 || sip >= 600 ? 403 : 400;
}

}  // namespace

// Of a blob only the wrapper is read here; the content behind it becomes a blob of its own.
Task<Intake> Inbox::session_intake(const Account* account, const SipMessage* invite, MsrpMessage* message) {
  auto& blobs = shared_.context->blobs();
  auto policy = account->user.policy;
  policy.max_bytes = 0;  // the session has a limit of its own
  IntakeSource source;
  source.mode = "msrp";
  source.in_blob = message->blob.has_value();
  const auto type = MediaType::parse(message->type);
  const bool wrapped = type && type->type == "message/cpim" && policy.reports;
  std::string head = std::move(message->bytes);
  if (wrapped && message->blob) {
    auto read = co_await blobs.read(message->blob->id, 0, kWrapperBytes);
    if (read) head = std::move(*read);
  }
  const auto head_bytes = head.size();
  const auto request = request_of(*invite, *message, std::move(head));
  auto intake = read_intake(request, policy, shared_.options->content, shared_.context->clock().wall(), source);
  if (!message->blob || intake.items.empty() || !intake.verdict.why.empty()) co_return intake;
  auto& item = intake.items.front();
  BlobChange change;
  change.skip = wrapped ? head_bytes - item.body.size() : 0;
  change.gzip = item.push.encoding == "gzip";
  change.max_size = shared_.options->sessions.max_size;
  item.body.clear();
  item.blob = std::move(*message->blob);
  message->blob.reset();
  if (change.skip == 0 && !change.gzip) co_return intake;
  auto changed = co_await change_blob(&blobs, *item.blob, change);
  if (changed)
    item.blob = std::move(*changed);
  else {
    item.blob.reset();
    intake.verdict = refusal(changed.error().code == ErrorCode::too_large ? 413 : 400, changed.error().text);
  }
  co_return intake;
}

Task<int> Inbox::session_message(Account* account, const SipMessage* invite, MsrpMessage message) {
  auto intake = co_await session_intake(account, invite, &message);
  if (message.blob) (void)shared_.context->blobs().remove(message.blob->id);
  if (shared_.stopping) co_return 0;
  const bool repeated = !intake.items.empty() && std::all_of(intake.items.begin(), intake.items.end(),
                                                             [&](const auto& item) { return account->seen.knows(item.push.id); });
  if (!intake.verdict.why.empty() && !repeated) {
    tell_refusal(*account, intake.items.empty() ? Push{} : intake.items.back().push, intake.verdict);
    for (const auto& item : intake.items) drop_blob(item);
    co_return report_status(intake.verdict.status);
  }
  if (intake.is_report) {
    shared_.tell("report", {{"user", account->user.identity}, {"from", sender_of(*invite)}});
    co_return 200;
  }
  if (webhooks_ != nullptr && !account->user.webhook.empty()) {
    const auto kept = co_await webhooks_->keep(account, std::move(intake.items));
    co_return kept ? 200 : 408;  // 408: the sender tries again later
  }
  for (auto& item : take_new(*account, std::move(intake.items))) spawn(deliver(this, account, std::move(item)));
  co_return co_await Reports::session_report(&shared_);
}

Task<void> Inbox::deliver(Inbox* self, Account* account, PushItem item) {
  auto& shared = self->shared_;
  if (item.reference) {
    auto fetched = co_await fetch_content(&shared, &account->user.policy, &item);
    // It was accepted, so a server that is away for a moment must not cost the push.
    for (auto pause = kFirstPause; !fetched && passing(fetched.error()) && pause <= kLastPause && !shared.stopping; pause *= 2) {
      (void)co_await shared.waits.wait(*shared.context, pause);
      if (shared.stopping) co_return;
      fetched = co_await fetch_content(&shared, &account->user.policy, &item);
    }
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
  PushContent content{std::move(item.body), item.blob, {}};
  if (shared.saver != nullptr) {
    auto saved = co_await shared.saver->save(content);
    if (shared.stopping) co_return;
    if (saved)
      content.file = std::move(*saved);
    else
      shared.tell("error", {{"user", account->user.identity}, {"what", "saving"}, {"reason", saved.error().text}});
  }
  shared.output->push(shared.context->clock().wall(), account->user.identity, item.push, content, false);
  self->drop_blob(item);
  self->reports_.received(*account, item.report, item.push.id);
}

}  // namespace herald::receiver
