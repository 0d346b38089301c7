// Instruments of the Sh client and the peer layer.
#pragma once

#include <array>
#include <cstddef>

#include "herald/metrics.h"
#include "herald/sh.h"

namespace herald::diameter {

struct ShMetrics {
  ShMetrics();
  static const ShMetrics& instance();

  static constexpr std::size_t kResults = 8;
  std::array<metrics::Counter, kResults> questions;  // as answered to the asker, by result
  metrics::Counter requests;                         // sent to the HSS, retries included
  metrics::Counter retries;
  metrics::Histogram seconds;  // of one request that was answered
  metrics::Counter cache_hit, cache_miss, cache_stale, joined;
  metrics::Gauge pending, cache_entries, cache_bytes;
  metrics::Counter over_limit, late_answer, repaired, unreadable, dropped, queue_full;
  metrics::Gauge peers_open;
  metrics::Counter notifications_refused;

  void count(ShResult result) const noexcept { questions[static_cast<std::size_t>(result) % kResults].add(); }
};

}  // namespace herald::diameter
