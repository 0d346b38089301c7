// Sending: responses of our server transactions and requests of our own, with what they do to dialogs and sessions.
// Thread: one shard.
#pragma once

#include <memory>

#include "container/states.h"

namespace herald::container {

// UAS. Error{gone}: no longer to be answered; Error{conflict}: it was proxied; Error{invalid}: no usable status.
Expected<void> respond(Core& core, detail::RequestState& request, SipMessage response);
// Marks the request as answered or proxied to the end: counters, session, release.
void finish_server(Core& core, detail::RequestState& request);

// UAC. The future gets exactly one final response, or Error{gone} when the session ends before.
Future<SipServletResponse> send_request(const std::shared_ptr<detail::RequestState>& request, Deadline deadline);

// A 2xx to an INVITE of ours that no transaction takes: ACK again, or ACK and BYE. RFC 3261 13.2.2.4.
void take_late_success(Core& core, const SipMessage& response);

// A NOTIFY that says Subscription-State: terminated.
[[nodiscard]] inline bool ends_subscription(const SipMessage& notify) {
  return notify.headers.get("Subscription-State").value_or("").starts_with("terminated");
}

// Forwards along the remaining Route; AS-40..AS-42, AS-47.
Expected<void> proxy_onward(Core& core, const std::shared_ptr<detail::RequestState>& request);

}  // namespace herald::container
