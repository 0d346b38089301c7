// One push: what was submitted (PushJob, never changes) and how it stands with each recipient (Delivery).
// Thread: value types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/blob_store.h"
#include "herald/clock.h"
#include "herald/store.h"

namespace herald::push {

// status-mapping.md 1. The numbers are stored: append only.
enum class Status : std::uint8_t {
  accepted,
  scheduled,
  waiting_reachable,
  waiting_consent,
  sending,
  retrying,
  network_accepted,
  delivered,
  displayed,
  rejected,
  undeliverable,
  expired,
  aborted,
  timeout,
  cancelled,
  unknown,
};
[[nodiscard]] std::string_view to_string(Status status) noexcept;
[[nodiscard]] std::optional<Status> parse_status(std::string_view text) noexcept;
[[nodiscard]] bool is_final(Status status) noexcept;

enum class Priority : std::uint8_t { low, medium, high };
[[nodiscard]] std::string_view to_string(Priority priority) noexcept;
[[nodiscard]] std::optional<Priority> parse_priority(std::string_view text) noexcept;

// How far the initiator wants the outcome proven: status-mapping.md 3. Delivery and display reports need IMDN or MSRP reports.
// The numbers are stored: append only.
enum class Report : std::uint8_t { none, network, delivery, display };
[[nodiscard]] std::string_view to_string(Report report) noexcept;
[[nodiscard]] std::optional<Report> parse_report(std::string_view text) noexcept;

// What carries the content to the receiver. A new mode is one more value here and one more sender behind the plan. The numbers
// are stored: append only.
// indirection: a MESSAGE that names where the content can be fetched (PS-30).
enum class Mode : std::uint8_t { pager, notify, msrp, indirection };
[[nodiscard]] std::string_view to_string(Mode mode) noexcept;
[[nodiscard]] std::optional<Mode> parse_mode_name(std::string_view text) noexcept;

// What proves the state of a delivery. The numbers are stored: append only.
enum class Evidence : std::uint8_t {
  none,
  network,  // a final SIP response (PS-50)
  hop,      // every byte of a session acknowledged, no report of the receiver (SM-17)
  receiver  // IMDN, or MSRP success reports over the whole content
};
[[nodiscard]] std::string_view to_string(Evidence evidence) noexcept;

// Which of the user's devices shall get it: whichever the core picks, exactly one (PS-14), or each (PS-15). Stored: append only.
enum class Devices : std::uint8_t { any, one, all };
[[nodiscard]] std::string_view to_string(Devices devices) noexcept;
[[nodiscard]] std::optional<Devices> parse_devices(std::string_view text) noexcept;

// How the initiator is told of the final state. Stored: append only.
enum class CallbackForm : std::uint8_t { none, json, pap };

struct EntityHeader {
  std::string name;
  std::string value;
};

struct Content {
  std::string type;   // media type with parameters, as it goes into Content-Type
  std::string bytes;  // empty when it is in `blob`
  std::optional<BlobInfo> blob{};
  std::vector<EntityHeader> headers{};  // of the entity, passed on as they came: Content-Language, Content-Disposition, X-Wap-..
  [[nodiscard]] std::uint64_t size() const noexcept { return blob ? blob->size : bytes.size(); }
};

struct PushJob {
  std::string id;  // make_id(): sorts by creation time
  WallTime created{};
  std::string initiator;          // name of the account; empty: an operator through the admin socket
  std::string sender;             // identity the push is sent as: From and P-Asserted-Identity
  std::string application;        // token of +g.oma.pusheventapp
  std::vector<Content> contents;  // what was asked for first, then its alternatives
  Report report = Report::network;
  Priority priority = Priority::medium;
  std::optional<Mode> mode;         // what the initiator insists on (PS-81); none: the plan chooses
  bool report_if_possible = false;  // PAP preferconfirmed: without a way to prove more, the network's word is enough
  Devices devices = Devices::any;
  std::vector<std::string> excluded;  // feature parameters of devices that shall not get it: Reject-Contact (PS-13)
  CallbackForm callback_form = CallbackForm::none;
  std::string callback;       // URL; checked against the account's patterns at submission
  std::string external_id;    // the initiator's own push-id (PAP-30); empty: ours is the only one
  std::string external_info;  // PAP source-reference, version .. of the submission, for its notifications; opaque here
  std::string replaces;       // id of the push it took the place of
  std::optional<WallTime> deliver_after;
  std::optional<WallTime> deliver_before;  // as the initiator said: becomes Expires (PS-16)
  WallTime expires{};                      // deliver_before, else the configured maximum age
  std::string trace;
  std::uint32_t recipients = 0;
  bool anonymous = false;      // receivers do not learn who sent it (S-7)
  std::string unknown_fields;  // written by a newer version, kept
};

// SM-2: one line of the history.
struct Transition {
  WallTime at{};
  Status status = Status::accepted;
  std::uint16_t attempt = 0;
  std::string cause;
};

// What a delivery already tried to help itself; each only once (class F).
enum class Fix : std::uint8_t {
  redirect = 1,
  no_notify = 2,  // does not fit into a NOTIFY of the subscriptions there are
  alone = 4,      // a NOTIFY with it and others was refused as a whole: from now on one of its own
  no_msrp = 8,
  no_indirection = 16,
  no_report = 32,  // the receiver takes no message/cpim
  no_encoding = 64,
  no_pager = 128,
};

struct Delivery {
  std::string push;
  std::uint32_t index = 0;  // of the recipient
  std::string address;      // the Request-URI
  std::string given;        // as the initiator wrote it, when that differs (PAP-54)
  WallTime expires{};       // of the push: a waiting delivery must end on time without reading its push
  Priority priority = Priority::medium;

  Status status = Status::accepted;
  int code = 1001;     // PAP code, status-mapping.md 2
  std::string cause;   // SM-2: "sip:486", "timer:F", "policy:consent"
  std::string detail;  // Reason, Warning of the last answer (SM-12)
  std::optional<Mode> mode;
  std::uint16_t attempts = 0;          // requests that went out
  std::uint16_t unknown_outcomes = 0;  // class U so far
  std::uint16_t restarts = 0;          // found in `sending` after a restart: a possible duplicate each
  std::uint8_t fixes = 0;              // bits of Fix
  std::uint8_t content = 0;            // index into PushJob::contents
  std::uint8_t negotiations = 0;       // capability errors that led to another choice (sip-push.md 8.5)
  std::string redirected;              // target of a followed 3xx (PS-7)
  bool cancel_requested = false;       // DELETE came while a request was out: do not repeat
  Evidence evidence = Evidence::none;
  std::optional<WallTime> report_due;  // network_accepted: until then a report may still come (PS-54)
  std::string late_report;             // what came after the final state (SM-13, SM-14)
  WallTime created{};
  WallTime updated{};
  WallTime started{};  // of the running attempt
  std::optional<WallTime> retry_at;
  std::vector<Transition> history;
  std::string unknown_fields;

  // Of the stored record, not part of it.
  Version version = 0;
  std::optional<Status> stored{};  // its status; none: nothing is stored yet

  [[nodiscard]] bool final() const noexcept { return is_final(status); }
  [[nodiscard]] bool tried(Fix fix) const noexcept { return (fixes & static_cast<std::uint8_t>(fix)) != 0; }
  void mark_tried(Fix fix) noexcept { fixes = static_cast<std::uint8_t>(fixes | static_cast<std::uint8_t>(fix)); }
  // Moves to `next` and writes the history. A final state never changes (SM-1): false, and nothing happened.
  bool move_to(Status next, int pap_code, std::string why, WallTime now);
};

}  // namespace herald::push
