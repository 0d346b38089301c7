#include "io/msrp_uri.h"

#include <algorithm>
#include <charconv>

#include "message/chars.h"

namespace herald::io {
namespace {

constexpr std::size_t kMostUri = 512;

bool plain(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return !chars::is_control(c) && c != ' '; });
}

}  // namespace

std::optional<MsrpUri> MsrpUri::parse(std::string_view text) {
  if (text.size() > kMostUri || !plain(text)) return std::nullopt;
  MsrpUri uri;
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  uri.secure = chars::same(text.substr(0, scheme), "msrps");
  if (!uri.secure && !chars::same(text.substr(0, scheme), "msrp")) return std::nullopt;
  text.remove_prefix(scheme + 3);
  auto authority = text.substr(0, text.find_first_of("/;"));
  text.remove_prefix(authority.size());
  if (const auto at = authority.rfind('@'); at != std::string_view::npos)
    authority.remove_prefix(at + 1);  // userinfo names nobody
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    uri.host = chars::lowered(authority.substr(1, end - 1));
    authority.remove_prefix(end + 1);
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    uri.host = chars::lowered(authority.substr(0, colon));
    authority.remove_prefix(colon);
  }
  if (uri.host.empty()) return std::nullopt;
  if (!authority.empty()) {
    const auto digits = authority.substr(1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), uri.port);
    if (authority[0] != ':' || digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
      return std::nullopt;
  }
  if (text.starts_with('/')) {
    uri.session = text.substr(1, text.find(';') == std::string_view::npos ? text.size() : text.find(';') - 1);
    text.remove_prefix(uri.session.size() + 1);
  }
  if (!text.starts_with(';')) return std::nullopt;  // the transport is mandatory
  text.remove_prefix(1);
  uri.transport = chars::lowered(text.substr(0, text.find(';')));
  if (uri.transport.empty()) return std::nullopt;
  return uri;
}

std::string MsrpUri::text() const {
  std::string out = secure ? "msrps://" : "msrp://";
  out += host.find(':') == std::string::npos ? host : '[' + host + ']';
  out.append(":").append(std::to_string(port));
  if (!session.empty()) out.append("/").append(session);
  return out.append(";").append(transport);
}

std::string_view first_of_path(std::string_view path) noexcept {
  path = chars::trim(path);
  return path.substr(0, path.find(' '));
}

std::string_view last_of_path(std::string_view path) noexcept {
  path = chars::trim(path);
  const auto space = path.rfind(' ');
  return space == std::string_view::npos ? path : path.substr(space + 1);
}

bool same_end(std::string_view one_path, std::string_view other_path) {
  const auto one = MsrpUri::parse(last_of_path(one_path));
  const auto other = MsrpUri::parse(last_of_path(other_path));
  return one && other && *one == *other;
}

}  // namespace herald::io
