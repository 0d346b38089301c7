// Counters of the notifier. Thread: any.
#pragma once

#include <array>
#include <string_view>

#include "herald/metrics.h"
#include "herald/notifier.h"

namespace herald::event {

enum class NotifyResult : std::uint8_t { delivered, refused, timed_out, failed_locally };
enum class SubscribeKind : std::uint8_t { initial, fetch, refresh, unsubscribe, suppressed, repeated, refused };
enum class Lost : std::uint8_t {
  store_failed,     // an update of a record could not be written
  corrupt,          // a record that does not decode
  unknown_package,  // a record of a package that no module brings
  package_threw,    // content() threw
};

class EventMetrics {
 public:
  EventMetrics();
  void notify(NotifyResult result) const noexcept { notifies_[static_cast<std::size_t>(result)].add(); }
  void subscribe(SubscribeKind kind) const noexcept { subscribes_[static_cast<std::size_t>(kind)].add(); }
  void ended(EndReason reason) const noexcept { ended_[static_cast<std::size_t>(reason)].add(); }
  void lost(Lost reason) const noexcept { lost_[static_cast<std::size_t>(reason)].add(); }

  metrics::Gauge subscriptions;
  metrics::Gauge outstanding;
  metrics::Gauge ready;  // NOTIFYs that wait for their turn
  metrics::Counter loaded;
  metrics::Counter nothing_to_tell;

 private:
  std::array<metrics::Counter, 4> notifies_;
  std::array<metrics::Counter, 7> subscribes_;
  std::array<metrics::Counter, 8> ended_;
  std::array<metrics::Counter, 4> lost_;
};

}  // namespace herald::event
