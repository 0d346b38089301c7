// Who submits, and what that account may do. S-4; status-mapping.md 10.
// Thread: one shard (the one that serves HTTP).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "herald/clock.h"
#include "herald/http.h"
#include "push_config.h"
#include "text/problem.h"

namespace herald::push {

// Does `pattern` ("*", "prefix*" or exact) match? Application ids compare without case (RFC 3840 9).
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view text) noexcept;

// Bearer TOKEN, Basic NAME:TOKEN, or, without Authorization, a verified client certificate. Takes equally long whichever account
// matches or none. 401 else.
[[nodiscard]] Checked<const Initiator*> authenticate(const HttpRequest& request, const PushConfig& config);

// The identity to send as: `from` if the account may use it, else its first; 403 with 2001.
[[nodiscard]] Checked<std::string> choose_sender(const Initiator& initiator, const PushConfig& config,
                                                 const std::optional<std::string>& from);
[[nodiscard]] Checked<void> check_application(const Initiator& initiator, std::string_view application);

struct Submission;
struct Recipient;
// Content types, recipients that are listed, priority: 403 with 2001, naming the member.
[[nodiscard]] Checked<void> check_submission(const Initiator& initiator, const Submission& submission);
[[nodiscard]] Checked<void> check_content_type(const Initiator& initiator, std::string_view type);
[[nodiscard]] Checked<void> check_recipient(const Initiator& initiator, const Recipient& recipient);
// Does `pattern`, in which '*' stands for any characters, match the canonical address? Without case, as domains are.
[[nodiscard]] bool matches_address(std::string_view pattern, std::string_view address) noexcept;

// One token bucket an account: its rate, bursts of one second. 429 with 4001 and Retry-After.
class SubmissionRates {
 public:
  explicit SubmissionRates(const Clock& clock) : clock_(clock) {}
  [[nodiscard]] Checked<void> take(const Initiator& initiator);

 private:
  struct Bucket {
    double tokens = 0;
    TimePoint at{};
  };
  const Clock& clock_;
  std::map<std::string, Bucket, std::less<>> buckets_;  // bounded by the configured accounts
};

}  // namespace herald::push
