#include "sip/outgoing_text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "message/chars.h"
#include "sip/wire.h"

namespace herald::sip {
namespace {

// As in transaction_class(), in the order of their lengths.
constexpr std::array<std::string_view, 9> kRead{"To",      "Via",       "From",         "CSeq",        "Route",
                                                "Call-ID", "Timestamp", "Record-Route", "Max-Forwards"};

bool is_read(std::string_view name) noexcept {
  return std::any_of(kRead.begin(), kRead.end(), [name](std::string_view one) { return chars::same(one, name); });
}

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

}  // namespace

Expected<OutgoingText> outgoing_text(const SipMessage& message) {
  const auto& fields = message.headers.fields();
  if (fields.size() > kMaxFields) return fail(ErrorCode::invalid, "more than 256 header fields");
  std::size_t size = message.body.size() + 512;  // with room for the start line and a Via
  for (const auto& field : fields) size += field.name.size() + field.value.size() + 4;
  OutgoingText out;
  out.read.reserve(size);
  out.others.reserve(size - message.body.size());
  if (message.is_request()) {
    chars::append_line_text(out.read, message.method());
    out.read += ' ';
    chars::append_line_text(out.read, message.uri());
    out.read += " SIP/2.0\r\n";
  } else {
    out.read += "SIP/2.0 ";
    append_number(out.read, static_cast<std::size_t>(std::max(0, message.status())));
    out.read += ' ';
    chars::append_line_text(out.read, message.reason());
    out.read += "\r\n";
  }
  for (const auto& field : fields) {
    const auto name = expand_compact_name(field.name);
    if (chars::same(name, "Content-Length")) continue;
    if (name.empty() || !chars::all(name, chars::kToken)) return fail(ErrorCode::invalid, "a header field's name is no token");
    const bool read = is_read(name);
    auto& part = read ? out.read : out.others;
    if (!read && !part.empty()) part += "\r\n";
    part += field.name;
    part += ": ";
    chars::append_line_text(part, field.value);
    if (read) part += "\r\n";
  }
  out.read += "Content-Length: ";
  append_number(out.read, message.body.size());
  out.read += "\r\n\r\n";
  out.read += message.body;
  return out;
}

}  // namespace herald::sip
