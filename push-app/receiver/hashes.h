// Digests as hexadecimal text in lower case. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace herald::receiver {

[[nodiscard]] std::string sha1_hex(std::string_view bytes);
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace herald::receiver
