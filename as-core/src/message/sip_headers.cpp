#include <algorithm>

#include "herald/sip_message.h"
#include "message/chars.h"

namespace herald {

std::string_view expand_compact_name(std::string_view name) noexcept {
  if (name.size() != 1) return name;
  switch (chars::lower(name.front())) {
    case 'a':
      return "Accept-Contact";
    case 'b':
      return "Referred-By";
    case 'c':
      return "Content-Type";
    case 'd':
      return "Request-Disposition";
    case 'e':
      return "Content-Encoding";
    case 'f':
      return "From";
    case 'i':
      return "Call-ID";
    case 'j':
      return "Reject-Contact";
    case 'k':
      return "Supported";
    case 'l':
      return "Content-Length";
    case 'm':
      return "Contact";
    case 'n':
      return "Identity-Info";
    case 'o':
      return "Event";
    case 'r':
      return "Refer-To";
    case 's':
      return "Subject";
    case 't':
      return "To";
    case 'u':
      return "Allow-Events";
    case 'v':
      return "Via";
    case 'x':
      return "Session-Expires";
    case 'y':
      return "Identity";
    default:
      return name;
  }
}

bool same_header_name(std::string_view a, std::string_view b) noexcept {
  return chars::same(expand_compact_name(a), expand_compact_name(b));
}

std::optional<std::string_view> SipHeaders::get(std::string_view name) const noexcept {
  for (const auto& field : fields_) {
    if (same_header_name(field.name, name)) return std::string_view(field.value);
  }
  return std::nullopt;
}

std::vector<std::string_view> SipHeaders::all(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& field : fields_) {
    if (same_header_name(field.name, name)) out.emplace_back(field.value);
  }
  return out;
}

std::vector<std::string_view> SipHeaders::list(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& field : fields_) {
    if (!same_header_name(field.name, name)) continue;
    const auto parts = split_header_list(field.value);
    out.insert(out.end(), parts.begin(), parts.end());
  }
  return out;
}

void SipHeaders::add_first(std::string name, std::string value) {
  const auto at =
      std::find_if(fields_.begin(), fields_.end(), [&name](const SipHeaderField& f) { return same_header_name(f.name, name); });
  fields_.insert(at, {std::move(name), std::move(value)});
}

void SipHeaders::set(std::string_view name, std::string value) {
  const auto at =
      std::find_if(fields_.begin(), fields_.end(), [name](const SipHeaderField& f) { return same_header_name(f.name, name); });
  if (at == fields_.end()) {
    fields_.push_back({std::string(name), std::move(value)});
    return;
  }
  at->value = std::move(value);
  fields_.erase(std::remove_if(at + 1, fields_.end(), [name](const SipHeaderField& f) { return same_header_name(f.name, name); }),
                fields_.end());
}

std::size_t SipHeaders::remove(std::string_view name) {
  return std::erase_if(fields_, [name](const SipHeaderField& f) { return same_header_name(f.name, name); });
}

}  // namespace herald
