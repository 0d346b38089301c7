// A SIP message as a plain value: start line, header fields in order, body. RFC 3261 7.
// Thread: value type; free to cross threads.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "herald/expected.h"
#include "herald/sip_uri.h"

namespace herald {

struct SipHeaderField {
  std::string name;   // full form as written: "Call-ID"; compact forms are expanded when parsed
  std::string value;  // unfolded, trimmed
};

// Names compare case-insensitively and compact forms equal full ones.
class SipHeaders {
 public:
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;  // first field of that name
  [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;
  // All fields of that name, split at top-level commas.
  [[nodiscard]] std::vector<std::string_view> list(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const noexcept { return get(name).has_value(); }
  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
  void add_first(std::string name, std::string value);  // before every field of that name (Route, Via, Record-Route)
  void set(std::string_view name, std::string value);   // replaces all fields of that name by one
  std::size_t remove(std::string_view name);
  [[nodiscard]] const std::vector<SipHeaderField>& fields() const noexcept { return fields_; }

 private:
  std::vector<SipHeaderField> fields_;
};

// "i" -> "Call-ID" etc.; other names unchanged.
[[nodiscard]] std::string_view expand_compact_name(std::string_view name) noexcept;
[[nodiscard]] bool same_header_name(std::string_view a, std::string_view b) noexcept;

struct SipRequestLine {
  std::string method;
  std::string uri;
};
struct SipStatusLine {
  int status = 0;
  std::string reason;
};

struct SipMessage {
  std::variant<SipRequestLine, SipStatusLine> start;
  SipHeaders headers;
  std::string body;

  // For messages inside other messages (message/sip, message/sipfrag) and for tests; the wire itself is parsed by sip/.
  // Limits: 64 KiB of header, 256 fields.
  static Expected<SipMessage> parse(std::string_view text);
  // Content-Length is computed.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool is_request() const noexcept { return start.index() == 0; }
  [[nodiscard]] const std::string& method() const { return std::get<0>(start).method; }
  [[nodiscard]] const std::string& uri() const { return std::get<0>(start).uri; }
  [[nodiscard]] int status() const { return std::get<1>(start).status; }
  [[nodiscard]] const std::string& reason() const { return std::get<1>(start).reason; }
};

// The standard phrase of a status code; "Unknown" for others.
[[nodiscard]] std::string_view sip_reason_phrase(int status) noexcept;

// type/subtype;params
struct MediaType {
  std::string type;  // lower case "text/plain"
  SipParams params;  // values without quotes are as written; quoted ones keep their quotes
  static Expected<MediaType> parse(std::string_view text);
};

struct MimePart {
  SipHeaders headers;
  std::string body;
};
// RFC 2046 5.1. Limits: 32 parts, boundary of at most 70 characters. Ours, because Debian's Sofia crashes on bad multipart.
Expected<std::vector<MimePart>> parse_multipart(std::string_view content_type, std::string_view body);

}  // namespace herald
