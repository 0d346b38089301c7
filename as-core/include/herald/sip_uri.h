// SIP and tel URIs and name-addr as values. RFC 3261 19.1, 25.1; RFC 3966.
// Thread: value types. Errors: parse() returns Error{invalid}; nothing throws on input.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "herald/expected.h"

namespace herald {

// ;name=value in order of appearance; a missing value differs from an empty one. Names compare case-insensitively.
class SipParams {
 public:
  struct Param {
    std::string name;
    std::optional<std::string> value;
  };
  // Text begins at the first ';' or is empty. Quoted strings are kept with their quotes.
  static Expected<SipParams> parse(std::string_view text);

  [[nodiscard]] bool has(std::string_view name) const noexcept;
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;  // "" when present without value
  void set(std::string_view name, std::optional<std::string> value = std::nullopt);
  bool remove(std::string_view name);
  [[nodiscard]] bool empty() const noexcept { return params_.empty(); }
  [[nodiscard]] const std::vector<Param>& all() const noexcept { return params_; }
  [[nodiscard]] std::string text() const;  // ";a=b;c"

 private:
  std::vector<Param> params_;
};

struct SipUri {
  std::string scheme;  // lower case: sip, sips, tel; any other scheme keeps its rest in `user`
  std::string user;    // as written, still escaped; the number for tel
  std::string password;
  std::string host;  // as written; IPv6 with brackets
  std::optional<std::uint16_t> port;
  SipParams params;
  std::string headers;  // after '?', still escaped

  static Expected<SipUri> parse(std::string_view text);
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool is_sip() const noexcept { return scheme == "sip" || scheme == "sips"; }
  [[nodiscard]] bool is_tel() const noexcept { return scheme == "tel"; }
  // RFC 3261 19.1.4 (sip, sips) and RFC 3966 5 (tel).
  [[nodiscard]] bool equals(const SipUri& other) const;
  // The key under which a user is known: scheme:user@host, host in lower case, no password, port 5060, parameters or headers;
  // tel without visual separators. PA-5, SH-51.
  [[nodiscard]] std::string canonical() const;
};

// canonical() of a URI text; the text itself if it does not parse.
[[nodiscard]] std::string canonical_identity(std::string_view uri);

// From, To, Contact, Route, P-Asserted-Identity …: "display" <uri>;params
struct NameAddr {
  std::string display;  // without quotes
  std::string uri;      // text between <>; parse with SipUri when needed, kept byte for byte otherwise
  SipParams params;     // header parameters
  std::string raw;      // as received; empty for one we made

  static Expected<NameAddr> parse(std::string_view text);
  // A comma-separated header value; commas in quotes and <> do not separate.
  static Expected<std::vector<NameAddr>> parse_list(std::string_view text);
  [[nodiscard]] std::string text() const;
};

// Splits a header value at top-level commas (not inside quotes or <>); parts are trimmed.
// Empty parts are left out.
[[nodiscard]] std::vector<std::string_view> split_header_list(std::string_view value);

// The URIs of a P-Associated-URI value, also when it is malformed as some S-CSCFs send it:
// `<sip:alice@ims.lab, tel:+15551000001>`. What is no SIP or tel URI is left out. AS-17
[[nodiscard]] std::vector<std::string> parse_associated_uris(std::string_view value);

}  // namespace herald
