// The instruments of the HTTP client.
#pragma once

#include <array>

#include "herald/expected.h"
#include "herald/http.h"
#include "herald/metrics.h"

namespace herald::io {

class HttpClientMetrics {
 public:
  HttpClientMetrics() {
    for (std::size_t i = 0; i < kOutcomes.size(); ++i)
      ended_[i] = metrics::counter("herald_http_client_requests_total", "HTTP requests of this node by what became of them.",
                                   {{"outcome", kOutcomes[i]}});
  }

  void ended(const Expected<HttpResponse>& result) const noexcept {
    if (result) return ended_[static_cast<std::size_t>(result->status / 100 % 6)].add();
    switch (result.error().code) {
      case ErrorCode::timeout:
        return ended_[6].add();
      case ErrorCode::unavailable:
        return ended_[7].add();
      case ErrorCode::forbidden:
        return ended_[8].add();
      case ErrorCode::too_large:
        return ended_[9].add();
      case ErrorCode::corrupt:
        return ended_[10].add();
      default:
        return ended_[0].add();
    }
  }

  metrics::Gauge running = metrics::gauge("herald_http_client_running", "HTTP requests of this node under way.");
  metrics::Gauge running_limit = metrics::gauge("herald_http_client_running_limit", "Most of them at a time.");
  metrics::Gauge waiting = metrics::gauge("herald_http_client_waiting", "HTTP requests of this node that wait for their turn.");
  metrics::Gauge waiting_limit = metrics::gauge("herald_http_client_waiting_limit", "Most of them that may wait.");
  metrics::Counter refused = metrics::counter("herald_http_client_refused_total", "HTTP requests refused: too many waited.");

 private:
  static constexpr std::array<std::string_view, 11> kOutcomes{"other",   "1xx",         "2xx",       "3xx",       "4xx",    "5xx",
                                                              "timeout", "unavailable", "forbidden", "too_large", "corrupt"};
  std::array<metrics::Counter, kOutcomes.size()> ended_{};
};

}  // namespace herald::io
