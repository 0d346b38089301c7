// The request of one attempt: sip-push.md 4.1, 4.2, 4.4 and 4.5. Pure: names every header field, the container adds the rest.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "delivery/delivery_plan.h"
#include "mode/envelope.h"

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

// Pager mode: the content itself.
[[nodiscard]] PushMessage build_message(const PushJob& job, const Attempt& attempt, const std::string& address,
                                        const ServiceApplication& application, const MessageContext& context);

// Indirection: where the content lies (PS-30). Several are alternatives (PS-34); what was asked for first goes last, as RFC 2046
// 5.1.4 wants it.
struct OfferedReference {
  std::uint8_t content = 0;
  ContentReference reference;
};
[[nodiscard]] PushMessage build_reference(const PushJob& job, const Attempt& attempt, const std::string& address,
                                          const ServiceApplication& application, const MessageContext& context,
                                          std::span<const OfferedReference> references);

// Session mode: the INVITE (PS-43). `wait`: how long it may be answered.
[[nodiscard]] PushMessage build_invitation(const PushJob& job, const Attempt& attempt, const std::string& address,
                                           const ServiceApplication& application, const MessageContext& context,
                                           std::chrono::seconds wait, std::string sdp);
// What goes with the content into the session (F-6): as in a NOTIFY.
[[nodiscard]] std::vector<SipHeaderField> session_headers(const PushJob& job, std::uint8_t content, const std::string& domain);

// The Via that the stack puts in front and that message().text() does not show yet (PS-20).
inline constexpr std::size_t kViaAllowance = 110;

}  // namespace herald::push
