#include "hss/uri.h"

#include <algorithm>
#include <cctype>

namespace herald::lab {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

std::string canonical_identity(std::string_view uri) {
  const auto colon = uri.find(':');
  if (colon == std::string_view::npos) return std::string(uri);
  const auto scheme = lower(uri.substr(0, colon));
  auto rest = uri.substr(colon + 1);
  if (scheme == "tel") {
    std::string number;
    for (const char c : rest.substr(0, rest.find(';'))) {
      if (std::string_view("-.() ").find(c) == std::string_view::npos) number += c;
    }
    return "tel:" + number;
  }
  const auto at = rest.find('@');
  auto host = at == std::string_view::npos ? rest : rest.substr(at + 1);
  host = host.substr(0, host.find_first_of(":;?"));
  const auto user = at == std::string_view::npos ? std::string() : std::string(rest.substr(0, at)) + "@";
  return scheme + ":" + user + lower(host);
}

std::string msisdn_digits(std::string_view tbcd) {
  std::string digits;
  for (const char c : tbcd) {
    const auto octet = static_cast<unsigned char>(c);
    for (const int nibble : {octet & 0x0F, octet >> 4}) {
      if (nibble > 9) return digits;
      digits += static_cast<char>('0' + nibble);
    }
  }
  return digits;
}

}  // namespace herald::lab
