// The JSON of POST /v1/pushes as a checked value. Every refusal names the member. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "problem.h"
#include "push/push_job.h"

namespace herald::push {

struct SubmissionLimits {
  std::size_t max_recipients = 1000;
  std::size_t max_content_bytes = 65536;
  std::size_t max_alternatives = 8;
  std::size_t max_address = 256;
};

struct Recipient {
  std::string address;  // as submitted
  std::string user;     // canonical
};

struct Submission {
  std::vector<Recipient> to;
  std::string application;
  std::optional<std::string> from;
  std::vector<Content> contents;
  Report report = Report::network;
  Priority priority = Priority::medium;
  std::optional<Mode> mode;  // none: auto
  std::optional<WallTime> deliver_after;
  std::optional<WallTime> deliver_before;
  bool anonymous = false;
};

[[nodiscard]] Checked<Submission> parse_submission(std::string_view json, const SubmissionLimits& limits);

// A SIP, SIPS or tel URI that may stand in a Request-URI or between <>; code 2002.
[[nodiscard]] Checked<Recipient> parse_address(std::string_view text, const std::string& member, std::size_t max_bytes);

}  // namespace herald::push
