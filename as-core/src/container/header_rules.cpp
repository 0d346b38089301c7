#include "container/header_rules.h"

#include <algorithm>
#include <array>

#include "dialog/dialog_state.h"

namespace herald::container {
namespace {

constexpr std::array kSystemHeaders{"Call-ID", "CSeq",         "Via",  "Route", "Record-Route",
                                    "Path",    "Max-Forwards", "RAck", "RSeq",  "Content-Length"};

bool is_token(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
  });
}

// Contact is the container's, except where it says something else than where we are.
bool may_write_contact(const SipMessage& message, std::string_view method) {
  if (method == "REGISTER") return true;
  if (message.is_request()) return false;
  const auto status = message.status();
  return (status >= 300 && status < 400) || status == 485 || method == "OPTIONS";
}

}  // namespace

Expected<void> check_header_write(const SipMessage& message, std::string_view method, std::string_view name,
                                  std::string_view value) {
  if (!is_token(name)) return fail(ErrorCode::invalid, "no header name");
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return fail(ErrorCode::invalid, "a header value must be one line");
  }
  const auto is = [name](const char* other) { return same_header_name(name, other); };
  if (std::any_of(kSystemHeaders.begin(), kSystemHeaders.end(), is)) {
    return fail(ErrorCode::invalid, std::string(name) + " is a system header");
  }
  if (is("Contact") && !may_write_contact(message, method)) return fail(ErrorCode::invalid, "Contact is a system header here");
  return {};
}

Expected<std::string> keep_tag(const SipMessage& message, std::string_view name, std::string_view value) {
  const auto tag = dialog::tag_of(message.headers.get(name).value_or(""));
  auto address = NameAddr::parse(value);
  if (!address) return fail(ErrorCode::invalid, std::string(name) + " is malformed");
  const auto given = address->params.get("tag");
  if (given && *given != tag) return fail(ErrorCode::invalid, "the tag of " + std::string(name) + " is the container's");
  if (given || tag.empty()) return std::string(value);
  address->params.set("tag", tag);
  address->raw.clear();
  return address->text();
}

}  // namespace herald::container
