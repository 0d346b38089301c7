// The record behind one result notification (SM-3): exactly one per push and recipient, written in the batch that ends the
// delivery, kept until the push is purged. PAP-31, PAP-36.
//
//   report         partition = push id, id = that of the delivery; due = when it may be sent (again), also while it is being
//                  sent: what a crash leaves comes up again. Parked, because its host is dead or busy: not due, term p=HOST
//   callback_host  partition = id = digest of the host; due = when what is parked for it may be looked at. There while
//                  anything is
//
// `delivered` and then `displayed` are one notification, not two. A delivery whose initiator asked for display is not final
// before `displayed` or before the report is overdue, so it is told then. For any other `delivered` is final; a display that
// overtakes the notification is told instead of it, a later one only shows in the push's state. What was once sent is never told
// otherwise: each repeat says the same.
// Pure but for find_notices.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "herald/expected.h"
#include "herald/store.h"
#include "push/push_job.h"

namespace herald::push {

inline constexpr std::string_view kReportTable = "report";
inline constexpr std::string_view kCallbackHostTable = "callback_host";

struct ResultNotice {
  // The numbers are stored: append only.
  enum class State : std::uint8_t {
    pending,
    sent,     // the initiator has it
    refused,  // the initiator wants none: 410, or PAP code 2000
    dead,     // given up
  };
  std::string push;
  std::uint32_t index = 0;
  State state = State::pending;
  std::string host;  // of the callback: "https://news.example:443"
  // What it tells; the rest of the delivery is as stored.
  Status status = Status::unknown;
  int code = 1000;
  WallTime at{};       // of that status
  WallTime created{};  // when it first might have been sent
  std::uint16_t attempts = 0;
  WallTime last_at{};  // of the last attempt
  std::string last;    // what came of it
  std::optional<WallTime> due{};
  std::string unknown_fields{};

  Version version = 0;  // of the stored record; not part of it

  [[nodiscard]] bool outstanding() const noexcept { return state == State::pending; }
  [[nodiscard]] bool parked() const noexcept { return outstanding() && !due; }
  // Stable over all attempts: by it the initiator sees each notification once.
  [[nodiscard]] std::string event_id() const;
};
[[nodiscard]] std::string_view to_string(ResultNotice::State state) noexcept;

[[nodiscard]] bool wants_notice(const PushJob& job) noexcept;

[[nodiscard]] Key report_key(std::string_view push, std::uint32_t index);
[[nodiscard]] std::string parked_term(std::string_view host);
[[nodiscard]] ResultNotice first_notice(const PushJob& job, const Delivery& delivery);
// The display came before anything was sent: that is what is told.
void tell_display(ResultNotice& notice, const Delivery& delivery);
// The delivery as the notification tells it.
[[nodiscard]] Delivery told(const ResultNotice& notice, Delivery delivery);

[[nodiscard]] Expected<ResultNotice> decode_notice(const Record& record);
// Expects the version it was read with (0: must not exist yet).
[[nodiscard]] Put put_of(const ResultNotice& notice);

// Of those deliveries that have one, by recipient. What cannot be read is left out. `deliveries` must outlive the task.
[[nodiscard]] Task<std::map<std::uint32_t, ResultNotice>> find_notices(Store* store, const std::vector<Delivery>* deliveries);

struct CallbackHost {
  std::string name;
  std::uint16_t failures = 0;  // in a row
};
[[nodiscard]] Key callback_host_key(std::string_view name);
[[nodiscard]] Expected<CallbackHost> decode_callback_host(const Record& record);
[[nodiscard]] Put put_of(const CallbackHost& host, WallTime due);

}  // namespace herald::push
