// Which headers an application may write. sip-servlet-api.md 4.
// Thread: pure functions.
#pragma once

#include <string_view>

#include "herald/sip_message.h"

namespace herald::container {

// Error{invalid}: a system header, a name that is no token, or a value with line breaks. `method` is the request's.
Expected<void> check_header_write(const SipMessage& message, std::string_view method, std::string_view name,
                                  std::string_view value);

// The value of From or To with the tag that the message has already; Error{invalid} when `value` has another.
Expected<std::string> keep_tag(const SipMessage& message, std::string_view name, std::string_view value);

}  // namespace herald::container
