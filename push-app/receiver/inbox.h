// Pushes that arrive: decided on, answered, kept or told. PR-4, PR-7..PR-12, PR-16.
// Thread: the agent's shard.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "account.h"
#include "intake.h"
#include "reports.h"
#include "webhook_queue.h"

namespace herald::receiver {

// PR-16: nothing, or what refuses whoever sent it.
[[nodiscard]] Verdict decide_sender(const SipServletRequest& request, const AgentOptions& options);

class Inbox {
 public:
  // `webhooks`: null where nobody has one.
  Inbox(AgentShared& shared, Reports& reports, WebhookQueue* webhooks)
      : shared_(shared), reports_(reports), webhooks_(webhooks) {}

  Task<void> message(SipServletRequest request, Account* account);
  // The content of a NOTIFY: its status, 0 when it is answered later.
  int notified(Account& account, const std::string& app, const Notification& notification, std::vector<SipHeaderField>& headers);
  // May a session begin? The sender and the answers as ordered; nothing of its content is known yet.
  [[nodiscard]] Verdict decide_invite(const SipServletRequest& request);
  // A whole message of a session that `invite` began: what its REPORT says, 0 for none. Both outlive the task.
  Task<int> session_message(Account* account, const SipMessage* invite, MsrpMessage message);
  // Tells what is refused, and answers it so.
  Task<void> refuse(SipServletRequest request, Account* account, Push push, Verdict verdict);
  // Requests that get no answer end here.
  void release();

 private:
  [[nodiscard]] Answer next_answer();
  Task<void> keep_silent();
  void tell_refusal(const Account& account, const Push& push, const Verdict& verdict) const;
  Task<Intake> session_intake(const Account* account, const SipMessage* invite, MsrpMessage* message);
  void drop_blob(const PushItem& item);
  // What was not there before; duplicates are told and left out (PR-9).
  std::vector<PushItem> take_new(Account& account, std::vector<PushItem> items);
  static Task<void> keep(Inbox* self, Account* account, std::vector<PushItem> items, std::shared_ptr<NotifyAnswerer> answerer);
  static Task<void> deliver(Inbox* self, Account* account, PushItem item);

  AgentShared& shared_;
  Reports& reports_;
  WebhookQueue* webhooks_;
  std::size_t answered_ = 0;                               // pushes, for the order of answers
  std::size_t invited_ = 0;                                // sessions, where they have answers of their own
  std::deque<std::shared_ptr<Promise<void>>> unanswered_;  // requests that get no answer wait here
};

}  // namespace herald::receiver
