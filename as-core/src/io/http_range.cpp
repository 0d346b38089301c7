#include "io/http_range.h"

#include <algorithm>
#include <limits>

#include "io/http_parser.h"

namespace herald::io {
namespace {

// Digits only; what does not fit is larger than any blob, and says so.
std::optional<std::uint64_t> read_number(std::string_view text) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (kMost - digit) / 10 ? kMost : value * 10 + digit;
  }
  return value;
}

std::string_view opaque(std::string_view tag) noexcept { return tag.starts_with("W/") ? tag.substr(2) : tag; }

// Entity tags may contain commas: the list is walked quote by quote. Weak comparison ignores W/.
bool names_tag(std::string_view list, std::string_view etag, bool weak) {
  if (trimmed(list) == "*") return true;
  while (!list.empty()) {
    const auto open = list.find('"');
    if (open == std::string_view::npos) return false;
    const auto close = list.find('"', open + 1);
    if (close == std::string_view::npos) return false;
    const bool is_weak = open >= 2 && list.substr(open - 2, 2) == "W/";
    if (list.substr(open, close - open + 1) == opaque(etag) && (weak || (!is_weak && !etag.starts_with("W/")))) return true;
    list.remove_prefix(close + 1);
  }
  return false;
}

}  // namespace

HttpConditions HttpConditions::of(const std::vector<HttpField>& headers) {
  HttpConditions out;
  const auto take = [](std::string& into, const std::string& value) {
    if (!into.empty()) into += ", ";  // RFC 9110 5.3
    into += value;
  };
  for (const auto& field : headers) {
    if (field.name.size() < 5 || field.name.size() > 13) continue;
    if (equals_ignoring_case(field.name, "range")) take(out.range, field.value);
    if (equals_ignoring_case(field.name, "if-range")) take(out.if_range, field.value);
    if (equals_ignoring_case(field.name, "if-match")) take(out.if_match, field.value);
    if (equals_ignoring_case(field.name, "if-none-match")) take(out.if_none_match, field.value);
  }
  return out;
}

HttpRange parse_range(std::string_view field, std::uint64_t size) {
  const auto equals = field.find('=');
  if (equals == std::string_view::npos || !equals_ignoring_case(trimmed(field.substr(0, equals)), "bytes")) return {};
  const auto set = trimmed(field.substr(equals + 1));
  const auto dash = set.find('-');
  if (dash == std::string_view::npos || set.find(',') != std::string_view::npos) return {};
  if (dash == 0) {
    const auto suffix = read_number(set.substr(1));
    if (!suffix) return {};
    if (*suffix == 0) return {HttpRange::Kind::unsatisfiable};
    if (size == 0) return {};
    const auto length = std::min(*suffix, size);
    return {HttpRange::Kind::part, size - length, length};
  }
  const auto first = read_number(set.substr(0, dash));
  const auto rest = set.substr(dash + 1);
  const auto last = rest.empty() ? std::numeric_limits<std::uint64_t>::max() : read_number(rest);
  if (!first || !last || *last < *first) return {};
  if (*first >= size) return {HttpRange::Kind::unsatisfiable};
  return {HttpRange::Kind::part, *first, std::min(*last, size - 1) - *first + 1};
}

// In the order of RFC 9110 13.2.2. There is no Last-Modified, so dates never match.
HttpPart choose_part(const HttpConditions& conditions, bool head, std::string_view etag, std::uint64_t size) {
  if (!conditions.if_match.empty() && !names_tag(conditions.if_match, etag, false)) return {412, 0, 0};
  if (!conditions.if_none_match.empty() && names_tag(conditions.if_none_match, etag, true)) return {304, 0, 0};
  const HttpPart whole{200, 0, size};
  if (head || conditions.range.empty()) return whole;  // RFC 9110 14.2: only GET has ranges
  if (!conditions.if_range.empty() && trimmed(conditions.if_range) != etag) return whole;
  const auto range = parse_range(conditions.range, size);
  if (range.kind == HttpRange::Kind::unsatisfiable) return {416, 0, 0};
  if (range.kind == HttpRange::Kind::ignored) return whole;
  return {206, range.offset, range.length};
}

}  // namespace herald::io
