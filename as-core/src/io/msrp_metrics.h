// The instruments of the MSRP endpoint.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "herald/metrics.h"

namespace herald::io {

// Why a connection, a request or a message was dropped or refused: label `reason` of herald_msrp_dropped_total.
enum class MsrpDrop : unsigned {
  malformed,    // not MSRP: the connection is closed
  truncated,    // ended in the middle of a request
  stalled,      // silent in the middle of a request
  idle,         // connected, and no request bound it to a session
  slow_reader,  // does not take what it is sent
  tls,          // the handshake failed
  not_proven,   // fingerprint or chain
  connections_limit,
  sessions_limit,
  peer_limit,
  unknown_session,   // 481
  bound_elsewhere,   // 506
  bad_request,       // 400
  bad_range,         // 400: ranges that contradict each other
  out_of_order,      // 413: a range that a large message cannot take now
  too_large,         // 413
  type,              // 415
  partial_limit,     // 413
  buffer_limit,      // 413
  storage,           // 413
  unknown_method,    // 501
  unknown_response,  // to nothing that was asked
  unknown_report,    // about nothing that was sent
  aborted,           // '#'
  unfinished,        // begun, and the session or the connection ended
  mailbox_full,      // no shard to take it
  count_,
};
[[nodiscard]] std::string_view to_string(MsrpDrop reason) noexcept;

class MsrpMetrics {
 public:
  MsrpMetrics();
  void dropped(MsrpDrop reason) const noexcept { drops_[static_cast<std::size_t>(reason)].add(); }
  void answered(int status) const noexcept { answered_[index(status)].add(); }       // by us
  void got_answer(int status) const noexcept { got_answers_[index(status)].add(); }  // by peers

  metrics::Gauge sessions = metrics::gauge("herald_msrp_sessions", "Open MSRP sessions.");
  metrics::Gauge sessions_limit = metrics::gauge("herald_msrp_sessions_limit", "Most MSRP sessions allowed.");
  metrics::Gauge connections = metrics::gauge("herald_msrp_connections", "Open MSRP connections.");
  metrics::Gauge connections_limit = metrics::gauge("herald_msrp_connections_limit", "Most MSRP connections allowed.");
  metrics::Gauge buffered = metrics::gauge("herald_msrp_buffered_bytes", "Bytes of incoming MSRP messages in memory.");
  metrics::Counter bytes_in = metrics::counter("herald_msrp_bytes_total", "Content of MSRP messages.", {{"direction", "in"}});
  metrics::Counter bytes_out = metrics::counter("herald_msrp_bytes_total", "Content of MSRP messages.", {{"direction", "out"}});
  metrics::Counter messages_in = metrics::counter("herald_msrp_messages_in_total", "Whole MSRP messages received.");
  metrics::Counter sent = outcome("sent");
  metrics::Counter refused = outcome("refused");
  metrics::Counter interrupted = outcome("interrupted");
  metrics::Counter timed_out = outcome("timeout");
  metrics::Counter unreported = outcome("unreported");

 private:
  static metrics::Counter outcome(std::string_view what) {
    return metrics::counter("herald_msrp_messages_out_total", "MSRP messages sent, by what became of them.", {{"outcome", what}});
  }
  static std::size_t index(int status) noexcept;
  std::array<metrics::Counter, static_cast<std::size_t>(MsrpDrop::count_)> drops_{};
  static constexpr std::array<std::string_view, 11> kCodes{"200", "400", "403", "408", "413",  "415",
                                                           "423", "481", "501", "506", "other"};
  std::array<metrics::Counter, kCodes.size()> answered_{};
  std::array<metrics::Counter, kCodes.size()> got_answers_{};
};

}  // namespace herald::io
