// Invitations to subscribe: REFERs to this shard's users, from the wish to the SUBSCRIBE that it led to. sip-push.md 4.10, 9.
//
//   invite (REST) or ask (a push waits for consent) -> record -> drive: REFER -> accepted -> subscribed()
//
// Durable before anybody is told (table "invitation"). At most one open invitation per user and application. After a restart an
// unanswered one is sent once more; an accepted one goes on waiting.
//
// Thread: one inviter a shard; invite, find, cancel, ask and subscribed on any of them. An invitation lives on the home shard of
// Invitation::user. Lifetime: shared_ptr; stop() ends what suspended calls may do.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "consent/invitation.h"
#include "consent/invitation_refer.h"
#include "delivery/knowledge.h"
#include "herald/metrics.h"
#include "herald/servlet_context.h"
#include "text/problem.h"

namespace herald::push {

struct InvitationWish {
  std::string address;  // AoR or GRUU
  std::string application;
  std::string sender;
  std::string initiator{};
  bool automatic = false;
  std::optional<std::chrono::seconds> expires{};
  std::string trace{};
};

class Inviter : public std::enable_shared_from_this<Inviter> {
 public:
  using Self = std::shared_ptr<Inviter>;
  // Runs `work` with the inviter of another shard. False: its mailbox is full.
  using Relay = std::function<bool(unsigned shard, UniqueFunction<void(Inviter&)> work)>;

  Inviter(ServletContext& context, Books books, Relay relay = {});
  // Restores open invitations and listens to registrations. `purge`: this shard's removes old records, for all.
  void start(bool purge);
  void stop() noexcept;

  // The one that is open already, if it is the same initiator's.
  static Task<Checked<Invitation>> invite(Self self, InvitationWish wish);
  // `owner`: only invitations of that initiator exist; none: an operator sees all.
  static Task<Checked<Invitation>> find(Self self, std::string id, std::optional<std::string> owner);
  // 409 when the REFER was answered already.
  static Task<Checked<Invitation>> cancel(Self self, std::string id, std::optional<std::string> owner);

  // A push to `address` waits for consent: ask the user, unless that was done lately. Cheap to call again and again.
  void ask(const std::string& address, const std::string& application, const std::string& sender);
  // The user has subscribed; `token`: of the Request-URI, may be empty. PS-95
  static Task<void> subscribed(Self self, std::string user, std::string application, std::string token);

  [[nodiscard]] std::size_t open() const noexcept { return open_.size(); }

 private:
  struct Open {
    Invitation invitation;
    bool queued = false;   // its REFER is to be sent, or is out
    bool absent = false;   // waits for a registration
    bool saving = false;   // one write at a time
    bool unsaved = false;  // changed since the write began
  };
  using OpenPtr = std::shared_ptr<Open>;
  class Reports;
  using Answer = std::shared_ptr<Promise<Checked<Invitation>>>;

  // -- on the home shard of the user --
  static Task<Checked<Invitation>> invite_here(Self self, std::string user, InvitationWish wish);
  static Task<Checked<void>> may_invite(Self self, std::string user, std::string application);
  static Task<Checked<Invitation>> cancel_here(Self self, std::string id);
  static Task<void> answer_invite(Self self, std::string user, InvitationWish wish, Answer to);
  static Task<void> answer_cancel(Self self, std::string id, Answer to);
  void subscribed_here(const std::vector<std::string>& identities, const std::string& application, const std::string& token);
  static Task<void> ask_user(Self self, std::string address, std::string application, std::string sender);
  static Task<void> drive(Self self, OpenPtr open);
  static Task<void> send(Self self, OpenPtr open);
  static Task<void> answered(Self self, OpenPtr open, ReferResult result);
  void reported(const std::string& id, const ReferReport& report);
  static Task<void> refuse_for(Self self, OpenPtr open, std::string cause);
  static Task<void> give_up(Self self, OpenPtr open, std::string cause);
  // False: it was final already.
  bool finish(const OpenPtr& open, InvitationStatus status, std::string cause);
  void save(const OpenPtr& open);
  static Task<void> write(Self self, OpenPtr open);

  static Task<void> restore(Self self);
  void purge_later();
  static Task<void> purge(Self self);
  void take_up(Invitation invitation, bool send_now);
  void queue(const OpenPtr& open);
  void pump();
  void arm_timer();
  void take_due();
  void on_registration(RegistrationEvent event, const Registration& registration);

  ServletContext& context_;
  Books books_;
  Relay relay_;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
  std::unordered_map<std::string, OpenPtr> open_;     // by id
  std::unordered_map<std::string, OpenPtr> by_user_;  // user and application
  std::unordered_map<std::string, OpenPtr> by_token_;
  std::unordered_set<std::string> being_made_;            // user and application, while the record is written
  std::set<std::pair<WallTime, std::string>> deadlines_;  // until, id
  std::deque<OpenPtr> waiting_;                           // REFERs to be sent
  std::unordered_map<std::string, WallTime> asked_;       // user and application: no need to look again before; bounded
  std::unordered_map<std::string, WallTime> failed_;      // the same: no automatic invitation before; bounded
  std::size_t in_flight_ = 0;
  RegistrationView::Subscription listening_;
  TimerId timer_;
  WallTime timer_due_{};
  TimerId purge_timer_;
  metrics::Gauge open_gauge_;
};

}  // namespace herald::push
