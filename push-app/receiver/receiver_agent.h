// The Push Receiver Agent, P-1: its parts and which request goes to which. A servlet like any other: a UE's node hosts it on Gm,
// Herald hosts it on ISC for those who cannot speak SIP.
// Thread: its shard.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "account.h"
#include "herald/servlet_context.h"
#include "herald/sip_servlet.h"
#include "inbox.h"
#include "publication.h"
#include "referrals.h"
#include "registration.h"
#include "reports.h"
#include "sessions.h"
#include "subscriptions.h"
#include "webhook_queue.h"

namespace herald::receiver {

class ReceiverAgent final : public SipServlet {
 public:
  // `output` and `saver`, if there is one, outlive it; `load` is shared by the agents of all shards.
  ReceiverAgent(AgentOutput& output, std::shared_ptr<WebhookLoad> load, ContentSaver* saver = nullptr) : load_(std::move(load)) {
    shared_.output = &output;
    shared_.saver = saver;
  }

  Task<void> init(ServletContext& context) override;
  void destroy() noexcept override;
  Task<void> do_message(SipServletRequest request) override;
  Task<void> do_options(SipServletRequest request) override;
  Task<void> do_notify(SipServletRequest request) override;
  Task<void> do_refer(SipServletRequest request) override;
  Task<void> do_invite(SipServletRequest request) override;
  Task<void> do_ack(SipServletRequest request) override;
  Task<void> do_bye(SipServletRequest request) override;
  Task<void> do_cancel(SipServletRequest request) override;
  [[nodiscard]] std::vector<std::string_view> methods() const override {
    return {"MESSAGE", "OPTIONS", "NOTIFY", "REFER", "INVITE", "BYE"};
  }
  [[nodiscard]] std::vector<std::string_view> option_tags() const override { return {"nosub", "norefersub"}; }

  // Ends publications, subscriptions and registrations; done when all is answered or the deadline has passed.
  Task<void> shut_down(Deadline deadline);
  [[nodiscard]] bool ever_registered() const noexcept { return registrations_.ever_registered(); }
  // "accept ID" or "deny ID": what the user said to a REFER. False: not understood, or none of that id waits.
  bool command(std::string_view line);
  // For tests of senders: the network breaks all MSRP connections.
  void cut_sessions() {
    if (sessions_) sessions_->cut();
  }

 private:
  void add(const UserAccount& user, Duration& wait);
  void on_registered(Account& account);
  void on_kept();  // something new waits for a webhook
  [[nodiscard]] Account* account_for(const SipServletRequest& request);

  AgentShared shared_;
  std::shared_ptr<WebhookLoad> load_;
  std::vector<std::unique_ptr<Account>> accounts_;
  std::unordered_map<std::string, Account*> by_contact_user_;
  std::unordered_map<std::string, Account*> by_identity_;
  Reports reports_{shared_};
  std::unique_ptr<WebhookQueue> webhooks_;  // where a thing has one
  std::unique_ptr<Inbox> inbox_;
  std::unique_ptr<Sessions> sessions_;  // where they are on
  Registrations registrations_{shared_, [this](Account& account) { on_registered(account); }};
  Subscriptions subscriptions_{
      shared_, [this](Account& account, const std::string& app, const Notification& notification,
                      std::vector<SipHeaderField>& headers) { return inbox_->notified(account, app, notification, headers); }};
  Publications publications_{shared_};
  Referrals referrals_{shared_, subscriptions_};
};

}  // namespace herald::receiver
