#include "store/store_metrics.h"

namespace herald::store {

StoreMetrics::StoreMetrics(std::string_view driver) {
  constexpr std::array<std::string_view, 6> kCalls{"get", "commit", "scan", "due", "acquire", "release"};
  for (std::size_t i = 0; i < calls_.size(); ++i)
    calls_.at(i) =
        metrics::counter("herald_store_calls_total", "Calls of the record store", {{"driver", driver}, {"call", kCalls.at(i)}});
  for (std::size_t i = 0; i < failures_.size(); ++i)
    failures_.at(i) = metrics::counter("herald_store_errors_total", "Store calls that ended in an error",
                                       {{"driver", driver}, {"reason", to_string(static_cast<ErrorCode>(i))}});
}

}  // namespace herald::store
