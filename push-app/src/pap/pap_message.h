// The Push Access Protocol's operations as values, and each of them as XML. pap.md 3 and 4.
// Thread: values; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "herald/clock.h"
#include "push/push_job.h"

namespace herald::push::pap {

enum class Version : std::uint8_t { v1_0, v2_0, v2_1, v2_2 };
inline constexpr Version kNewest = Version::v2_2;
[[nodiscard]] std::string_view to_string(Version version) noexcept;  // "2.1"
[[nodiscard]] std::optional<Version> parse_version(std::string_view text) noexcept;

enum class DeliveryMethod : std::uint8_t { not_specified, confirmed, prefer_confirmed, unconfirmed };
[[nodiscard]] std::string_view to_string(DeliveryMethod method) noexcept;
[[nodiscard]] std::optional<DeliveryMethod> parse_delivery_method(std::string_view text) noexcept;

struct Quality {
  Priority priority = Priority::medium;
  DeliveryMethod method = DeliveryMethod::not_specified;
  std::string network;
  bool network_required = false;
  std::string bearer;
  bool bearer_required = false;
};

// -- what an initiator sends --------------------------------------------------------------------------------------------------

struct Push {
  std::string push_id;
  std::vector<std::string> addresses;  // address-value as written
  std::string replaces;                // replace-push-id
  bool pending_only = false;           // replace-method
  std::optional<WallTime> deliver_before;
  std::optional<WallTime> deliver_after;
  std::string source_reference;
  bool progress_notes = false;
  std::string notify_to;  // ppg-notify-requested-to
  std::optional<Quality> quality;
};
struct Cancel {
  std::string push_id;
  std::vector<std::string> addresses;  // none: all
};
struct StatusQuery {
  std::string push_id;
  std::vector<std::string> addresses;  // none: all
};
struct CapabilityQuery {
  std::string query_id;
  std::string app_id;
  std::string address;
};
// The initiator's answer to a result notification.
struct NotificationAnswer {
  std::string push_id;
  int code = 1000;
  std::string desc;
  std::string address;
};

// -- what we send -------------------------------------------------------------------------------------------------------------

struct ProgressNote {
  std::string stage;
  std::string note;
  WallTime time{};
};
struct PushAnswer {
  std::string push_id;
  int code = 1001;
  std::string desc;
  std::string sender_address;
  std::string sender_name;
  WallTime time{};
  std::vector<ProgressNote> notes;
};
struct CancelAnswer {
  struct Result {
    int code = 1000;
    std::string desc;
    std::vector<std::string> addresses;
  };
  std::string push_id;
  std::vector<Result> results;  // at least one
};
struct StatusAnswer {
  struct Result {
    std::string state;  // message-state
    int code = 1000;
    std::string desc;
    std::vector<std::string> addresses;
    std::optional<WallTime> at;
    std::optional<Quality> quality;
  };
  std::string push_id;
  std::vector<Result> results;  // at least one
};
struct CapabilityAnswer {
  std::string query_id;
  int code = 1000;
  std::string desc;
  std::string address;
};
struct Notification {
  std::string push_id;
  std::string sender_address;
  std::string sender_name;
  std::optional<WallTime> received;
  std::optional<WallTime> at;
  std::string state;
  int code = 1000;
  std::string desc;
  std::string address;
  std::optional<Quality> quality;
};
// In both directions.
struct BadMessage {
  int code = 2000;
  std::string desc;
  std::string fragment;  // the beginning of what could not be understood
};

using Body = std::variant<Push, Cancel, StatusQuery, CapabilityQuery, NotificationAnswer, PushAnswer, CancelAnswer, StatusAnswer,
                          CapabilityAnswer, Notification, BadMessage>;

struct Document {
  Version version = Version::v2_1;  // to answer in (PAP-21)
  Body body;
};

// The document as bytes, with the DOCTYPE of its version. What cannot stand in XML is replaced by '?'.
[[nodiscard]] std::string to_xml(const Document& document);
// The words of a code: status-mapping.md 2.
[[nodiscard]] std::string_view code_text(int code) noexcept;
// message-state of a status: status-mapping.md 1.
[[nodiscard]] std::string_view message_state(Status status) noexcept;
// "2026-11-23T20:00:00Z": PAP's only form.
[[nodiscard]] std::string to_time(WallTime time);

}  // namespace herald::push::pap
