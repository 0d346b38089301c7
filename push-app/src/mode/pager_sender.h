// Pager mode: one attempt as one out-of-dialog MESSAGE (PS-10); and what any answer to a push means.
// Thread: one shard.
#pragma once

#include "delivery/status_table.h"
#include "herald/servlet_context.h"
#include "mode/message_builder.h"

namespace herald::push {

// The request as it will go out, with all but the Via. Error{invalid} when a header is refused.
[[nodiscard]] Expected<SipServletRequest> make_pager_request(SipFactory& factory, const PushMessage& message,
                                                             const std::string& trace, std::string_view method = "MESSAGE");

// PS-20: start line, header, body, and what the stack adds.
[[nodiscard]] std::size_t size_on_wire(const SipServletRequest& request);

[[nodiscard]] Outcome outcome_of(const SipServletResponse& response);
[[nodiscard]] Outcome outcome_of(const NotifyOutcome& outcome);
// When send() itself yields an Error: nothing left this node.
[[nodiscard]] Outcome outcome_of(const Error& error);

}  // namespace herald::push
