// One id from the HTTP submission through Sh and SIP to the report. 32 hex digits, as the trace-id of W3C Trace Context.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace herald {

class TraceId {
 public:
  [[nodiscard]] static TraceId create();
  // The trace-id of a `traceparent` header; nothing if it is malformed.
  [[nodiscard]] static std::optional<TraceId> from_traceparent(std::string_view header);
  [[nodiscard]] static TraceId from_text(std::string_view hex) { return TraceId(std::string(hex)); }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  explicit TraceId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// Random text for tags, branches, tokens and ids: `length` characters of [0-9a-z], from the operating system's generator
// (reseeded per thread; fit for unguessable URLs).
[[nodiscard]] std::string random_token(std::size_t length);

}  // namespace herald
