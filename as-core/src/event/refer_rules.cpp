#include "event/refer_rules.h"

#include <algorithm>

namespace herald::event {
namespace {

bool same_token(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool says_refer_sub_false(const SipMessage& response) {
  const auto value = response.headers.get("Refer-Sub").value_or("");
  const auto word = value.substr(0, value.find_first_of("; \t"));
  return same_token(word, "false");
}

}  // namespace

std::vector<SipHeaderField> variant_headers(ReferVariant variant) {
  std::vector<SipHeaderField> headers;
  switch (variant) {
    case ReferVariant::nosub:
      headers.push_back({"Require", "nosub"});
      break;
    case ReferVariant::norefersub:
      headers.push_back({"Supported", "norefersub"});
      headers.push_back({"Refer-Sub", "false"});
      break;
    case ReferVariant::explicitsub:
      headers.push_back({"Require", "explicitsub"});
      break;
    case ReferVariant::implicit:
      break;
  }
  return headers;
}

bool variant_unsupported(ReferVariant variant, const SipMessage& response) {
  if (response.status() != 420) return false;
  std::string_view required;
  if (variant == ReferVariant::nosub) required = "nosub";
  if (variant == ReferVariant::explicitsub) required = "explicitsub";
  if (required.empty()) return false;
  const auto unsupported = response.headers.list("Unsupported");
  // Some refuse without saying what: it can only be the option that this REFER alone asks for.
  return unsupported.empty() ||
         std::any_of(unsupported.begin(), unsupported.end(), [&](auto option) { return same_token(option, required); });
}

ReferAccepted read_accepted(ReferVariant variant, const SipMessage& response) {
  ReferAccepted result;
  switch (variant) {
    case ReferVariant::nosub:
      return result;
    case ReferVariant::norefersub:
    case ReferVariant::implicit:
      // RFC 4488 4: without it in the 2xx there is a subscription.
      result.reports = says_refer_sub_false(response) ? ReferReports::none : ReferReports::implicit;
      return result;
    case ReferVariant::explicitsub:
      break;
  }
  const auto value = response.headers.get("Refer-Events-At").value_or("");
  if (const auto address = NameAddr::parse(value); address && SipUri::parse(address->uri)) {
    result.reports = ReferReports::explicit_;
    result.events_at = address->uri;
  }
  return result;
}

std::optional<int> fragment_status(std::string_view body) noexcept {
  while (!body.empty() && (body.front() == '\r' || body.front() == '\n')) body.remove_prefix(1);
  constexpr std::string_view kVersion = "SIP/2.0 ";
  if (body.size() < kVersion.size() + 3 || !same_token(body.substr(0, kVersion.size()), kVersion)) return std::nullopt;
  const auto digits = body.substr(kVersion.size(), 3);
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  if (body.size() > kVersion.size() + 3 && std::string_view(" \r\n").find(body[kVersion.size() + 3]) == std::string_view::npos) {
    return std::nullopt;
  }
  const int status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  return status >= 100 && status < 700 ? std::optional(status) : std::nullopt;
}

bool is_fragment(const SipMessage& notify) {
  const auto text = notify.headers.get("Content-Type");
  if (!text) return notify.body.empty();
  const auto type = MediaType::parse(*text);
  return type && type->type == "message/sipfrag";
}

}  // namespace herald::event
