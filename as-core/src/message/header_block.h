// Header fields up to the empty line: of a SIP message and of a MIME part. Private to message/.
#pragma once

#include <string_view>

#include "herald/sip_message.h"

namespace herald {

inline constexpr std::size_t kMaxHeaderBytes = 64 * 1024;
inline constexpr std::size_t kMaxHeaderFields = 256;

struct HeaderBlock {
  SipHeaders headers;
  bool ended = false;  // by an empty line; false when the text just stops
};

// Takes the first line off `text`, without its CRLF (a lone LF is taken too).
[[nodiscard]] std::string_view take_line(std::string_view& text) noexcept;

// Takes the fields and the empty line off `text`. Folded lines are joined by one space, compact names are expanded.
Expected<HeaderBlock> take_header_block(std::string_view& text);

}  // namespace herald
