#include <algorithm>

#include "herald/sip_message.h"
#include "message/chars.h"
#include "message/header_block.h"

namespace herald {
namespace {

constexpr std::size_t kMaxParts = 32;
constexpr std::size_t kMaxBoundary = 70;

struct Delimiter {
  std::size_t line_start = 0;
  std::size_t next_line = 0;
  bool closes = false;
};

// The next line that is "--boundary" or "--boundary--", with nothing but white space behind it. RFC 2046 5.1.1
std::optional<Delimiter> find_delimiter(std::string_view body, std::string_view mark, std::size_t from) {
  while (true) {
    const auto at = body.find(mark, from);
    if (at == std::string_view::npos) return std::nullopt;
    from = at + 1;
    if (at != 0 && body[at - 1] != '\n') continue;
    auto i = at + mark.size();
    const bool closes = body.substr(i).starts_with("--");
    if (closes) i += 2;
    while (i < body.size() && chars::is_space(body[i])) ++i;
    if (body.substr(i).starts_with("\r\n")) return Delimiter{at, i + 2, closes};
    if (i < body.size() && body[i] == '\n') return Delimiter{at, i + 1, closes};
    if (i == body.size() && closes) return Delimiter{at, i, closes};
  }
}

Expected<std::string> boundary_of(const MediaType& type) {
  const auto written = type.params.get("boundary");
  if (!written) return fail(ErrorCode::invalid, "multipart without a boundary");
  std::string boundary;
  if (written->size() >= 2 && written->front() == '"') {
    for (std::size_t i = 1; i + 1 < written->size(); ++i) {
      if ((*written)[i] == '\\' && i + 2 < written->size()) ++i;
      boundary += (*written)[i];
    }
  } else {
    boundary = *written;
  }
  if (boundary.empty() || boundary.size() > kMaxBoundary || boundary.back() == ' ') {
    return fail(ErrorCode::invalid, "multipart boundary must have 1 to 70 characters");
  }
  return boundary;
}

}  // namespace

Expected<MediaType> MediaType::parse(std::string_view text) {
  text = chars::trim(text);
  const auto semicolon = text.find(';');
  const auto name = text.substr(0, semicolon);
  const auto slash = name.find('/');
  if (slash == std::string_view::npos) return fail(ErrorCode::invalid, "media type without '/'");
  const auto type = chars::trim(name.substr(0, slash));
  const auto subtype = chars::trim(name.substr(slash + 1));
  if (type.empty() || subtype.empty() || !chars::all(type, chars::kToken) || !chars::all(subtype, chars::kToken)) {
    return fail(ErrorCode::invalid, "bad media type");
  }
  MediaType out;
  out.type = chars::lowered(type) + '/' + chars::lowered(subtype);
  if (semicolon != std::string_view::npos) {
    auto params = SipParams::parse(text.substr(semicolon));
    if (!params) return fail(params.error());
    out.params = std::move(*params);
  }
  return out;
}

Expected<std::vector<MimePart>> parse_multipart(std::string_view content_type, std::string_view body) {
  const auto type = MediaType::parse(content_type);
  if (!type) return fail(type.error());
  if (!type->type.starts_with("multipart/")) return fail(ErrorCode::invalid, "not a multipart type: " + type->type);
  const auto boundary = boundary_of(*type);
  if (!boundary) return fail(boundary.error());
  const auto mark = "--" + *boundary;

  auto open = find_delimiter(body, mark, 0);
  if (!open || open->closes) return fail(ErrorCode::invalid, "multipart without a part");
  std::vector<MimePart> out;
  while (!open->closes) {
    const auto close = find_delimiter(body, mark, open->next_line);
    // The rest was cut off on its way: half a part is not delivered as a whole one.
    if (!close) return fail(ErrorCode::invalid, "multipart without its closing delimiter");
    // The line break before a delimiter belongs to the delimiter.
    auto end = close->line_start;
    if (end > open->next_line) --end;
    if (end > open->next_line && body[end - 1] == '\r') --end;
    auto content = body.substr(open->next_line, end - open->next_line);
    if (out.size() == kMaxParts) return fail(ErrorCode::too_large, "more than 32 parts");
    auto block = take_header_block(content);
    if (!block) return fail(block.error());
    out.push_back({std::move(block->headers), std::string(content)});
    open = close;
  }
  return out;
}

}  // namespace herald
