#include "herald/sip_uri.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

#include "message/chars.h"

namespace herald {
namespace {

constexpr std::size_t kMaxUri = 8192;
constexpr std::size_t kMaxHost = 255;

bool valid_escapes(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    if (i + 2 >= text.size() || chars::hex_value(text[i + 1]) < 0 || chars::hex_value(text[i + 2]) < 0) return false;
    i += 2;
  }
  return true;
}

bool valid_userinfo(std::string_view text, chars::Class allowed) noexcept {
  for (const char c : text) {
    if (c != '%' && !chars::is(c, allowed)) return false;
  }
  return valid_escapes(text);
}

bool valid_host(std::string_view host) {
  if (host.empty() || host.size() > kMaxHost) return false;
  if (host.front() == '[') {
    if (host.back() != ']') return false;
    in6_addr address{};
    return inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &address) == 1;
  }
  return chars::all(host, chars::kHost) && host.front() != '.' && host.find("..") == std::string_view::npos;
}

Unexpected bad(const char* why) { return fail(ErrorCode::invalid, std::string("URI: ") + why); }

// A parameter may appear only once in a URI (RFC 3261 19.1.1, RFC 3966 3): two readers must not see two different transports.
Expected<SipParams> parse_uri_params(std::string_view text) {
  auto params = SipParams::parse(text);
  if (!params) return params;
  const auto& all = params->all();
  for (std::size_t i = 1; i < all.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (chars::same(all[i].name, all[k].name)) return bad("a parameter is given twice");
    }
  }
  return params;
}

