#include "pap/pap_application.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "text/json_members.h"

namespace herald::push::pap {
namespace {

constexpr std::size_t kMaxId = 64;

struct Registered {
  unsigned code;
  std::string_view name;
};
// OMNA, the codes that were assigned in WAP.
constexpr std::array<Registered, 12> kRegistered{{
    {0x00, "*"},
    {0x01, "push.sia"},
    {0x02, "wml.ua"},
    {0x03, "wta.ua"},
    {0x04, "mms.ua"},
    {0x05, "push.syncml"},
    {0x06, "loc.ua"},
    {0x07, "syncml.dm"},
    {0x08, "drm.ua"},
    {0x09, "emn.ua"},
    {0x0a, "wv.ua"},
    {0x10, "ulp.ua"},
}};

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool starts_with(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char x, char y) { return x == lower(y); });
}

// A feature tag's value holds no colon (RFC 3840 9): another authority's URN is known by its escaped form.
std::optional<std::string> token_of(std::string_view id) {
  std::string out;
  for (const char c : id) out += c == ':' ? std::string("%3A") : c == '/' ? std::string("%2F") : std::string(1, c);
  if (out.empty() || out.size() > kMaxId || !is_application_id(out)) return std::nullopt;
  return out;
}

std::optional<ApplicationId> named(std::string_view authority, std::string_view id) {
  auto token = token_of(id);
  if (!token) return std::nullopt;
  return ApplicationId{std::string(authority) + std::string(id), std::move(*token)};
}

std::optional<ApplicationId> numbered(std::string_view text) {
  const bool hex = starts_with(text, "0x");
  const auto digits = hex ? text.substr(2) : text;
  unsigned code = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  for (const auto& known : kRegistered) {
    if (known.code == code) return named("x-wap-application:", known.name);
  }
  // Nobody here knows its name: the number is one.
  return named("x-wap-application:", std::to_string(code));
}

}  // namespace

std::optional<ApplicationId> read_application(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  // Parameters have no meaning for us.
  text = text.substr(0, text.find(';'));
  if (text.empty()) return named("x-wap-application:", "wml.ua");
  if (starts_with(text, "urn:")) text.remove_prefix(4);
  for (const std::string_view authority : {"x-wap-application:", "x-oma-application:"}) {
    if (starts_with(text, authority)) return named(authority, text.substr(authority.size()));
  }
  // http://host:appid: the host is whoever made the client, the id one of the registered ones.
  if (starts_with(text, "http://")) {
    const auto colon = text.rfind(':');
    if (colon == 4 || colon + 1 == text.size()) return std::nullopt;
    return named("x-wap-application:", text.substr(colon + 1));
  }
  if (text.front() >= '0' && text.front() <= '9') return numbered(text);
  if (text.find(':') != std::string_view::npos) {
    auto token = token_of(text);
    if (!token) return std::nullopt;
    return ApplicationId{std::string(text), std::move(*token)};
  }
  return named("x-wap-application:", text);
}

}  // namespace herald::push::pap
