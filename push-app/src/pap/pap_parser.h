// A control entity as a checked value. Our own table stands for the DTD: elements, attributes, what is required and which
// words are allowed. PAP-20, pap.md 3. Pure.
#pragma once

#include <string>
#include <string_view>

#include "pap/pap_message.h"

namespace herald::push::pap {

inline constexpr std::size_t kMaxPushId = 256;
inline constexpr std::size_t kMaxAttribute = 2048;

// Why it could not be read: the badmessage-response, in the version to answer in.
struct Unreadable {
  Version version = kNewest;
  BadMessage answer;
};

[[nodiscard]] tl::expected<Document, Unreadable> parse_document(std::string_view xml);

// The first bytes of a message that could not be understood, as text that can stand in an answer.
[[nodiscard]] std::string fragment_of(std::string_view message);
// No byte sequence that is no UTF-8 (RFC 3629), no NUL.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace herald::push::pap
