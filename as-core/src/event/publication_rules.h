// PUBLISH as a value and what RFC 3903 6 makes of it. PS-103.
// Thread: pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "herald/event_state.h"
#include "herald/sip_message.h"

namespace herald::event {

struct PublishOrder {
  std::string resource;  // canonical user
  std::string publisher;
  std::string package;              // empty: there is no usable Event
  std::optional<std::string> etag;  // SIP-If-Match
  std::optional<std::chrono::seconds> expires;
  std::string type;  // media type without parameters, lower case; empty: none
  std::string content_type;
  std::string body;
  bool encoded = false;  // a Content-Encoding
};

struct PublishAnswer {
  int status = 200;
  std::vector<SipHeaderField> headers{};
  std::string why{};  // of a refusal, for the log
};

// Everything but resource and publisher. Error{invalid}: 400.
Expected<PublishOrder> read_publish(const SipMessage& request);

enum class PublishKind { create, refresh, modify, remove };

struct PublishDecision {
  PublishKind kind = PublishKind::create;
  std::chrono::seconds expires{};  // granted
  std::optional<PublishAnswer> refusal;
};
// All of RFC 3903 6 but the entity-tag itself, which the caller has found (or 412 before).
[[nodiscard]] PublishDecision decide_publish(const PublishOrder& order, const PublicationRules& rules);

[[nodiscard]] PublishAnswer bad_event(const std::vector<std::string>& packages);
[[nodiscard]] PublishAnswer unaccepted_type(const PublicationRules& rules);
[[nodiscard]] PublishAnswer try_later(std::string why);

}  // namespace herald::event
