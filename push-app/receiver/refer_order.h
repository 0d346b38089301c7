// What a REFER asks of a receiver. RFC 3515, RFC 4488, RFC 7614; PR-13, PS-90. Pure functions.
// Thread: any.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/expected.h"
#include "herald/sip_message.h"

namespace herald::receiver {

struct ReferOrder {
  std::string uri;      // where to subscribe
  std::string event;    // Event of the SUBSCRIBE, unescaped: "oma-push;appid=news.ua"
  std::string package;  // oma-push
  std::string app;      // appid; empty: none
  std::optional<std::chrono::seconds> expires;
  std::vector<std::string> accept;
  std::string referred_by;       // header value
  bool silent = false;           // no subscription to reports: nosub, or norefersub with Refer-Sub: false
  bool refer_sub_false = false;  // and the answer says so (RFC 4488 4)
};

struct ReferRefusal {
  int status = 0;  // 0: none
  std::string why;
};

// Everything but who sent it. 400 for what is malformed (several Refer-To), 603 for what is understood but not done here.
[[nodiscard]] ReferRefusal read_refer(const SipMessage& request, const std::string& package, ReferOrder& order);

// %41 -> A; nothing when an escape is malformed or makes a control character.
[[nodiscard]] std::optional<std::string> unescape(std::string_view text);

}  // namespace herald::receiver
