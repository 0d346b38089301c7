// herald_push_*: handles taken once. No identity becomes a label.
// Thread: any.
#pragma once

#include "herald/metrics.h"
#include "push/push_job.h"

namespace herald::push {

class PushMetrics {
 public:
  PushMetrics();

  void accepted(std::size_t recipients) const;
  void refused_submission(int http) const;
  void attempt(Mode mode) const;
  void outcome(std::string_view cause) const;  // "sip:486" counts as sip/4xx
  void finished(const Delivery& delivery, WallTime now) const;
  void possible_duplicate(std::string_view reason) const;  // "restart", "unknown_outcome"
  void store_failure(std::string_view what) const;
  void waiting(double change) const { waiting_.add(change); }
  void in_flight(double change) const { in_flight_.add(change); }
  void own_push_returned() const { returned_.add(); }
  void foreign_message() const { foreign_.add(); }
  void report(std::string_view result) const;  // a closed set of words: to_string(ReportEffect::Kind), "stranger", "missing" ..
  void unknown_report() const { unknown_reports_.add(); }

 private:
  metrics::Counter pushes_, recipients_, returned_, foreign_, unknown_reports_;
  metrics::Gauge waiting_, in_flight_;
  metrics::Histogram latency_;
};

}  // namespace herald::push