// host[:port] [;params] [?headers]
Expected<void> parse_hostpart(std::string_view rest, SipUri& uri) {
  std::size_t end = 0;
  if (!rest.empty() && rest.front() == '[') {
    end = rest.find(']');
    if (end == std::string_view::npos) return bad("IPv6 address without ']'");
    ++end;
  } else {
    while (end < rest.size() && rest[end] != ':' && rest[end] != ';' && rest[end] != '?') ++end;
  }
  const auto host = rest.substr(0, end);
  if (!valid_host(host)) return bad("bad host");
  uri.host = host;
  rest.remove_prefix(end);
  if (!rest.empty() && rest.front() == ':') {
    rest.remove_prefix(1);
    std::uint16_t port = 0;
    const auto [next, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
    if (error != std::errc() || port == 0) return bad("bad port");
    uri.port = port;
    rest.remove_prefix(static_cast<std::size_t>(next - rest.data()));
  }
  if (!rest.empty() && rest.front() == ';') {
    const auto query = rest.find('?');
    auto params = parse_uri_params(rest.substr(0, query));
    if (!params) return fail(params.error());
    uri.params = std::move(*params);
    rest = query == std::string_view::npos ? std::string_view() : rest.substr(query);
  }
  if (!rest.empty() && rest.front() == '?') {
    rest.remove_prefix(1);
    if (rest.empty() || !valid_escapes(rest)) return bad("bad headers part");
    uri.headers = rest;
    rest = {};
  }
  if (!rest.empty()) return bad("unexpected text after the host");
  return {};
}

bool is_visual_separator(char c) noexcept { return c == '-' || c == '.' || c == '(' || c == ')'; }

std::string without_separators(std::string_view number) {
  std::string out;
  out.reserve(number.size());
  for (const char c : number) {
    if (!is_visual_separator(c)) out += chars::lower(c);
  }
  return out;
}

Expected<void> parse_tel(std::string_view rest, SipUri& uri) {
  const auto semicolon = rest.find(';');
  const auto number = rest.substr(0, semicolon);
  const bool global = !number.empty() && number.front() == '+';
  bool digits = false;
  for (const char c : global ? number.substr(1) : number) {
    const bool digit = chars::is_digit(c) || (!global && (chars::hex_value(c) >= 0 || c == '*' || c == '#'));
    if (!digit && !is_visual_separator(c)) return bad("bad telephone number");
    digits = digits || digit;
  }
  if (!digits) return bad("telephone number without digits");
  uri.user = number;
  if (semicolon != std::string_view::npos) {
    auto params = parse_uri_params(rest.substr(semicolon));
    if (!params) return fail(params.error());
    uri.params = std::move(*params);
  }
  return {};
}

// RFC 3261 19.1.4: a character equals its escape unless it is reserved.
std::string normalised_escapes(std::string_view text) {
  constexpr std::string_view kReserved = ";/?:@&=+$,%";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && chars::hex_value(text[i + 1]) >= 0 && chars::hex_value(text[i + 2]) >= 0) {
      const auto byte = static_cast<unsigned>(chars::hex_value(text[i + 1]) * 16 + chars::hex_value(text[i + 2]));
      const auto c = static_cast<char>(byte);
      // Control characters stay escaped, so that no key or log line can hold one.
      if (kReserved.find(c) == std::string_view::npos && c > 0x20 && c < 0x7f) {
        out += c;
      } else {
        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
      }
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string normalised_host(std::string_view host) {
  if (host.size() > 2 && host.front() == '[') {
    in6_addr address{};
    char text[INET6_ADDRSTRLEN] = {};
    if (inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &address) == 1 &&
        inet_ntop(AF_INET6, &address, text, sizeof text) != nullptr) {
      return '[' + std::string(text) + ']';
    }
  }
  auto out = chars::lowered(host);
  if (out.size() > 1 && out.back() == '.') out.pop_back();
  return out;
}

bool same_host(std::string_view a, std::string_view b) { return chars::same(a, b) || normalised_host(a) == normalised_host(b); }

bool same_userinfo(std::string_view a, std::string_view b) {
  return a == b || ((a.find('%') != std::string_view::npos || b.find('%') != std::string_view::npos) &&
                    normalised_escapes(a) == normalised_escapes(b));
}

bool same_param_value(std::string_view a, std::string_view b) {
  return chars::same(a, b) || chars::same(normalised_escapes(a), normalised_escapes(b));
}

bool same_sip_params(const SipParams& a, const SipParams& b) {
  for (const auto& param : a.all()) {
    const auto other = b.get(param.name);
    if (other) {
      if (!same_param_value(param.value.value_or(""), *other)) return false;
      continue;
    }
    // In one URI only: these change where the request goes; others are ignored.
    for (const std::string_view strict : {"transport", "user", "ttl", "method", "maddr"}) {
      if (chars::same(param.name, strict)) return false;
    }
  }
  return true;
}

std::vector<std::string> header_parts(std::string_view headers) {
  std::vector<std::string> out;
  while (!headers.empty()) {
    const auto end = headers.find('&');
    const auto part = headers.substr(0, end);
    const auto equal = part.find('=');
    std::string normal = chars::lowered(part.substr(0, equal));
    if (equal != std::string_view::npos) normal += '=' + normalised_escapes(part.substr(equal + 1));
    out.push_back(std::move(normal));
    headers = end == std::string_view::npos ? std::string_view() : headers.substr(end + 1);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool same_tel(const SipUri& a, const SipUri& b) {
  if (without_separators(a.user) != without_separators(b.user) || a.params.all().size() != b.params.all().size()) return false;
  return std::all_of(a.params.all().begin(), a.params.all().end(), [&b](const SipParams::Param& param) {
    const auto other = b.params.get(param.name);
    if (!other) return false;
    const std::string_view mine = param.value ? std::string_view(*param.value) : std::string_view();
    const bool number = chars::same(param.name, "ext") || (chars::same(param.name, "phone-context") && mine.starts_with('+'));
    return number ? without_separators(mine) == without_separators(*other) : chars::same(mine, *other);
  });
}

}  // namespace

Expected<SipUri> SipUri::parse(std::string_view text) {
  if (text.size() > kMaxUri) return fail(ErrorCode::too_large, "URI over 8192 bytes");
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || !chars::is_alpha(text.front())) return bad("no scheme");
  for (const char c : text.substr(0, colon)) {
    if (!chars::is_alpha(c) && !chars::is_digit(c) && c != '+' && c != '-' && c != '.') return bad("bad scheme");
  }
  auto rest = text.substr(colon + 1);
  SipUri uri;
  uri.scheme = chars::lowered(text.substr(0, colon));
  Expected<void> parsed;
  if (uri.is_sip()) {
    if (!chars::all(rest, chars::kUriText)) return bad("character not allowed");
    // '@' must be escaped everywhere else, so the first one ends the user part; a second one makes the host invalid.
    const auto at = rest.find('@');
    if (at != std::string_view::npos) {
      const auto userinfo = rest.substr(0, at);
      const auto separator = userinfo.find(':');
      const auto user = userinfo.substr(0, separator);
      if (user.empty() || !valid_userinfo(user, chars::kUser)) return bad("bad user part");
      uri.user = user;
      if (separator != std::string_view::npos) {
        const auto password = userinfo.substr(separator + 1);
        if (!valid_userinfo(password, chars::kPassword)) return bad("bad password part");
        uri.password = password;
      }
      rest.remove_prefix(at + 1);
    }
    parsed = parse_hostpart(rest, uri);
  } else if (uri.is_tel()) {
    parsed = parse_tel(rest, uri);
  } else {
    if (rest.empty() || !chars::all(rest, chars::kUriText)) return bad("character not allowed");
    uri.user = rest;
  }
  if (!parsed) return fail(parsed.error());
  return uri;
}

std::string SipUri::text() const {
  std::string out;
  out.reserve(scheme.size() + user.size() + host.size() + 16);
  out += scheme;
  out += ':';
  out += user;
  if (is_sip()) {
    if (!user.empty()) {
      if (!password.empty()) {
        out += ':';
        out += password;
      }
      out += '@';
    }
    out += host;
    if (port) {
      out += ':';
      out += std::to_string(*port);
    }
  }
  out += params.text();
  if (!headers.empty()) {
    out += '?';
    out += headers;
  }
  return out;
}

bool SipUri::equals(const SipUri& other) const {
  if (scheme != other.scheme) return false;
  if (is_tel()) return same_tel(*this, other);
  if (!is_sip()) return user == other.user;
  return same_userinfo(user, other.user) && same_userinfo(password, other.password) && same_host(host, other.host) &&
         port == other.port && same_sip_params(params, other.params) && same_sip_params(other.params, params) &&
         (headers == other.headers || header_parts(headers) == header_parts(other.headers));
}

std::string SipUri::canonical() const {
  if (is_tel()) {
    auto out = "tel:" + without_separators(user);
    // A local number means something only in its context.
    if (!user.starts_with('+')) {
      if (const auto context = params.get("phone-context")) out += ";phone-context=" + chars::lowered(*context);
    }
    return out;
  }
  if (!is_sip()) return scheme + ':' + user;
  std::string out = scheme + ':';
  if (!user.empty()) {
    out += user.find('%') == std::string::npos ? user : normalised_escapes(user);
    out += '@';
  }
  out += normalised_host(host);
  if (port && *port != (scheme == "sips" ? 5061 : 5060)) out += ':' + std::to_string(*port);
  return out;
}

std::string canonical_identity(std::string_view uri) {
  const auto parsed = SipUri::parse(chars::trim(uri));
  return parsed ? parsed->canonical() : std::string(uri);
}

}  // namespace herald
