// SipMessage <-> msg_t. What Sofia parses is only what its transactions need; everything else travels as text, byte for byte,
// so that neither a malformed optional header nor a fault in one of Sofia's header parsers can touch us.
// Thread: any, but one message on one thread.
#pragma once

#include <memory>
#include <sofia-sip/msg.h>
#include <sofia-sip/sip.h>
#include <string>
#include <string_view>

#include "herald/expected.h"
#include "herald/sip_message.h"
#include "sip/outgoing_text.h"
#include "sip/wire.h"

namespace herald::sip {

struct MsgDeleter {
  void operator()(msg_t* msg) const noexcept { msg_destroy(msg); }
};
using SofiaMessage = std::unique_ptr<msg_t, MsgDeleter>;

// Via, Route, Record-Route, From, To, Call-ID, CSeq, Max-Forwards, Content-Length and Timestamp; all else is unknown to it.
[[nodiscard]] const msg_mclass_t* transaction_class();

// Parses once. Error{invalid} when Sofia would not send it.
Expected<SofiaMessage> to_sofia(std::string_view text);
Expected<SofiaMessage> to_sofia(const OutgoingText& text);

// Fields in the order of the wire, values as received (unfolded); Via as Sofia keeps it, with received and rport filled in.
// Error{invalid}: no start line; Error{too_large}: over kMaxFields.
Expected<ReceivedMessage> from_sofia(const msg_t* msg, const sip_t* sip);

}  // namespace herald::sip
