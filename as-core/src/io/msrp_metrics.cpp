#include "io/msrp_metrics.h"

#include <string>

namespace herald::io {

std::string_view to_string(MsrpDrop reason) noexcept {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(MsrpDrop::count_)> kNames{"malformed",
                                                                                                   "truncated",
                                                                                                   "stalled",
                                                                                                   "idle",
                                                                                                   "slow_reader",
                                                                                                   "tls",
                                                                                                   "not_proven",
                                                                                                   "connections_limit",
                                                                                                   "sessions_limit",
                                                                                                   "peer_limit",
                                                                                                   "unknown_session",
                                                                                                   "bound_elsewhere",
                                                                                                   "bad_request",
                                                                                                   "bad_range",
                                                                                                   "out_of_order",
                                                                                                   "too_large",
                                                                                                   "type",
                                                                                                   "partial_limit",
                                                                                                   "buffer_limit",
                                                                                                   "storage",
                                                                                                   "unknown_method",
                                                                                                   "unknown_response",
                                                                                                   "unknown_report",
                                                                                                   "aborted",
                                                                                                   "unfinished",
                                                                                                   "mailbox_full"};
  return kNames[static_cast<std::size_t>(reason)];
}

MsrpMetrics::MsrpMetrics() {
  for (std::size_t i = 0; i < drops_.size(); ++i)
    drops_[i] = metrics::counter("herald_msrp_dropped_total", "MSRP connections, requests and messages dropped or refused.",
                                 {{"reason", to_string(static_cast<MsrpDrop>(i))}});
  for (std::size_t i = 0; i < kCodes.size(); ++i) {
    answered_[i] =
        metrics::counter("herald_msrp_responses_total", "MSRP responses.", {{"direction", "out"}, {"code", kCodes[i]}});
    got_answers_[i] =
        metrics::counter("herald_msrp_responses_total", "MSRP responses.", {{"direction", "in"}, {"code", kCodes[i]}});
  }
}

std::size_t MsrpMetrics::index(int status) noexcept {
  const auto text = std::to_string(status);
  for (std::size_t i = 0; i + 1 < kCodes.size(); ++i)
    if (kCodes[i] == text) return i;
  return kCodes.size() - 1;
}

}  // namespace herald::io
