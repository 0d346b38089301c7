// What is behind the handles of herald/sip_servlet.h. Only the container includes this.
// Thread: one shard. Ownership: the Core owns application sessions, they own their sessions; requests and responses are shared
// between the application's handles and, while a transaction runs, the Core.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dialog/dialog_state.h"
#include "herald/sip_servlet.h"
#include "sip/sip_stack.h"

namespace herald::container {
class Core;
struct HostedServlet;
}  // namespace herald::container

namespace herald::detail {

class SessionState : public std::enable_shared_from_this<SessionState> {
 public:
  SessionState(std::uint64_t id, AppSessionState& owner) : number(id), application(&owner) {}

  std::uint64_t number;
  AppSessionState* application;  // owns this; null once invalid
  dialog::DialogState dialog;    // before there is a dialog it keeps Call-ID, tag and CSeq of our requests
  AttributeMap attributes;
  std::vector<std::shared_ptr<RequestState>> clients;  // running client transactions
  std::uint32_t servers = 0;                           // running server transactions
  bool used = false;                                   // had a transaction: may be released when nothing runs
  bool in_table = false;                               // DialogTable knows it
  bool invite_usage = false;
  std::uint8_t subscriptions = 0;  // event usages, ours and the peer's (RFC 6665, RFC 3515)

  [[nodiscard]] bool valid() const noexcept { return application != nullptr; }
  // SV-17, sip-servlet-api.md 11.
  [[nodiscard]] bool ready() const noexcept {
    return used && clients.empty() && servers == 0 &&
           (dialog.state == dialog::State::initial || dialog.state == dialog::State::terminated);
  }
};

class AppSessionState : public std::enable_shared_from_this<AppSessionState> {
 public:
  AppSessionState(container::Core& container, std::uint64_t id, container::HostedServlet& servlet)
      : core(&container), number(id), hosted(&servlet) {}

  container::Core* core;  // null once invalid
  std::uint64_t number;
  container::HostedServlet* hosted;  // who gets the messages
  std::unique_ptr<std::string> key;  // few have one
  AttributeMap attributes;
  std::vector<std::shared_ptr<SessionState>> sessions;
  struct Timer {
    std::uint32_t number;
    TimerId id;
  };
  std::vector<Timer> timers;
  TimerId expiry;
  std::uint32_t last_timer = 0;
  std::uint32_t hooks = 0;  // running hooks
  bool automatic = true;    // invalidate when ready

  [[nodiscard]] bool valid() const noexcept { return core != nullptr; }
};

class RequestState : public std::enable_shared_from_this<RequestState> {
 public:
  std::weak_ptr<container::Core> core;  // a handle in a suspended hook may outlive the container
  SipMessage message;
  std::weak_ptr<SessionState> session;
  std::weak_ptr<AppSessionState> application;
  TraceId trace = TraceId::from_text("");
  Deadline deadline = Deadline::never();

  // UAS side
  struct Incoming {
    std::unique_ptr<sip::ServerTransaction> transaction;  // null once the final response is out, and for ACK
    sip::PeerAddress peer;
    std::string trigger;
    std::string service;
    std::string merge_key;                              // empty in dialogs
    std::unique_ptr<sip::ClientTransaction> forwarded;  // by proxy_onward
    IscContext isc;
    bool initial = false;
    bool skippable = false;    // DefaultHandling SESSION_CONTINUED: a broken module is passed by
    bool in_progress = false;  // counted in the session and the Core
    bool final_sent = false;
    bool proxied = false;
    bool cancelled = false;
    bool own_dialog = false;  // the dialog it makes is no session's: a subscription of the Notifier
  };
  std::unique_ptr<Incoming> incoming;

  // UAC side
  struct Outgoing {
    std::unique_ptr<sip::ClientTransaction> transaction;
    std::optional<Promise<SipServletResponse>> promise;
    bool sent = false;
    bool cancelled = false;
  };
  std::unique_ptr<Outgoing> outgoing;

  [[nodiscard]] bool committed() const noexcept {
    return incoming ? incoming->final_sent || incoming->proxied : outgoing && outgoing->sent;
  }
};

class ResponseState {
 public:
  SipMessage message;
  std::shared_ptr<RequestState> request;
  ResponseOrigin origin = ResponseOrigin::peer;
  bool committed = false;
};

}  // namespace herald::detail
