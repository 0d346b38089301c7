#include "pap/pap_address.h"

#include <algorithm>

namespace herald::push::pap {
namespace {

constexpr std::string_view kPrefix = "WAPPUSH=";
constexpr std::string_view kType = "/TYPE=";
constexpr std::size_t kMaxUser = 256;
constexpr std::size_t kMaxDigits = 20;

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

tl::unexpected<Problem> bad(std::string why) { return refuse(400, 2002, "address: " + std::move(why)); }

int hex(char c) noexcept {
  const char l = lower(c);
  return is_digit(l) ? l - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// Once only: what is still escaped after it was escaped twice. PAP-53
std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex(text[i + 1]);
    const int low = hex(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// +358401234567, with the visual separators of RFC 3966 or blanks left out.
Checked<std::string> phone_uri(std::string_view user, const AddressRules& rules) {
  std::string number;
  for (const char c : user) {
    if (is_digit(c) || (c == '+' && number.empty())) {
      number += c;
    } else if (std::string_view("-.()").find(c) == std::string_view::npos) {
      return bad("not a telephone number");
    }
  }
  const auto digits = number.size() - (number.starts_with('+') ? 1 : 0);
  if (digits == 0 || digits > kMaxDigits) return bad("not a telephone number");
  if (!rules.phone_domain.empty()) return "sip:" + number + "@" + rules.phone_domain + ";user=phone";
  if (number.starts_with('+')) return "tel:" + number;
  return "tel:" + number + ";phone-context=" + rules.home_domain;  // RFC 3966 5.1.5
}

std::string user_uri(std::string identity, const AddressRules& rules) {
  const auto scheme = identity.substr(0, identity.find(':'));
  if (same(scheme, "sip") || same(scheme, "sips") || same(scheme, "tel")) return identity;
  if (identity.find('@') == std::string::npos) identity += "@" + rules.home_domain;
  return "sip:" + identity;
}

bool is_ours(std::string_view name, const AddressRules& rules) {
  name = name.substr(0, name.find(':'));
  return std::any_of(rules.names.begin(), rules.names.end(), [&](const auto& own) { return same(own, name); });
}

// client-specifier "/TYPE=" type ["@" ppg-specifier]
Checked<std::string> uri_of(std::string_view value, const AddressRules& rules) {
  value.remove_prefix(kPrefix.size());
  const auto at = value.find(kType);
  if (at == std::string_view::npos) return bad("no /TYPE=");
  const auto client = value.substr(0, at);
  auto type = value.substr(at + kType.size());
  if (const auto specifier = type.find('@'); specifier != std::string_view::npos) {
    if (!is_ours(type.substr(specifier + 1), rules)) return bad("that gateway is not this one");  // PAP-51
    type = type.substr(0, specifier);
  }
  if (client.size() > 3 * kMaxUser) return bad("too long");
  auto user = unescape(client);
  if (!user) return bad("not escaped as it must be");
  if (user->empty() || user->size() > kMaxUser) return bad("the user must have 1 to 256 characters");
  if (type == "PLMN") return phone_uri(*user, rules);
  if (type == "USER") return user_uri(std::move(*user), rules);
  return bad("TYPE=" + std::string(type.substr(0, 32)) + " cannot be reached by SIP push; PLMN and USER can");
}

}  // namespace

Checked<Recipient> read_address(std::string_view value, const AddressRules& rules) {
  std::string uri(value);
  if (value.starts_with(kPrefix)) {
    auto made = uri_of(value, rules);
    if (!made) return tl::unexpected(made.error());
    uri = std::move(*made);
  }
  auto recipient = parse_address(uri, "address", rules.max_bytes);  // PAP-52, PAP-53
  if (recipient && recipient->address != value) recipient->given = std::string(value);
  return recipient;
}

}  // namespace herald::push::pap
