// RFC 4648 4, strict: padding required, no line breaks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace herald::push {

[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);
[[nodiscard]] std::string encode_base64(std::string_view bytes);

}  // namespace herald::push
