// The JSON of POST /v1/pushes as a checked value. Every refusal names the member. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/service_profile.h"
#include "push/push_job.h"
#include "text/problem.h"

namespace herald::push {

struct SubmissionLimits {
  std::size_t max_recipients = 1000;
  std::size_t max_listed = 400;  // recipients; more are left in the text
  std::size_t max_content_bytes = 65536;
  std::size_t max_alternatives = 8;
  std::size_t max_address = 256;
};

struct Recipient {
  std::string address;  // as submitted
  std::string user;     // canonical
  std::string given{};  // as the initiator wrote it, when that differs from `address`
};

// The push it takes the place of (PAP-34).
struct Replacement {
  enum class Method : std::uint8_t { all, pending_only };
  std::string id;  // ours, or the initiator's own
  Method method = Method::all;
};

class RecipientSource;

// Recipients that stay in the JSON text: see JsonRecipients.
struct RecipientText {
  std::size_t begin = 0;
  std::size_t count = 0;  // 0: they are listed
};

struct Submission {
  std::vector<Recipient> to;
  RecipientText to_text{};
  std::shared_ptr<RecipientSource> many{};  // instead of `to`: recipients that are not held as values
  std::string application;
  std::optional<std::string> from;
  std::vector<Content> contents;
  Report report = Report::network;
  bool report_given = false;  // by the initiator; else the application's default counts
  Priority priority = Priority::medium;
  std::optional<Mode> mode;  // none: auto
  std::optional<WallTime> deliver_after;
  std::optional<WallTime> deliver_before;
  bool anonymous = false;
  bool report_if_possible = false;
  Devices devices = Devices::any;
  std::vector<std::string> excluded;
  CallbackForm callback_form = CallbackForm::none;
  std::string callback;
  std::string external_id;  // the initiator's own push-id: unique within the account (PAP-30), 2007 else
  std::string external_info;
  std::optional<Replacement> replace;
};

[[nodiscard]] Checked<Submission> parse_submission(std::string_view json, const SubmissionLimits& limits);

// status-mapping.md 3, "notspecified": what the application's profile says.
void use_default_report(Submission& submission, ReportLevel level);

// Each recipient once; 2002.
[[nodiscard]] Checked<std::vector<Recipient>> parse_recipients(const std::vector<std::string>& addresses,
                                                               const SubmissionLimits& limits);

// A SIP, SIPS or tel URI that may stand in a Request-URI or between <>; code 2002.
[[nodiscard]] Checked<Recipient> parse_address(std::string_view text, const std::string& member, std::size_t max_bytes);

}  // namespace herald::push
