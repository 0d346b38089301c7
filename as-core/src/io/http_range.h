// Which part of a blob a client gets, and whether it needs any: RFC 9110 13 (conditions) and 14 (ranges).
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/http.h"

namespace herald::io {

// The fields of a GET or HEAD that decide; empty when there is none.
struct HttpConditions {
  std::string if_match;
  std::string if_none_match;
  std::string if_range;
  std::string range;

  static HttpConditions of(const std::vector<HttpField>& headers);
};

struct HttpPart {
  int status = 200;  // 200, 206, 304, 412 or 416
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // of the body that is sent
};

// One range, "bytes=FIRST-LAST", "bytes=FIRST-" or "bytes=-SUFFIX", of a representation of `size` bytes. `ignored`: another unit,
// several ranges or malformed, which RFC 9110 14.2 allows to answer with the whole.
struct HttpRange {
  enum class Kind { ignored, part, unsatisfiable };
  Kind kind = Kind::ignored;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
[[nodiscard]] HttpRange parse_range(std::string_view field, std::uint64_t size);

// `etag`: with its quotes.
[[nodiscard]] HttpPart choose_part(const HttpConditions& conditions, bool head, std::string_view etag, std::uint64_t size);

}  // namespace herald::io
