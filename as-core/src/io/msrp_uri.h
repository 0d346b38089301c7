// MSRP URIs (RFC 4975 6).
// Thread: value type, pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace herald::io {

struct MsrpUri {
  bool secure = false;
  std::string host;  // lower case, without brackets
  std::uint16_t port = 2855;
  std::string session;
  std::string transport;  // lower case: "tcp"

  static std::optional<MsrpUri> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend bool operator==(const MsrpUri&, const MsrpUri&) = default;  // RFC 4975 6.1
};

// The first and the last of a path: URIs separated by spaces. Empty when there is none.
[[nodiscard]] std::string_view first_of_path(std::string_view path) noexcept;
[[nodiscard]] std::string_view last_of_path(std::string_view path) noexcept;
// Do the two paths lead to the same element? Their last URIs are compared.
[[nodiscard]] bool same_end(std::string_view one_path, std::string_view other_path);

}  // namespace herald::io
