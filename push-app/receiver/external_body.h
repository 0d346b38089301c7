// message/external-body: content that a push only refers to. RFC 4483, PR-12, PS-30..PS-34. Pure functions.
// Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent_options.h"
#include "herald/clock.h"
#include "herald/sip_message.h"

namespace herald::receiver {

struct ExternalBody {
  std::string url;
  std::optional<std::uint64_t> size;
  std::string hash;  // SHA-1, hexadecimal in lower case; empty: none
  std::optional<WallTime> expiration;
  std::string type;  // of the content; empty: the server says
  std::string id;    // Content-ID without brackets

  // From the Content-Type and the body, which holds the content's own header. Error{unsupported}: another access-type than URL.
  static Expected<ExternalBody> parse(std::string_view content_type, std::string_view body);
  friend bool operator==(const ExternalBody&, const ExternalBody&) = default;
};

// Before anything is fetched: 0, or the status that refuses it, with the reason in `why`.
int refuse_reference(const ExternalBody& reference, const ContentRules& rules, WallTime now, std::string& why);
// After it was: what is wrong with it, or nothing.
[[nodiscard]] std::string wrong_content(const ExternalBody& reference, std::string_view bytes);
[[nodiscard]] std::string wrong_content(const ExternalBody& reference, std::uint64_t size, const std::string& sha1);

}  // namespace herald::receiver
