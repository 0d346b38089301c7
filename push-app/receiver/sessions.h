// MSRP sessions that senders open: INVITE answered, messages into the inbox, the end of it. PR-11, RFC 4975, RFC 3261 13.3, 15.
// Thread: the agent's shard.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "account.h"
#include "inbox.h"
#include "session_offer.h"

namespace herald::receiver {

class Sessions {
 public:
  Sessions(AgentShared& shared, Inbox& inbox) : shared_(shared), inbox_(inbox) {}

  Task<void> invite(SipServletRequest request, Account* account);
  void acknowledged(const SipServletRequest& request);
  // The peer's BYE, or a CANCEL: nothing more comes.
  void ended(const SipServletRequest& request, const char* how);
  // Breaks every connection, as a network does; what the peers think of it is theirs.
  void cut();
  // BYE to all; done when all is answered or the deadline has passed.
  Task<void> end(Deadline deadline);
  void abandon() noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return calls_.size(); }

 private:
  struct Call {
    Account& account;
    SipMessage invite;
    SipSession dialog;
    std::shared_ptr<MsrpSession> msrp;
    std::string id;
    std::string peer;  // who began it
    TimerId guard{};
    std::size_t messages = 0;
    std::vector<std::shared_ptr<Promise<int>>> silent{};  // messages that get no REPORT
  };
  using CallPtr = std::shared_ptr<Call>;

  // Without a sign of life until then it is ended.
  void arm(const CallPtr& call, Duration span);
  void tell(const Call& call, const char* state, std::string_view reason = {}) const;
  // Out of the books; what has been acknowledged to the peer may still be on its way to us, so the session lives a little longer.
  void close(const CallPtr& call);
  void hang_up(const CallPtr& call, const char* state, std::string_view reason);
  static Task<void> connect(Sessions* self, CallPtr call, SessionOffer offer);
  static Task<void> take(Sessions* self, CallPtr call, MsrpMessage message, std::shared_ptr<Promise<int>> promise);
  static Task<void> bye(Sessions* self, CallPtr call, Deadline deadline);

  AgentShared& shared_;
  Inbox& inbox_;
  std::unordered_map<std::string, CallPtr> calls_;      // by SIP session
  std::unordered_map<std::string, CallPtr> lingering_;  // ended ones
  std::uint64_t sdp_sessions_ = 0;
  std::size_t ending_ = 0;
};

}  // namespace herald::receiver
