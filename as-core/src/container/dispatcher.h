// From a server transaction to whom it concerns. One file per kind: initial, in a dialog, CANCEL; responses come by the
// transactions they answer.
// Thread: one shard.
#pragma once

#include <memory>

#include "container/states.h"

namespace herald::container {

// Checks, trust, then by To tag.
void dispatch(Core& core, std::unique_ptr<sip::ServerTransaction> transaction);
// `request` has its IscContext; application selection and a new session (SPF-40..SPF-46).
void dispatch_initial(Core& core, const std::shared_ptr<detail::RequestState>& request);
// 481 when there is no such dialog.
void dispatch_in_dialog(Core& core, const std::shared_ptr<detail::RequestState>& request);
// ACK to a 2xx.
void dispatch_ack(Core& core, SipMessage ack);
// The stack has answered the CANCEL with 200.
void dispatch_cancel(Core& core, const std::shared_ptr<detail::RequestState>& request);

// Takes the request into the session: it counts as running until it is answered.
void bind_to_session(Core& core, const std::shared_ptr<detail::RequestState>& request, detail::SessionState& session);
void refuse(Core& core, detail::RequestState& request, const struct Refusal& refusal);

}  // namespace herald::container
