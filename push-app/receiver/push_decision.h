// What a push says of itself and what it is answered. PR-7, PR-8, RFC 3428 7. Pure functions.
// Thread: any.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"
#include "herald/expected.h"
#include "herald/sip_message.h"

namespace herald::receiver {

// One answer as the tester ordered it: "200", "486;retry-after=2", "none".
struct Answer {
  int status = 200;  // 0: no answer at all
  std::optional<unsigned> retry_after;
  static Expected<Answer> parse(std::string_view text);
  [[nodiscard]] bool accepts() const noexcept { return status >= 200 && status < 300; }
  friend bool operator==(const Answer&, const Answer&) = default;
};

struct PushPolicy {
  std::vector<std::string> apps;
  std::vector<std::string> accept;  // besides text/plain, "*/*" and "image/*" understood; empty: everything
  std::size_t max_bytes = 0;        // 0: no limit but the stack's
  bool external_bodies = false;     // content that is only referred to is fetched (PR-12)
  bool reports = false;             // message/cpim is read, for the delivery reports it asks for (PR-10)
  bool in_memory = false;           // contents are needed whole: for a webhook
  bool gzip = true;                 // Content-Encoding gzip is understood
  friend bool operator==(const PushPolicy&, const PushPolicy&) = default;
};

struct Push {
  std::string app;  // the first application asked for that we have; else the first asked for; empty: none asked for
  bool known_app = true;
  std::string type;  // "text/plain", lower case
  std::string encoding;
  std::string from;  // asserted identity, else From
  std::string id;    // Content-ID without brackets, else Call-ID
  bool expired = false;
  std::string mode = "pager";  // notify: it came in a subscription; msrp: in a session; indirection: a MESSAGE referred to it
  std::string url{};           // where it was fetched; empty: it came whole
};

[[nodiscard]] Push read_push(const SipMessage& message, const PushPolicy& policy, WallTime now);

struct Verdict {
  int status = 200;
  std::vector<SipHeaderField> headers;
  std::string why;  // for the tester; empty when accepted
};
[[nodiscard]] bool accepted(const std::string& type, const PushPolicy& policy);
[[nodiscard]] Verdict decide(const Push& push, std::size_t body_bytes, const PushPolicy& policy);

// Application identifiers of an Accept-Contact list: +g.oma.pusheventapp="a,b", also as <string> of RFC 3840.
[[nodiscard]] std::vector<std::string> requested_apps(const SipHeaders& headers);
// What an Accept says of the policy, the envelopes included.
[[nodiscard]] std::vector<std::string> accept_list(const PushPolicy& policy);
[[nodiscard]] std::string accept_header(const PushPolicy& policy);
// "gzip, identity"
[[nodiscard]] std::string accept_encoding_header(const PushPolicy& policy);
// "Sat, 13 Nov 2010 23:29:00 GMT"
[[nodiscard]] std::optional<WallTime> parse_sip_date(std::string_view text);

}  // namespace herald::receiver
