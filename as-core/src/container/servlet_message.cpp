#include "container/header_rules.h"
#include "container/states.h"
#include "herald/sip_servlet.h"

namespace herald {
namespace {

Unexpected committed_error() { return fail(ErrorCode::gone, "the message is committed"); }

bool is_tagged(std::string_view name) { return same_header_name(name, "From") || same_header_name(name, "To"); }

}  // namespace

const TraceId& SipServletMessage::trace() const noexcept { return request_state().trace; }

std::string_view SipServletMessage::method() const noexcept { return request_state().message.method(); }

SipSession SipServletMessage::session() const { return SipSession(request_state().session); }

SipApplicationSession SipServletMessage::application_session() const {
  return SipApplicationSession(request_state().application);
}

Expected<void> SipServletMessage::set_header(std::string_view name, std::string value) {
  auto* const message = mutable_message();
  if (message == nullptr) return committed_error();
  if (auto allowed = container::check_header_write(*message, method(), name, value); !allowed) return allowed;
  if (is_tagged(name)) {
    auto tagged = container::keep_tag(*message, name, value);
    if (!tagged) return fail(std::move(tagged.error()));
    value = std::move(*tagged);
  }
  message->headers.set(name, std::move(value));
  return {};
}

Expected<void> SipServletMessage::add_header(std::string_view name, std::string value) {
  auto* const message = mutable_message();
  if (message == nullptr) return committed_error();
  if (auto allowed = container::check_header_write(*message, method(), name, value); !allowed) return allowed;
  if (is_tagged(name)) return fail(ErrorCode::invalid, std::string(name) + " stands once");
  message->headers.add(std::string(name), std::move(value));
  return {};
}

Expected<void> SipServletMessage::remove_header(std::string_view name) {
  auto* const message = mutable_message();
  if (message == nullptr) return committed_error();
  if (auto allowed = container::check_header_write(*message, method(), name, ""); !allowed) return allowed;
  if (is_tagged(name)) return fail(ErrorCode::invalid, std::string(name) + " is mandatory");
  message->headers.remove(name);
  return {};
}

Expected<void> SipServletMessage::set_content(std::string_view type, std::string body) {
  auto* const message = mutable_message();
  if (message == nullptr) return committed_error();
  if (!MediaType::parse(type) || type.find_first_of("\r\n") != std::string_view::npos) {
    return fail(ErrorCode::invalid, "no media type");
  }
  message->headers.set("Content-Type", std::string(type));
  message->body = std::move(body);
  return {};
}

}  // namespace herald
