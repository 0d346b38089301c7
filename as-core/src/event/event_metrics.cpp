#include "event/event_metrics.h"

namespace herald::event {

EventMetrics::EventMetrics()
    : subscriptions(metrics::gauge("herald_event_subscriptions", "Subscriptions to event packages of this node")),
      outstanding(metrics::gauge("herald_event_notifies_outstanding", "NOTIFYs without an answer yet")),
      ready(metrics::gauge("herald_event_notifies_ready", "NOTIFYs that wait for their turn")),
      loaded(metrics::counter("herald_event_subscriptions_loaded_total", "Subscriptions read back at start")),
      nothing_to_tell(metrics::counter("herald_event_notifies_spared_total", "Changes with nothing to tell after all")) {
  const auto fill = [](auto& counters, std::string_view name, std::string_view help, std::string_view label, const auto& values) {
    for (std::size_t i = 0; i < counters.size(); ++i) counters.at(i) = metrics::counter(name, help, {{label, values.at(i)}});
  };
  using Names4 = std::array<std::string_view, 4>;
  fill(notifies_, "herald_event_notifies_total", "NOTIFYs by what became of them", "result",
       Names4{"delivered", "refused", "timed_out", "failed_locally"});
  fill(subscribes_, "herald_event_subscribes_total", "SUBSCRIBEs by kind", "kind",
       std::array<std::string_view, 7>{"initial", "fetch", "refresh", "unsubscribe", "suppressed", "repeated", "refused"});
  fill(lost_, "herald_event_dropped_total", "What the notifier had to give up", "reason",
       Names4{"store_failed", "corrupt", "unknown_package", "package_threw"});
  for (std::size_t i = 0; i < ended_.size(); ++i) {
    const auto reason = to_string(static_cast<EndReason>(i));
    ended_.at(i) = metrics::counter("herald_event_subscriptions_ended_total", "Subscriptions that ended, by reason",
                                    {{"reason", reason.empty() ? "notify_failed" : reason}});
  }
}

}  // namespace herald::event
