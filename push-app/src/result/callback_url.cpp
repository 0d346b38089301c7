#include "result/callback_url.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <charconv>

namespace herald::push {
namespace {

constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxHost = 253;

Unexpected bad(std::string_view what) { return fail(ErrorCode::invalid, std::string(what)); }

bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return c < 0x80 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c); });
  return out;
}

// RFC 3986: what may stand in path and query.
bool is_url_character(char c) {
  return is_alnum(c) || std::string_view("-._~!$&'()*+,;=:@/?%").find(c) != std::string_view::npos;
}

// "%2e", "%2F" and the like hide what a prefix must see.
bool hides_structure(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') continue;
    if (i + 2 >= path.size() || !is_hex(path[i + 1]) || !is_hex(path[i + 2])) return true;
    const auto code = lower(path.substr(i + 1, 2));
    constexpr std::array<std::string_view, 5> kHidden{"2e", "2f", "5c", "25", "00"};
    if (std::find(kHidden.begin(), kHidden.end(), code) != kHidden.end()) return true;
  }
  return false;
}

bool has_dot_segment(std::string_view path) {
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto segment = path.substr(begin, end - begin);
    if (segment == "." || segment == "..") return true;
    begin = end + 1;
  }
  return false;
}

// A name whose last label is a number would be taken for an address by some resolvers: only the plain form of one is let through.
bool is_clean_host(const std::string& host) {
  if (host.empty() || host.size() > kMaxHost) return false;
  if (host.front() == '[') {
    if (host.back() != ']') return false;
    in6_addr address{};
    return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) == 1;
  }
  std::string_view rest = host;
  std::string_view last;
  while (true) {
    const auto dot = std::min(rest.find('.'), rest.size());
    last = rest.substr(0, dot);
    if (last.empty() || last.size() > 63 || last.front() == '-' || last.back() == '-') return false;
    if (!std::all_of(last.begin(), last.end(), [](char c) { return is_alnum(c) || c == '-' || c == '_'; })) return false;
    if (dot == rest.size()) break;
    rest.remove_prefix(dot + 1);
  }
  const bool number = is_digit(last.front()) && (std::all_of(last.begin(), last.end(), is_digit) || last.starts_with("0x"));
  if (!number) return true;
  in_addr address{};
  std::array<char, INET_ADDRSTRLEN> plain{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 && inet_ntop(AF_INET, &address, plain.data(), plain.size()) != nullptr &&
         host == plain.data();
}

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

}  // namespace

Expected<CallbackUrl> CallbackUrl::parse(std::string_view text) {
  if (text.size() > kMaxUrl) return bad("longer than 2048 characters");
  CallbackUrl url;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return bad("no absolute URL");
  url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return bad("only http and https");
  text.remove_prefix(colon + 3);
  const auto end = std::min(text.find_first_of("/?#\\"), text.size());
  auto authority = text.substr(0, end);
  const auto path = text.substr(end);
  if (authority.find('@') != std::string_view::npos) return bad("a URL with user information");
  url.port = default_port(url.scheme);
  const auto bracket = authority.find(']');
  const auto port_at = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (port_at != std::string_view::npos) {
    const auto digits = authority.substr(port_at + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (digits.empty() || read.ec != std::errc() || read.ptr != digits.data() + digits.size() || url.port == 0) {
      return bad("no valid port");
    }
    authority = authority.substr(0, port_at);
  }
  url.host = lower(authority);
  if (!is_clean_host(url.host)) return bad("no valid host");
  if (!std::all_of(path.begin(), path.end(), is_url_character)) return bad("a character that has no place in a URL");
  const auto query = std::min(path.find('?'), path.size());
  if (hides_structure(path.substr(0, query)) || has_dot_segment(path.substr(0, query))) {
    return bad("a path with dot segments or hidden separators");
  }
  url.path = path.empty() || path.front() == '?' ? "/" + std::string(path) : std::string(path);
  return url;
}

std::string CallbackUrl::origin() const { return scheme + "://" + host + ":" + std::to_string(port); }

std::string CallbackUrl::text() const {
  auto out = scheme + "://" + host;
  if (port != default_port(scheme)) out += ":" + std::to_string(port);
  return out + path;
}

Expected<CallbackPattern> CallbackPattern::parse(std::string_view text) {
  CallbackPattern pattern;
  std::string plain(text);
  if (const auto star = plain.find("://*."); star != std::string::npos) {
    pattern.below = true;
    plain.erase(star + 3, 2);
  }
  if (!plain.empty() && plain.back() == '*') {
    plain.pop_back();
    pattern.open = true;
  }
  if (plain.find('*') != std::string::npos) return bad("'*' may stand before the host's first dot and at the end only");
  auto url = CallbackUrl::parse(plain);
  if (!url) return fail(url.error());
  // "https://news.example*" would be any host that begins so.
  if (pattern.open && plain.find('/', plain.find("://") + 3) == std::string::npos) return bad("'*' only after a '/'");
  if (url->path.find('?') != std::string::npos) return bad("a pattern has no query");
  pattern.url = std::move(*url);
  return pattern;
}

bool CallbackPattern::matches(const CallbackUrl& candidate) const {
  if (candidate.scheme != url.scheme || candidate.port != url.port) return false;
  if (below) {
    const auto tail = "." + url.host;
    if (!candidate.host.ends_with(tail) || candidate.host.size() == tail.size()) return false;
  } else if (candidate.host != url.host) {
    return false;
  }
  if (!candidate.path.starts_with(url.path)) return false;
  if (open || url.path.back() == '/' || candidate.path.size() == url.path.size()) return true;
  const char next = candidate.path[url.path.size()];
  return next == '/' || next == '?';
}

Checked<CallbackPermit> permit_operator(std::string_view url) {
  auto parsed = CallbackUrl::parse(url);
  if (!parsed) return refuse(400, 2000, "callback: " + parsed.error().text);
  return CallbackPermit{std::move(*parsed), false};
}

Checked<CallbackPermit> permit_callback(const Initiator& initiator, std::string_view url) {
  auto parsed = CallbackUrl::parse(url);
  if (!parsed) return refuse(400, 2000, "callback: " + parsed.error().text);
  bool allowed = false;
  bool named = false;
  for (const auto& text : initiator.callbacks) {
    const auto pattern = CallbackPattern::parse(text);
    if (!pattern || !pattern->matches(*parsed)) continue;
    allowed = true;
    named = named || !pattern->below;
  }
  if (!allowed) return refuse(403, 2001, "callback: the account may not be called there");
  CallbackPermit permit;
  permit.url = std::move(*parsed);
  permit.public_only = !named && !initiator.callbacks_private;
  return permit;
}

}  // namespace herald::push
