// The instruments of one HTTP server.
#pragma once

#include <array>
#include <string>

#include "herald/metrics.h"
#include "io/http_connection.h"

namespace herald::io {

class HttpMetrics {
 public:
  explicit HttpMetrics(const std::string& server)
      : connections(metrics::gauge("herald_http_connections", "Open HTTP connections.", {{"server", server}})),
        connections_limit(
            metrics::gauge("herald_http_connections_limit", "Most HTTP connections allowed.", {{"server", server}})),
        in_flight(metrics::gauge("herald_http_requests_in_flight", "Requests that handlers have not answered yet.",
                                 {{"server", server}})),
        in_flight_limit(
            metrics::gauge("herald_http_requests_in_flight_limit", "Most unanswered requests allowed.", {{"server", server}})),
        streams(metrics::gauge("herald_http_streams", "Responses that go on.", {{"server", server}})),
        streams_limit(metrics::gauge("herald_http_streams_limit", "Most of them.", {{"server", server}})) {
    for (std::size_t i = 0; i < drops_.size(); ++i)
      drops_[i] = metrics::counter("herald_http_dropped_total", "HTTP connections, requests and answers dropped or refused.",
                                   {{"server", server}, {"reason", to_string(static_cast<HttpDrop>(i))}});
    static constexpr std::array<std::string_view, 6> kClasses{"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
    for (std::size_t i = 0; i < kClasses.size(); ++i)
      answers_[i] = metrics::counter("herald_http_responses_total", "HTTP answers by class of status.",
                                     {{"server", server}, {"class", kClasses[i]}});
  }

  void dropped(HttpDrop reason, double count = 1) const noexcept { drops_[static_cast<std::size_t>(reason)].add(count); }
  void answered(int status) const noexcept {
    answers_[status >= 100 && status < 600 ? static_cast<std::size_t>(status / 100) : 0].add();
  }

  metrics::Gauge connections;
  metrics::Gauge connections_limit;
  metrics::Gauge in_flight;
  metrics::Gauge in_flight_limit;
  metrics::Gauge streams;
  metrics::Gauge streams_limit;

 private:
  std::array<metrics::Counter, static_cast<std::size_t>(HttpDrop::count_)> drops_{};
  std::array<metrics::Counter, 6> answers_{};
};

}  // namespace herald::io
