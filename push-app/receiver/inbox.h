// Pushes that arrive: decided on, answered, kept or told. PR-4, PR-7..PR-10, PR-12, PR-16.
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
  // Requests that get no answer end here.
  void release();

 private:
  [[nodiscard]] Answer next_answer();
  Task<void> keep_silent();
  void tell_refusal(const Account& account, const Push& push, const Verdict& verdict) const;
  // What was not there before; duplicates are told and left out (PR-9).
  std::vector<PushItem> take_new(Account& account, std::vector<PushItem> items);
  static Task<void> keep(Inbox* self, Account* account, std::vector<PushItem> items, std::shared_ptr<NotifyAnswerer> answerer);
  static Task<void> deliver(Inbox* self, Account* account, PushItem item);

  AgentShared& shared_;
  Reports& reports_;
  WebhookQueue* webhooks_;
  std::size_t answered_ = 0;                               // pushes, for the order of answers
  std::deque<std::shared_ptr<Promise<void>>> unanswered_;  // requests that get no answer wait here
};

}  // namespace herald::receiver
