// Content-Encoding: gzip (RFC 1952) of bodies. PS-18. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace herald::push {

inline constexpr std::string_view kGzip = "gzip";

// The bytes compressed, when that is worth it: nothing if they do not become smaller by more than the header field costs.
[[nodiscard]] std::optional<std::string> gzip_if_smaller(std::string_view bytes);

}  // namespace herald::push
