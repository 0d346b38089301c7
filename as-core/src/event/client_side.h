// What requests of our own outside any session need: the stack, names, and a Contact that brings NOTIFYs back here.
// Thread: one shard. Lifetime: executor and stack outlive it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dialog/dialog_state.h"
#include "herald/executor.h"
#include "sip/sip_stack.h"

namespace herald::event {

struct ClientSide {
  Executor& executor;
  sip::SipStack& stack;
  std::string call_id_host;
  Duration timer_n = std::chrono::seconds(32);  // 64 * T1, RFC 6665 4.1.2.4
  std::size_t max = 1000000;                    // usages at once; beyond: Error{busy}
  std::function<double()> random;               // 0..1; empty: of the machine

  [[nodiscard]] double jitter() const;
  // The half of a dialog that we know before the peer's first word. Error{invalid}: addresses that are none.
  [[nodiscard]] Expected<dialog::DialogState> open(const std::string& from, const std::string& to, const std::string& uri,
                                                   const std::vector<std::string>& routes) const;
  // Destroys it after this turn: the stack may be in its callback.
  void destroy_later(std::unique_ptr<sip::ClientTransaction> transaction) const;
};

// How an incoming NOTIFY is to be answered.
struct NotifyAnswer {
  int status = 200;
  std::vector<SipHeaderField> headers{};
};

// Call-ID and our tag: what all dialogs of one forked request have in common.
[[nodiscard]] std::string usage_key(std::string_view call_id, std::string_view local_tag);
[[nodiscard]] std::string usage_key(const SipMessage& notify);

// The NOTIFY that makes the dialog (RFC 6665 4.4.1): remote tag, target and route set.
void adopt_notify(dialog::DialogState& dialog, const SipMessage& notify);
// The peer's Contact is the new remote target.
void refresh_target(dialog::DialogState& dialog, const SipMessage& message);

}  // namespace herald::event
