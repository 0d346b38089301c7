#include "ctl/output.h"

#include <algorithm>

namespace herald::ctl {
namespace {

std::size_t width_of(std::string_view text) {  // characters, not bytes
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

void pad(std::ostream& out, const std::string& text, std::size_t width) {
  out << text;
  for (auto have = width_of(text); have < width; ++have) out << ' ';
}

}  // namespace

std::optional<Json> parse_json(std::string_view text) {
  constexpr int kMaxDepth = 100;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++i;
    if (!quoted && (c == '[' || c == '{') && ++depth > kMaxDepth) return std::nullopt;
    if (!quoted && (c == ']' || c == '}')) --depth;
  }
  auto document = Json::parse(text, nullptr, false);
  if (document.is_discarded()) return std::nullopt;
  return document;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto u = static_cast<unsigned char>(out[i]);
    // 0xc2 0x80..0x9f are the C1 controls in UTF-8; some terminals obey them.
    const bool c1 = u == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0;
    if (u < 0x20 || u == 0x7f) out[i] = '?';
    if (c1) out[i] = out[i + 1] = '?';
  }
  return out;
}

std::string text_of(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return printable(value.get_ref<const std::string&>());
  if (!value.is_array()) return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::string out;
  for (const auto& item : value) out.append(out.empty() ? "" : ",").append(text_of(item));
  return out;
}

std::string text_of(const Json& object, const char* member) {
  if (!object.is_object()) return {};
  const auto found = object.find(member);
  return found == object.end() ? std::string() : text_of(*found);
}

const Json& list_of(const Json& object, const char* member) {
  static const Json kNone = Json::array();
  if (!object.is_object()) return kNone;
  const auto found = object.find(member);
  return found == object.end() || !found->is_array() ? kNone : *found;
}

std::string dump(const Json& value) { return value.dump(2, ' ', false, Json::error_handler_t::replace); }

void Table::print(std::ostream& out) const {
  std::vector<std::size_t> widths(head_.size(), 0);
  for (const auto& cells : rows_)
    for (std::size_t i = 0; i < std::min(cells.size(), widths.size()); ++i) widths[i] = std::max(widths[i], width_of(cells[i]));
  const auto line = [&](const std::vector<std::string>& cells) {
    std::size_t last = 0;
    for (std::size_t i = 0; i < std::min(cells.size(), widths.size()); ++i)
      if (widths[i] > 0 && !cells[i].empty()) last = i;
    for (std::size_t i = 0; i <= last && i < cells.size(); ++i) {
      if (widths[i] == 0) continue;
      pad(out, cells[i], i == last ? 0 : std::max(widths[i], width_of(head_[i])) + 2);
    }
    out << '\n';
  };
  line(head_);
  for (const auto& cells : rows_) line(cells);
}

void print_pairs(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs)
    if (!value.empty()) width = std::max(width, width_of(name));
  for (const auto& [name, value] : pairs) {
    if (value.empty()) continue;
    pad(out, name, width + 2);
    out << value << '\n';
  }
}

}  // namespace herald::ctl
