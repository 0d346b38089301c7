// Request targets: percent-decoding and query strings. Strict: what does not decode is an error, never guessed.
// Thread: pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "herald/expected.h"

namespace herald::io {

// Bad escapes, %00 and anything that is not UTF-8 afterwards are `invalid`. `plus_is_space`: as in query strings.
[[nodiscard]] Expected<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

struct Target {
  std::vector<std::string> segments;  // decoded one by one: "%2F" inside a segment is not a separator
  std::string path;                   // the segments joined by '/', with a leading '/'
  std::map<std::string, std::string> query;
  bool asterisk = false;  // OPTIONS *
};

// origin-form, absolute-form (http and https) or "*" of RFC 9112 3.2. "." and ".." segments are refused: a client that means
// well has resolved them.
[[nodiscard]] Expected<Target> parse_target(std::string_view target, std::size_t max_parameters);

}  // namespace herald::io
