// A message as the wire gives it, without Sofia's types: for tests and fuzzers, and what the transactions are built on.
// Thread: any.
#pragma once

#include <cstddef>
#include <string_view>

#include "herald/expected.h"
#include "herald/sip_message.h"

namespace herald::sip {

struct ReceivedMessage {
  SipMessage message;
  std::size_t bytes = 0;
};
inline constexpr std::size_t kMaxFields = 256;

// The way of a message through Sofia's parser and ours. Error{invalid}, or Error{too_large}: over kMaxFields.
Expected<ReceivedMessage> parse_wire(std::string_view text);

}  // namespace herald::sip
