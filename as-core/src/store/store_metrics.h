// The store's instruments: the same names whatever the driver.
// Thread: any.
#pragma once

#include <array>
#include <string_view>

#include "herald/expected.h"
#include "herald/metrics.h"

namespace herald::store {

enum class StoreCall { get, commit, scan, due, acquire, release };

class StoreMetrics {
 public:
  explicit StoreMetrics(std::string_view driver);
  void call(StoreCall what) const noexcept { calls_.at(static_cast<std::size_t>(what)).add(); }
  // Errors by reason; conflict and not_found are answers, not failures, and appear under their own reason.
  void failed(ErrorCode code) const noexcept { failures_.at(static_cast<std::size_t>(code)).add(); }

 private:
  std::array<metrics::Counter, 6> calls_;
  std::array<metrics::Counter, 13> failures_;
};

}  // namespace herald::store
