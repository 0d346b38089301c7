// The MESSAGE of one attempt: sip-push.md 4.1 and 4.2. Pure: names every header field, the container adds the rest.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "delivery_plan.h"

namespace herald::push {

struct PushMessage {
  std::string from;
  std::string to;
  std::string uri;
  std::string route;
  std::vector<SipHeaderField> headers;
  std::string content_type;
  std::string body;
};

struct MessageContext {
  std::string domain;  // home domain: Content-ID, orig-ioi
  std::string icid;    // new for every attempt (PS-3)
  WallTime now{};
};

[[nodiscard]] PushMessage build_message(const PushJob& job, const Attempt& attempt, const std::string& address,
                                        const ServiceApplication& application, const MessageContext& context);

// The Via that the stack puts in front and that message().text() does not show yet (PS-20).
inline constexpr std::size_t kViaAllowance = 110;

}  // namespace herald::push
