// What a final answer, or none, means for a push: status-mapping.md 5 and 6 as one table. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "herald/sip_servlet.h"
#include "push/push_job.h"

namespace herald::push {

// status-mapping.md 4.
enum class RetryClass : std::uint8_t {
  none,          // success
  never,         // N
  transient,     // T
  after,         // A: like T, but not before Retry-After
  fix,           // F: repair and repeat at once, else final
  reachability,  // R: wait for a registration
  consent,       // C
  unknown,       // U: nobody knows whether it arrived
};
[[nodiscard]] std::string_view to_string(RetryClass retry) noexcept;

// One row: the SIP status (0: the default of its class, "other 4xx").
struct StatusRow {
  int sip = 0;
  RetryClass retry = RetryClass::never;
  Status final_status = Status::undeliverable;
  int code = 3000;
  bool alarm = false;  // our own fault or a misconfigured core: an operator must look
};
[[nodiscard]] std::span<const StatusRow> status_rows() noexcept;

// How a session of messages ended after its INVITE was accepted: status-mapping.md 8.
struct SessionOutcome {
  enum class End : std::uint8_t {
    sent,         // every byte was acknowledged (SM-16)
    refused,      // by `code`, of a response or a REPORT
    unusable,     // the answer takes no such type, or not that much (PS-42)
    unreachable,  // no connection with the peer
    silent,       // 30 s without a response (PS-46)
    lost,         // the connection ended before all was acknowledged
    left,         // so did the peer's BYE (PS-48)
    recalled,     // we ended it: the initiator cancelled
    unanswered,   // no final response to the INVITE in time
  };
  End end = End::sent;
  int code = 200;
  std::string comment{};
  bool report_asked = false;
  bool reported = false;       // success REPORTs cover every byte
  bool through_relay = false;  // the 200s were a relay's
  bool overloaded = false;     // the peer's BYE said 503
  bool too_large = false;      // unusable because of `max_size`
  std::optional<std::uint64_t> max_size{};
};

// What came of one request, as the sender saw it.
struct Outcome {
  ResponseOrigin origin = ResponseOrigin::peer;
  int sip = 0;  // 200..699
  std::optional<Duration> retry_after;
  std::string reason_header;  // Reason (RFC 3326)
  std::string warning;        // Warning
  std::string response_source;
  std::string trigger_consent{};               // of a 470 (RFC 5360)
  std::vector<std::string> accept;             // of a 415: media types
  std::vector<std::string> contacts;           // of a 3xx: URIs
  std::string sent_type{};                     // what the content was wrapped in; empty: nothing
  std::vector<std::string> accept_encoding{};  // of a 415
  std::vector<std::string> unsupported{};      // of a 420
  std::optional<SessionOutcome> session{};     // what came after the 200 to an INVITE; `accept` is of its answer then
  bool sent_gzip = false;
};

struct Reading {
  RetryClass retry = RetryClass::never;
  Status final_status = Status::undeliverable;  // when nothing is left to try
  int code = 3000;
  std::string cause;   // "sip:486", "timer:F"
  std::string detail;  // SM-12
  bool alarm = false;
  bool nothing_sent = false;           // the request never left: does not count as an attempt
  std::optional<Evidence> evidence{};  // what it proves, when that is not plain from the status
  bool else_transient = false;         // class F without another way: like T
};
[[nodiscard]] Reading read_outcome(const Outcome& outcome);

}  // namespace herald::push
