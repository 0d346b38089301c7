// A message of ours as text, in two parts: what Sofia's transactions have to read, and the fields that only travel. Parsing the
// latter once more was a good part of what sending cost.
// Thread: any.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "herald/expected.h"
#include "herald/sip_message.h"

namespace herald::sip {

struct OutgoingText {
  std::string read;    // start line, the fields of transaction_class(), an empty line, the body
  std::string others;  // whole fields without the last line's end; may be empty

  [[nodiscard]] std::size_t size() const noexcept { return read.size() + (others.empty() ? 0 : others.size() + 2); }
  // Before all others; with its line's end.
  void add_first_line(std::string_view line) { read.insert(read.find("\r\n") + 2, line); }
};

// Fields of one name keep their order. Content-Length is computed. Error{invalid}: a name that is no token, or too many fields.
Expected<OutgoingText> outgoing_text(const SipMessage& message);

}  // namespace herald::sip
