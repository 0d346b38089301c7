#include "pap/pap_entity.h"

#include <algorithm>
#include <utility>

#include "herald/sip_message.h"
#include "text/base64.h"

namespace herald::push::pap {
namespace {

constexpr int kMaxDepth = 5;
constexpr std::size_t kMaxParts = 3;
constexpr std::size_t kMaxKeptHeader = 1024;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}
bool starts_with(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && same(text.substr(0, prefix.size()), prefix);
}
std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}
std::string_view unquoted(std::string_view text) noexcept {
  return text.size() >= 2 && text.front() == '"' && text.back() == '"' ? text.substr(1, text.size() - 2) : text;
}

tl::unexpected<BadEntity> bad(std::string desc) { return tl::unexpected<BadEntity>({202, 2000, std::move(desc)}); }

bool is_xml(std::string_view type) noexcept { return type == "application/xml" || type == "text/xml"; }

std::optional<std::string> decode_lines_of_base64(std::string_view body) {
  std::string joined;
  joined.reserve(body.size());
  for (const char c : body) {
    if (!is_space(c)) joined += c;
  }
  return decode_base64(joined);
}

int hex(char c) noexcept {
  const char l = lower(c);
  return l >= '0' && l <= '9' ? l - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// RFC 2045 6.7. Trailing white space of a line was added on the way.
std::optional<std::string> decode_quoted_printable(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  while (!body.empty()) {
    const auto end = body.find('\n');
    auto line = body.substr(0, end);
    const bool crlf = line.ends_with('\r');
    if (crlf) line.remove_suffix(1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    const bool soft = line.ends_with('=');
    if (soft) line.remove_suffix(1);
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] != '=') {
        out += line[i];
        continue;
      }
      if (line.size() - i < 3) return std::nullopt;
      const int first = hex(line[i + 1]);
      const int second = hex(line[i + 2]);
      if (first < 0 || second < 0) return std::nullopt;
      out += static_cast<char>(first * 16 + second);
      i += 2;
    }
    if (end == std::string_view::npos) break;
    if (!soft) out += crlf ? "\r\n" : "\n";
    body.remove_prefix(end + 1);
  }
  return out;
}

// Levels of multipart below and including this one, looked into no deeper than allowed; what does not parse has none.
int depth_of(std::string_view type, std::string_view body, int level) {
  if (!starts_with(type, "multipart/") || level > kMaxDepth) return level;
  const auto parts = parse_multipart(type, body);
  if (!parts) return level;
  int deepest = level;
  for (const auto& part : *parts) {
    deepest = std::max(deepest, depth_of(part.headers.get("Content-Type").value_or(""), part.body, level + 1));
  }
  return deepest;
}

// What goes on to the receiver. The rest is framing of this hop or made anew (Content-ID is how receivers drop repeats).
bool passed_on(std::string_view name) noexcept {
  constexpr std::string_view kKept[] = {"Content-Language", "Content-Encoding", "Content-Disposition", "Content-Location",
                                        "Content-Description"};
  return std::any_of(std::begin(kKept), std::end(kKept), [&](auto kept) { return same(kept, name); }) ||
         ((starts_with(name, "X-Wap-") || starts_with(name, "X-Oma-")) && !same(name, "X-Wap-Application-Id"));
}

void keep(std::vector<EntityHeader>& headers, std::string_view name, std::string_view value) {
  if (!passed_on(name) || value.size() > kMaxKeptHeader) return;
  const bool there = std::any_of(headers.begin(), headers.end(), [&](const auto& one) { return same(one.name, name); });
  if (!there) headers.push_back({std::string(name), std::string(value)});
}

tl::expected<void, BadEntity> read_content(const MimePart& part, const std::vector<EntityHeader>& outer, Entities& out) {
  Content content;
  content.type = std::string(part.headers.get("Content-Type").value_or("application/octet-stream"));  // PAP-10
  const auto type = MediaType::parse(content.type);
  if (!type || content.type.size() > 200) return bad("content entity: Content-Type is not a media type");
  auto decoded = decode_transfer(part.headers.get("Content-Transfer-Encoding").value_or(""), part.body);
  if (!decoded) return bad("content entity: cannot undo its Content-Transfer-Encoding");
  content.bytes = std::move(*decoded);
  if (depth_of(content.type, content.bytes, 1) > kMaxDepth) return bad("content entity: nested too deeply");
  for (const auto& field : part.headers.fields()) keep(content.headers, field.name, field.value);
  for (const auto& field : outer) keep(content.headers, field.name, field.value);
  out.application = std::string(part.headers.get("X-Wap-Application-Id").value_or(""));
  out.content = std::move(content);
  return {};
}

