// Session mode: one push in a session of its own. INVITE with an offer of MSRP, ACK, the content, BYE. PS-40..PS-48, RFC 4975.
//
//   open -> invitation -> invite() -> transfer()
//              \-> the initiator cancels: recall()    the peer hangs up: take_bye()    the node stops: stop()
//
// Thread: one shard. Held by shared_ptr: by the delivery that runs in it. Every way out ends the dialog and the MSRP session.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery/status_table.h"
#include "herald/msrp.h"
#include "herald/servlet_context.h"
#include "mode/message_builder.h"
#include "push_config.h"

namespace herald::push {

// What shall go through the session.
struct SessionCargo {
  std::string type;
  std::vector<SipHeaderField> headers;
  std::string bytes;
  std::optional<BlobInfo> blob{};
  bool success_report = false;  // PS-46
  std::string message_id;
  [[nodiscard]] std::uint64_t size() const noexcept { return blob ? blob->size : bytes.size(); }
};

// The answer to our offer allows `type` itself, or inside message/cpim. PS-42.
struct SessionTerms {
  bool plain = false;
  bool wrapped = false;
  std::optional<std::uint64_t> max_size;
};
[[nodiscard]] SessionTerms terms_of(const MsrpDescription& answer, std::string_view type);
// PS-40, PS-41: what we offer for content of this type.
[[nodiscard]] MsrpDescription offer_of(const MsrpDescription& local, std::string_view type, bool report);
// PS-41: who connects.
[[nodiscard]] MsrpSetup our_role(const MsrpDescription& answer) noexcept;

class PushSession : public std::enable_shared_from_this<PushSession> {
 public:
  using Self = std::shared_ptr<PushSession>;
  PushSession(ServletContext& context, std::shared_ptr<MsrpSession> msrp, MsrpConfig config);

  // The SDP of the INVITE.
  [[nodiscard]] std::string offer(std::string_view type, bool report);

  // Ends with the terms of an accepted session, acknowledged, or with what came of it instead.
  struct Answer {
    std::optional<SessionTerms> terms;
    Outcome outcome;
  };
  static Task<Answer> invite(Self self, SipServletRequest request, std::string type);
  // Instead of transfer(): the terms do not allow it.
  [[nodiscard]] Outcome decline(const SessionTerms& terms, bool too_large);
  static Task<Outcome> transfer(Self self, SessionCargo cargo);

  void recall();
  void stop() noexcept;
  // In-dialog BYE of the peer, whichever session it belongs to.
  static void take_bye(const SipServletRequest& bye);

 private:
  void arm(Duration span, void (PushSession::*overdue)());
  void disarm() noexcept;
  void answer_overdue();
  void cancel_overdue();
  void start_overdue();
  void abort_overdue();
  void left(bool overloaded);
  void acknowledge(SipServletResponse& response);
  void hang_up();
  void hang_up_after(Duration span);
  [[nodiscard]] SessionOutcome ended(SessionOutcome::End otherwise, std::string comment) const;
  [[nodiscard]] SessionOutcome outcome_of_sending(const Expected<MsrpSent>& sent, std::uint64_t size) const;

  ServletContext& context_;
  std::shared_ptr<MsrpSession> msrp_;
  MsrpConfig config_;
  std::optional<SipServletRequest> invite_;
  SipSession dialog_{std::weak_ptr<detail::SessionState>()};
  MsrpDescription peer_;
  TimerId timer_;
  bool answered_ = false;  // the INVITE has its final response
  bool overdue_ = false;
  bool recalled_ = false;
  bool left_ = false;        // the peer's BYE came
  bool overloaded_ = false;  // and said 503
  bool over_ = false;        // BYE sent, or nothing to end
  bool stopped_ = false;
};

}  // namespace herald::push
