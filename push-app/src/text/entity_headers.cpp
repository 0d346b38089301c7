#include "text/entity_headers.h"

#include <algorithm>
#include <array>

namespace herald::push {
namespace {

constexpr std::size_t kMostHeaders = 32;
constexpr std::size_t kLongestValue = 1024;

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool starts_with(std::string_view text, std::string_view prefix) noexcept {
  return text.size() > prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) { return a == lower(b); });
}

bool is_token(std::string_view text) noexcept {
  return text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string_view::npos;
}

bool one_line(std::string_view text) noexcept {
  return text.size() <= kLongestValue &&
         std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; });
}

}  // namespace

bool is_entity_header(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 4> kOurs{"Content-Type", "Content-ID", "Content-Length", "Content-Transfer-Encoding"};
  if (name.size() > 64 || !is_token(name)) return false;
  if (std::any_of(kOurs.begin(), kOurs.end(), [&](auto ours) { return same_header_name(ours, name); })) return false;
  return starts_with(name, "content-") || starts_with(name, "x-");
}

std::vector<SipHeaderField> entity_headers(const Content& content) {
  std::vector<SipHeaderField> fields;
  bool disposition = false;
  for (const auto& header : content.headers) {
    if (fields.size() >= kMostHeaders || !is_entity_header(header.name) || !one_line(header.value)) continue;
    disposition = disposition || same_header_name(header.name, "Content-Disposition");
    fields.push_back({header.name, header.value});
  }
  if (!disposition) fields.insert(fields.begin(), {"Content-Disposition", "render"});
  return fields;
}

bool has_encoding(const Content& content) noexcept {
  return std::any_of(content.headers.begin(), content.headers.end(),
                     [](const auto& header) { return same_header_name(header.name, "Content-Encoding"); });
}

std::string content_id(const PushJob& job, std::size_t content, const std::string& domain) {
  return "<" + job.id + (content == 0 ? std::string() : "." + std::to_string(content)) + "@" + domain + ">";
}

}  // namespace herald::push
