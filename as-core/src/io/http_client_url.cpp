#include "io/http_client_url.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

#include "io/http_parser.h"

namespace herald::io {
namespace {

constexpr std::size_t kMaxUrl = 8192;
constexpr std::size_t kMaxHost = 253;

bool is_alnum(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_address(int family, const std::string& text) noexcept {
  in6_addr bytes{};
  return ::inet_pton(family, text.c_str(), &bytes) == 1;
}

// A name, or an IPv4 address in its one plain form: resolvers would also take "127.1" or "0x7f000001" for addresses.
bool read_host(std::string_view text, HttpUrl& url) {
  if (text.size() > kMaxHost) return false;
  url.host = lower(text);
  if (is_address(AF_INET, url.host)) return url.literal = true;
  if (url.host.ends_with('.')) url.host.pop_back();
  const auto last = std::string_view(url.host).substr(url.host.rfind('.') + 1);
  if (last.empty() || is_digit(last.front())) return false;
  char before = '.';
  for (const char c : url.host) {
    if (!is_alnum(c) && c != '-' && c != '_' && c != '.') return false;
    if (c == '.' && before == '.') return false;
    before = c;
  }
  return true;
}

bool read_authority(std::string_view text, HttpUrl& url) {
  auto rest = text;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    url.host = lower(text.substr(1, end - 1));
    url.literal = true;
    if (!is_address(AF_INET6, url.host)) return false;
    rest = text.substr(end + 1);
  } else {
    const auto colon = text.find(':');
    if (!read_host(text.substr(0, colon), url)) return false;
    rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
  }
  if (rest.empty()) return true;
  const auto* last = rest.data() + rest.size();
  const auto [end, error] = std::from_chars(rest.data() + 1, last, url.port);
  return rest.front() == ':' && error == std::errc{} && end == last && url.port != 0;
}

bool read_target(std::string_view text, HttpUrl& url) {
  url.target = text.starts_with('/') ? std::string(text) : "/" + std::string(text);
  return std::all_of(url.target.begin(), url.target.end(), [](char c) {
    return is_alnum(c) || std::string_view("-._~:/?[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
  });
}

}  // namespace

Expected<HttpUrl> HttpUrl::parse(std::string_view text) {
  HttpUrl url;
  const auto wrong = [](const char* why) { return fail(ErrorCode::invalid, std::string("URL: ") + why); };
  if (text.size() > kMaxUrl) return wrong("too long");
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return wrong("no scheme");
  const auto scheme = text.substr(0, colon);
  url.tls = equals_ignoring_case(scheme, "https");
  if (!url.tls && !equals_ignoring_case(scheme, "http")) return wrong("neither http nor https");
  url.port = url.tls ? 443 : 80;
  auto rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));  // a fragment is the reader's own
  const auto path = rest.find_first_of("/?");
  const auto authority = rest.substr(0, path);
  if (authority.find('@') != std::string_view::npos) return wrong("user information is not used");
  if (!read_authority(authority, url)) return wrong("host and port are not valid");
  if (!read_target(path == std::string_view::npos ? std::string_view{} : rest.substr(path), url))
    return wrong("unescaped characters in the path");
  return url;
}

std::string HttpUrl::authority() const {
  auto out = literal && host.find(':') != std::string::npos ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

}  // namespace herald::io
