#include "push_metrics.h"

#include <map>
#include <string>

namespace herald::push {
namespace {

// 1000 -> "1xxx": the class of a PAP code.
std::string code_class(int code) { return std::to_string(code / 1000) + "xxx"; }

// "sip:486" -> "sip:4xx"; others as they are (a closed set of words).
std::string cause_class(std::string_view cause) {
  if (cause.starts_with("sip:") && cause.size() == 7) return std::string(cause.substr(0, 5)) + "xx";
  return std::string(cause);
}

// A lookup by name and labels costs as much as a small record's write; the words and classes are few. One table a thread.
template <class Key, class Asked, class Make>
const metrics::Counter& kept(std::map<Key, metrics::Counter, std::less<>>& table, const Asked& key, Make make) {
  auto found = table.find(key);
  if (found == table.end()) found = table.emplace(Key(key), make()).first;
  return found->second;
}

}  // namespace

PushMetrics::PushMetrics()
    : pushes_(metrics::counter("herald_push_accepted_total", "Pushes accepted with 202")),
      recipients_(metrics::counter("herald_push_recipients_total", "Deliveries of accepted pushes")),
      returned_(metrics::counter("herald_push_own_returned_total", "Own MESSAGEs that came back over ISC and were sent on")),
      foreign_(metrics::counter("herald_push_foreign_messages_total", "MESSAGEs of others that were sent on")),
      unknown_reports_(metrics::counter("herald_push_unknown_reports_total", "Disposition notifications that match no push")),
      waiting_(metrics::gauge("herald_push_waiting_deliveries", "Deliveries without final state")),
      in_flight_(metrics::gauge("herald_push_in_flight_deliveries", "Deliveries being worked on")),
      latency_(metrics::histogram("herald_push_latency_seconds", "From acceptance to the final state",
                                  {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400})) {}

void PushMetrics::accepted(std::size_t recipients) const {
  pushes_.add();
  recipients_.add(static_cast<double>(recipients));
}

void PushMetrics::refused_submission(int http) const {
  metrics::counter("herald_push_refused_total", "Submissions refused, by HTTP status", {{"status", std::to_string(http)}}).add();
}

void PushMetrics::attempt(Mode mode) const {
  thread_local std::map<Mode, metrics::Counter, std::less<>> table;
  kept(table, mode, [&] {
    return metrics::counter("herald_push_attempts_total", "Requests sent for a delivery", {{"mode", to_string(mode)}});
  }).add();
}

void PushMetrics::outcome(std::string_view cause) const {
  thread_local std::map<std::string, metrics::Counter, std::less<>> table;
  kept(table, cause, [&] {
    return metrics::counter("herald_push_outcomes_total", "What came of a request", {{"cause", cause_class(cause)}});
  }).add();
}

void PushMetrics::finished(const Delivery& delivery, WallTime now) const {
  using Kind = std::pair<Status, int>;
  thread_local std::map<Kind, metrics::Counter, std::less<>> table;
  kept(table, Kind(delivery.status, delivery.code / 1000), [&] {
    return metrics::counter("herald_push_finished_total", "Deliveries that reached a final state",
                            {{"status", to_string(delivery.status)}, {"code", code_class(delivery.code)}});
  }).add();
  latency_.observe(std::chrono::duration<double>(now - delivery.created).count());
}

void PushMetrics::possible_duplicate(std::string_view reason) const {
  metrics::counter("herald_push_possible_duplicates_total", "Requests repeated although the first may have arrived",
                   {{"reason", reason}})
      .add();
}

void PushMetrics::report(std::string_view result) const {
  metrics::counter("herald_push_reports_total", "Disposition notifications by what became of them, and those that did not come",
                   {{"result", result}})
      .add();
}

void PushMetrics::store_failure(std::string_view what) const {
  metrics::counter("herald_push_store_failures_total", "Store operations of the push module that failed", {{"operation", what}})
      .add();
}

}  // namespace herald::push
