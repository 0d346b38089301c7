#include "herald/sip_message.h"

#include <algorithm>
#include <charconv>

#include "message/chars.h"
#include "message/header_block.h"

namespace herald {
namespace {

constexpr std::string_view kVersion = "SIP/2.0";
constexpr std::size_t kMaxMethod = 64;

Expected<std::variant<SipRequestLine, SipStatusLine>> parse_start_line(std::string_view line) {
  if (std::any_of(line.begin(), line.end(), [](char c) { return chars::is_control(c) && c != '\t'; })) {
    return fail(ErrorCode::invalid, "control character in the start line");
  }
  const auto first = line.find(' ');
  if (first == std::string_view::npos) return fail(ErrorCode::invalid, "start line is neither request nor status");
  if (chars::same(line.substr(0, first), kVersion)) {
    auto rest = line.substr(first + 1);
    int status = 0;
    const auto [next, error] = std::from_chars(rest.data(), rest.data() + std::min<std::size_t>(rest.size(), 3), status);
    if (error != std::errc() || next != rest.data() + 3 || status < 100 || status > 699) {
      return fail(ErrorCode::invalid, "bad status code");
    }
    rest.remove_prefix(3);
    if (!rest.empty() && rest.front() != ' ') return fail(ErrorCode::invalid, "bad status code");
    return SipStatusLine{status, std::string(chars::trim(rest))};
  }
  const auto second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return fail(ErrorCode::invalid, "request line without a version");
  const auto method = line.substr(0, first);
  const auto uri = line.substr(first + 1, second - first - 1);
  if (!chars::same(line.substr(second + 1), kVersion)) return fail(ErrorCode::invalid, "request line: SIP/2.0 expected");
  if (method.empty() || method.size() > kMaxMethod || !chars::all(method, chars::kToken)) {
    return fail(ErrorCode::invalid, "bad method");
  }
  if (uri.empty() || !chars::all(uri, chars::kUriText)) return fail(ErrorCode::invalid, "bad Request-URI");
  return SipRequestLine{std::string(method), std::string(uri)};
}

// The one value of Content-Length; none if there is no such field. Two that differ are a smuggling attempt.
Expected<std::optional<std::size_t>> content_length(const SipHeaders& headers) {
  std::optional<std::size_t> length;
  for (const auto& field : headers.fields()) {
    if (!same_header_name(field.name, "Content-Length")) continue;
    std::size_t value = 0;
    const auto* const end = field.value.data() + field.value.size();
    const auto [next, error] = std::from_chars(field.value.data(), end, value);
    if (error != std::errc() || next != end) return fail(ErrorCode::invalid, "bad Content-Length");
    if (length && *length != value) return fail(ErrorCode::invalid, "two different Content-Length fields");
    length = value;
  }
  return length;
}

}  // namespace

Expected<SipMessage> SipMessage::parse(std::string_view text) {
  while (text.starts_with("\r\n") || text.starts_with('\n')) text.remove_prefix(text.front() == '\r' ? 2 : 1);
  if (text.empty()) return fail(ErrorCode::invalid, "empty message");
  const auto line = take_line(text);
  if (line.size() > kMaxHeaderBytes) return fail(ErrorCode::too_large, "start line over 64 KiB");
  auto start = parse_start_line(line);
  if (!start) return fail(start.error());
  auto block = take_header_block(text);
  if (!block) return fail(block.error());
  SipMessage out{std::move(*start), std::move(block->headers), {}};
  const auto length = content_length(out.headers);
  if (!length) return fail(length.error());
  if (*length && block->ended) {
    if (**length > text.size()) return fail(ErrorCode::invalid, "body shorter than Content-Length");
    text = text.substr(0, **length);
  }
  // Without the empty line it is a fragment (RFC 3420), whose Content-Length speaks of a body that was left out.
  out.body = text;
  return out;
}

std::string SipMessage::text() const {
  std::string out;
  std::size_t size = body.size() + 256;
  for (const auto& field : headers.fields()) size += field.name.size() + field.value.size() + 4;
  out.reserve(size);
  if (is_request()) {
    chars::append_line_text(out, method());
    out += ' ';
    chars::append_line_text(out, uri());
    out += ' ';
    out += kVersion;
  } else {
    out += kVersion;
    out += ' ';
    out += std::to_string(status());
    out += ' ';
    chars::append_line_text(out, reason());
  }
  out += "\r\n";
  for (const auto& field : headers.fields()) {
    if (same_header_name(field.name, "Content-Length")) continue;
    chars::append_line_text(out, field.name);
    out += ": ";
    chars::append_line_text(out, field.value);
    out += "\r\n";
  }
  out += "Content-Length: ";
  out += std::to_string(body.size());
  out += "\r\n\r\n";
  out += body;
  return out;
}

}  // namespace herald
