#include "message/header_block.h"

#include <algorithm>

#include "message/chars.h"

namespace herald {

std::string_view take_line(std::string_view& text) noexcept {
  const auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

Expected<HeaderBlock> take_header_block(std::string_view& text) {
  HeaderBlock out;
  const auto all = text.size();
  std::string name;
  std::string value;
  const auto finish = [&] {
    if (!name.empty()) out.headers.add(std::move(name), std::string(chars::trim(value)));
    name.clear();
    value.clear();
  };
  std::size_t count = 0;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (all - text.size() > kMaxHeaderBytes) return fail(ErrorCode::too_large, "header over 64 KiB");
    if (line.empty()) {
      out.ended = true;
      break;
    }
    // A lone CR or a NUL is how one parser is made to see other headers than the next.
    if (std::any_of(line.begin(), line.end(), [](char c) { return chars::is_control(c) && c != '\t'; })) {
      return fail(ErrorCode::invalid, "control character in a header");
    }
    if (chars::is_space(line.front())) {
      if (name.empty()) return fail(ErrorCode::invalid, "folded line before the first header");
      value += ' ';
      value += chars::trim(line);
      continue;
    }
    finish();
    if (++count > kMaxHeaderFields) return fail(ErrorCode::too_large, "more than 256 header fields");
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return fail(ErrorCode::invalid, "header line without ':'");
    const auto written = chars::trim(line.substr(0, colon));
    if (written.empty() || !chars::all(written, chars::kToken)) return fail(ErrorCode::invalid, "bad header name");
    name = expand_compact_name(written);
    value = line.substr(colon + 1);
  }
  finish();
  return out;
}

}  // namespace herald
