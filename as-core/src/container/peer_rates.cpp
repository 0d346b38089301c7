#include "container/peer_rates.h"

#include <algorithm>

namespace herald::container {
namespace {
// A peer that was silent for longer has a full bucket again: nothing is lost by forgetting it.
constexpr Duration kIdle = std::chrono::seconds(1);
}  // namespace

PeerRates::Bucket& PeerRates::bucket_of(const std::string& host, double rate) {
  if (const auto known = peers_.find(host); known != peers_.end()) {
    recent_.splice(recent_.begin(), recent_, known->second);
    return *known->second;
  }
  const auto now = clock_.now();
  if (peers_.size() >= limits_.max_peers) {
    // Spoofed addresses must not push out those that are being limited.
    if (recent_.empty() || now - recent_.back().at < kIdle) return others_;
    peers_.erase(recent_.back().host);
    recent_.pop_back();
  }
  recent_.push_front({host, std::max(1.0, rate), now});
  peers_.emplace(host, recent_.begin());
  return recent_.front();
}

bool PeerRates::admit(const std::string& host, bool trusted) {
  const double rate = trusted ? limits_.trusted : limits_.untrusted;
  if (rate <= 0) return true;
  auto& bucket = bucket_of(host, rate);
  const auto now = clock_.now();
  const double passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.tokens = std::min(std::max(1.0, rate), bucket.tokens + passed * rate);
  bucket.at = now;
  if (bucket.tokens < 1.0) return false;
  bucket.tokens -= 1.0;
  return true;
}

}  // namespace herald::container
