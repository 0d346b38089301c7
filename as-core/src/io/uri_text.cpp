#include "io/uri_text.h"

#include "io/http_parser.h"

namespace herald::io {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Expected<void> parse_query(std::string_view text, std::size_t max_parameters, std::map<std::string, std::string>& out) {
  std::size_t count = 0;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty()) continue;
    if (++count > max_parameters) return fail(ErrorCode::invalid, "more query parameters than allowed");
    const auto equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    if (!name) return fail(std::move(name.error()));
    auto value = percent_decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true);
    if (!value) return fail(std::move(value.error()));
    out.insert_or_assign(std::move(*name), std::move(*value));
  }
  return {};
}

// The part after scheme://authority, or nothing when this is not absolute-form.
std::string_view strip_authority(std::string_view target) noexcept {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() <= scheme.size() || !equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const auto rest = target.substr(scheme.size());
    const auto path = rest.find_first_of("/?");
    if (path == 0) return {};
    return path == std::string_view::npos || rest[path] == '?' ? std::string_view{} : rest.substr(path);
  }
  return {};
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t more = 0;
    unsigned code = 0;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if (lead >= 0xc2 && lead < 0xe0) more = 1, code = lead & 0x1fU;
    if (lead >= 0xe0 && lead < 0xf0) more = 2, code = lead & 0x0fU;
    if (lead >= 0xf0 && lead < 0xf5) more = 3, code = lead & 0x07U;
    if (more == 0 || i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0U) != 0x80) return false;
      code = code << 6U | (next & 0x3fU);
    }
    if (more == 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) return false;
    if (more == 3 && (code < 0x10000 || code > 0x10ffff)) return false;
    i += more + 1;
  }
  return true;
}

Expected<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
      if (low < 0) return fail(ErrorCode::invalid, "malformed percent-escape in the request target");
      if (high == 0 && low == 0) return fail(ErrorCode::invalid, "%00 in the request target");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!is_utf8(out)) return fail(ErrorCode::invalid, "the request target is not UTF-8");
  return out;
}

Expected<Target> parse_target(std::string_view target, std::size_t max_parameters) {
  Target out;
  if (target == "*") {
    out.asterisk = true;
    out.path = "*";
    return out;
  }
  if (target.empty() || target.front() != '/') {
    target = strip_authority(target);
    if (target.empty()) return fail(ErrorCode::invalid, "request target is not a path");
  }
  const auto mark = target.find('?');
  auto path = target.substr(1, mark == std::string_view::npos ? mark : mark - 1);
  for (;;) {
    const auto slash = path.find('/');
    auto segment = percent_decode(path.substr(0, slash));
    if (!segment) return fail(std::move(segment.error()));
    if (*segment == "." || *segment == "..") return fail(ErrorCode::invalid, "dot segment in the request target");
    out.path += '/';
    out.path += *segment;
    out.segments.push_back(std::move(*segment));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  if (mark != std::string_view::npos) {
    if (auto parsed = parse_query(target.substr(mark + 1), max_parameters, out.query); !parsed)
      return fail(std::move(parsed.error()));
  }
  return out;
}

}  // namespace herald::io
