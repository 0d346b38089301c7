#include <algorithm>

#include "herald/sip_uri.h"
#include "message/chars.h"

namespace herald {
namespace {

constexpr std::size_t kMaxAddresses = 256;

std::string unquoted(std::string_view inner) {
  std::string out;
  out.reserve(inner.size());
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '\\' && i + 1 < inner.size()) ++i;
    out += inner[i];
  }
  return out;
}

bool is_uri_text(std::string_view uri) {
  return !uri.empty() && std::none_of(uri.begin(), uri.end(),
                                      [](char c) { return chars::is_control(c) || chars::is_space(c) || c == '<' || c == '>'; });
}

}  // namespace

Expected<NameAddr> NameAddr::parse(std::string_view text) {
  text = chars::trim(text);
  NameAddr out;
  out.raw = text;
  std::string_view params;
  std::size_t open = 0;
  if (!text.empty() && text.front() == '"') {
    const auto end = chars::end_of_quoted(text, 0);
    if (end == std::string_view::npos) return fail(ErrorCode::invalid, "address: unterminated display name");
    out.display = unquoted(text.substr(1, end - 2));
    open = end;
    while (open < text.size() && (chars::is_space(text[open]) || text[open] == '\r' || text[open] == '\n')) ++open;
    if (open == text.size() || text[open] != '<') return fail(ErrorCode::invalid, "address: '<' expected after the display name");
  } else {
    open = text.find('<');
    if (open != std::string_view::npos) out.display = chars::trim(text.substr(0, open));
  }
  if (std::any_of(out.display.begin(), out.display.end(), [](char c) { return chars::is_control(c) && c != '\t'; })) {
    return fail(ErrorCode::invalid, "address: control character in the display name");
  }
  std::string_view uri;
  if (open != std::string_view::npos) {
    const auto close = text.find('>', open);
    if (close == std::string_view::npos) return fail(ErrorCode::invalid, "address: '>' missing");
    uri = chars::trim(text.substr(open + 1, close - open - 1));
    params = text.substr(close + 1);
  } else {
    // Without <> every ';' begins a header parameter. RFC 3261 20.10
    const auto semicolon = text.find(';');
    uri = chars::trim(text.substr(0, semicolon));
    if (semicolon != std::string_view::npos) params = text.substr(semicolon);
    if (uri.find_first_of(",?") != std::string_view::npos) return fail(ErrorCode::invalid, "address: URI needs <>");
  }
  if (!is_uri_text(uri)) return fail(ErrorCode::invalid, "address: bad URI");
  out.uri = uri;
  auto parsed = SipParams::parse(params);
  if (!parsed) return fail(parsed.error());
  out.params = std::move(*parsed);
  return out;
}

Expected<std::vector<NameAddr>> NameAddr::parse_list(std::string_view text) {
  std::vector<NameAddr> out;
  for (const auto part : split_header_list(text)) {
    auto address = parse(part);
    if (!address) return fail(address.error());
    if (out.size() == kMaxAddresses) return fail(ErrorCode::too_large, "more than 256 addresses in one header");
    out.push_back(std::move(*address));
  }
  return out;
}

std::string NameAddr::text() const {
  std::string out;
  if (!display.empty()) {
    out += '"';
    for (const char c : display) {
      if (c == '"' || c == '\\') out += '\\';
      out += chars::is_control(c) ? ' ' : c;
    }
    out += "\" ";
  }
  if (uri == "*" && display.empty()) return uri + params.text();  // Contact: *
  out += '<';
  out += uri;
  out += '>';
  out += params.text();
  return out;
}

std::vector<std::string_view> split_header_list(std::string_view value) {
  std::vector<std::string_view> out;
  bool in_brackets = false;
  std::size_t start = 0;
  const auto take = [&](std::size_t end) {
    if (const auto part = chars::trim(value.substr(start, end - start)); !part.empty()) out.push_back(part);
  };
  for (std::size_t i = 0; i < value.size(); ++i) {
    switch (value[i]) {
      case '"':
        if (in_brackets) break;
        i = chars::end_of_quoted(value, i);
        if (i == std::string_view::npos) {
          take(value.size());
          return out;
        }
        --i;
        break;
      case '<':
        in_brackets = true;
        break;
      case '>':
        in_brackets = false;
        break;
      case ',':
        if (in_brackets) break;
        take(i);
        start = i + 1;
        break;
      default:
        break;
    }
  }
  take(value.size());
  return out;
}

std::vector<std::string> parse_associated_uris(std::string_view value) {
  constexpr std::size_t kMaxUris = 256;
  std::vector<std::string> out;
  const auto add = [&out](std::string_view text) {
    const auto uri = SipUri::parse(text);
    const bool good = uri && (uri->is_sip() || uri->is_tel());
    if (good && out.size() < kMaxUris) out.emplace_back(text);
    return good;
  };
  if (const auto list = NameAddr::parse_list(value)) {
    if (std::all_of(list->begin(), list->end(), [&add](const NameAddr& address) { return add(address.uri); })) return out;
    out.clear();
  }
  // Not well formed: take whatever between brackets, commas and blanks is a URI.
  constexpr std::string_view kBreaks = "<>, \t\r\n";
  for (std::size_t i = 0; i < value.size();) {
    if (value[i] == '"') {
      i = std::min(chars::end_of_quoted(value, i), value.size());
      continue;
    }
    if (kBreaks.find(value[i]) != std::string_view::npos) {
      ++i;
      continue;
    }
    const auto end = std::min(value.find_first_of(kBreaks, i), value.size());
    add(value.substr(i, end - i));
    i = end;
  }
  return out;
}

}  // namespace herald
