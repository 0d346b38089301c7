#include "event/media_ranges.h"

#include <algorithm>

namespace herald::event {
namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// q=0, q=0.0, q=0.00 …
bool refused(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    const auto end = parameters.find(';');
    const auto parameter = trim(parameters.substr(0, end));
    if (parameter.size() > 2 && lower(parameter[0]) == 'q' && parameter[1] == '=' &&
        parameter.find_first_not_of("0.", 2) == std::string_view::npos)
      return true;
    if (end == std::string_view::npos) break;
    parameters.remove_prefix(end + 1);
  }
  return false;
}

struct Range {
  std::string_view type, subtype;
  bool none = false;
};

Range read(std::string_view text) noexcept {
  const auto end = text.find(';');
  const auto name = trim(text.substr(0, end));
  const auto slash = name.find('/');
  return {name.substr(0, slash), slash == std::string_view::npos ? "*" : name.substr(slash + 1),
          end != std::string_view::npos && refused(text.substr(end + 1))};
}

bool meet(std::string_view a, std::string_view b) noexcept { return a == "*" || b == "*" || same(a, b); }

}  // namespace

bool ranges_meet(std::string_view a, std::string_view b) noexcept {
  const auto left = read(a);
  const auto right = read(b);
  return !left.none && !right.none && meet(left.type, right.type) && meet(left.subtype, right.subtype);
}

}  // namespace herald::event