tl::expected<void, BadEntity> read_capabilities(const MimePart& part, Entities& out) {
  const auto type = MediaType::parse(part.headers.get("Content-Type").value_or("application/xml"));
  if (!type) return bad("capability entity: Content-Type is not a media type");
  auto decoded = decode_transfer(part.headers.get("Content-Transfer-Encoding").value_or(""), part.body);
  if (!decoded) return bad("capability entity: cannot undo its Content-Transfer-Encoding");
  out.capabilities = std::move(*decoded);
  out.capabilities_type = type->type;
  return {};
}

// The part that `start` names comes first (RFC 2387 3.2).
void put_root_first(const MediaType& type, std::vector<MimePart>& parts) {
  const auto start = type.params.get("start");
  if (!start) return;
  const auto wanted = unquoted(*start);
  const auto root = std::find_if(parts.begin(), parts.end(),
                                 [&](const auto& part) { return part.headers.get("Content-ID").value_or("") == wanted; });
  if (root != parts.end()) std::rotate(parts.begin(), root, root + 1);
}

// A bare boundary may hold characters that a parameter of SIP may not: quoted, it is the same.
std::string with_quoted_boundary(std::string_view content_type) {
  std::size_t at = 0;
  while (at < content_type.size() && !starts_with(content_type.substr(at), "boundary")) ++at;
  auto value = at + std::string_view("boundary").size();
  while (value < content_type.size() && is_space(content_type[value])) ++value;
  if (value >= content_type.size() || content_type[value] != '=') return std::string(content_type);
  ++value;
  while (value < content_type.size() && is_space(content_type[value])) ++value;
  if (value >= content_type.size() || content_type[value] == '"') return std::string(content_type);
  auto end = content_type.find(';', value);
  if (end == std::string_view::npos) end = content_type.size();
  const auto bare = trimmed(content_type.substr(value, end - value));
  if (bare.find_first_of("\"\\") != std::string_view::npos) return std::string(content_type);
  std::string out(content_type.substr(0, value));
  out += '"';
  out += bare;
  out += '"';
  out += content_type.substr(end);
  return out;
}

}  // namespace

tl::expected<Entities, BadEntity> read_entities(std::string_view content_type, std::string_view body,
                                                const std::vector<EntityHeader>& outer) {
  const auto written = with_quoted_boundary(content_type);
  const auto type = MediaType::parse(written);
  if (!type) return tl::unexpected<BadEntity>({415, 2000, "Content-Type: not a media type"});
  Entities out;
  if (is_xml(type->type)) {
    out.control = std::string(body);
    return out;
  }
  if (!type->type.starts_with("multipart/")) {
    return tl::unexpected<BadEntity>({415, 2000, "Content-Type: neither application/xml nor multipart/related"});
  }
  auto parts = parse_multipart(written, body);
  if (!parts) return bad(parts.error().text);
  if (parts->size() > kMaxParts) return bad("more than three entities");
  put_root_first(*type, *parts);
  const auto& root = parts->front();
  const auto root_type = MediaType::parse(root.headers.get("Content-Type").value_or("application/xml"));
  if (!root_type || !is_xml(root_type->type)) return bad("the first entity is not application/xml");
  auto control = decode_transfer(root.headers.get("Content-Transfer-Encoding").value_or(""), root.body);
  if (!control) return bad("control entity: cannot undo its Content-Transfer-Encoding");
  out.control = std::move(*control);
  if (parts->size() > 1) {
    if (auto read = read_content((*parts)[1], outer, out); !read) return tl::unexpected(read.error());
  }
  if (parts->size() > 2) {
    if (auto read = read_capabilities((*parts)[2], out); !read) return tl::unexpected(read.error());
  }
  return out;
}

std::optional<std::string> decode_transfer(std::string_view encoding, std::string_view body) {
  encoding = trimmed(encoding);
  if (same(encoding, "base64")) return decode_lines_of_base64(body);
  if (same(encoding, "quoted-printable")) return decode_quoted_printable(body);
  if (encoding.empty() || same(encoding, "binary") || same(encoding, "8bit") || same(encoding, "7bit")) return std::string(body);
  return std::nullopt;
}

}  // namespace herald::push::pap
