// Requests per second and source address: a flood from one peer must not starve the others. S-10.
// Thread: one shard. Bounded: addresses beyond the table share one bucket.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "herald/clock.h"

namespace herald::container {

struct PeerRateLimits {
  double trusted = 0;    // per second, bursts of one second; 0: no limit
  double untrusted = 0;  // the same for all others
  std::size_t max_peers = 10000;
};

class PeerRates {
 public:
  PeerRates(const Clock& clock, PeerRateLimits limits) : clock_(clock), limits_(limits) {}
  // False: over its rate.
  [[nodiscard]] bool admit(const std::string& host, bool trusted);
  void limit(PeerRateLimits limits) noexcept { limits_ = limits; }
  [[nodiscard]] std::size_t size() const noexcept { return peers_.size(); }

 private:
  struct Bucket {
    std::string host;
    double tokens = 0;
    TimePoint at{};
  };
  using Order = std::list<Bucket>;
  [[nodiscard]] Bucket& bucket_of(const std::string& host, double rate);

  const Clock& clock_;
  PeerRateLimits limits_;
  Order recent_;  // most recently heard first
  std::unordered_map<std::string, Order::iterator> peers_;
  Bucket others_;  // of addresses that have no room in the table
};

}  // namespace herald::container
