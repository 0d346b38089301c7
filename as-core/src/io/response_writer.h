// HttpResponse -> bytes. Handlers cannot break the framing: their field names and values are checked here.
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "herald/http.h"

namespace herald::io {

enum class BodyFraming {
  text,         // HttpResponse::body follows
  length,       // `content_length` bytes follow, from elsewhere
  chunked,      // chunks follow
  until_close,  // the end of the connection ends it
};

struct ResponseFraming {
  bool head_only = false;  // HEAD
  int minor = 1;           // version of the request
  bool keep_alive = true;
  std::string_view date{};  // IMF-fixdate; empty: no Date
  BodyFraming body = BodyFraming::text;
  std::uint64_t content_length = 0;
};

[[nodiscard]] std::string write_response(const HttpResponse& response, const ResponseFraming& framing);
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;
// "Sun, 06 Nov 1994 08:49:37 GMT"
[[nodiscard]] std::string imf_fixdate(WallTime when);
// The server's own answer with Retry-After in whole seconds, at least 1.
[[nodiscard]] HttpResponse busy_response(std::string_view detail, Duration retry_after);

}  // namespace herald::io
