#include "sh_metrics.h"

#include <vector>

namespace herald::diameter {

namespace {

metrics::Counter drop(std::string_view reason) {
  return metrics::counter("herald_sh_drops_total", "Sh requests and answers that were given up, by reason", {{"reason", reason}});
}
metrics::Counter cache(std::string_view outcome) {
  return metrics::counter("herald_sh_cache_total", "Sh questions by what the cache did for them", {{"outcome", outcome}});
}
const std::vector<double>& buckets() {
  static const std::vector<double> kBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5};
  return kBuckets;
}

}  // namespace

ShMetrics::ShMetrics()
    : requests(metrics::counter("herald_sh_requests_total", "Diameter requests sent to the HSS, retries included")),
      retries(metrics::counter("herald_sh_retries_total", "Diameter requests sent again after a result that allows it")),
      seconds(metrics::histogram("herald_sh_request_seconds", "From sending a request to its answer", buckets())),
      cache_hit(cache("hit")),
      cache_miss(cache("miss")),
      cache_stale(cache("stale")),
      joined(cache("joined")),
      pending(metrics::gauge("herald_sh_pending", "Requests to the HSS that wait for an answer")),
      cache_entries(metrics::gauge("herald_sh_cache_entries", "Answers kept")),
      cache_bytes(metrics::gauge("herald_sh_cache_bytes", "Memory of the answers kept")),
      over_limit(drop("over_limit")),
      late_answer(drop("late_answer")),
      repaired(metrics::counter("herald_diameter_answers_repaired_total", "Answers in which AVPs were set aside before reading")),
      unreadable(drop("unreadable")),
      dropped(drop("dropped_by_library")),
      queue_full(drop("queue_full")),
      peers_open(metrics::gauge("herald_diameter_peers_open", "Diameter peers that take requests")),
      notifications_refused(
          metrics::counter("herald_sh_notifications_refused_total", "Push-Notification-Requests answered 5107")) {
  for (std::size_t i = 0; i < kResults; ++i) {
    questions[i] = metrics::counter("herald_sh_questions_total", "Questions to the HSS by result, cached ones included",
                                    {{"result", to_string(static_cast<ShResult>(i))}});
  }
}

const ShMetrics& ShMetrics::instance() {
  static const ShMetrics metrics;
  return metrics;
}

}  // namespace herald::diameter
