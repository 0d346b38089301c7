#include "event/watch_metrics.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace herald::event {

const metrics::Gauge& watches_gauge() {
  static const auto gauge = metrics::gauge("herald_event_watches_count", "Subscriptions of our own");
  return gauge;
}

void count_subscribe(int status, bool local) {
  static const std::array<metrics::Counter, 7> counters = [] {
    std::array<metrics::Counter, 7> all;
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = metrics::counter("herald_event_subscribe_responses_total", "Final responses to SUBSCRIBEs of our own",
                                {{"class", i == 0 ? "none" : std::to_string(i) + "xx"}});
    }
    return all;
  }();
  const auto index = local ? 0 : static_cast<std::size_t>(std::clamp(status, 100, 699)) / 100;
  counters[index].add();
}

void count_notify(int status) {
  const auto make = [](std::string_view answer) {
    return metrics::counter("herald_event_notifies_received_total", "NOTIFYs for subscriptions of our own", {{"answer", answer}});
  };
  static const auto good = make("200");
  static const auto unmatched = make("481");
  static const auto package = make("489");
  static const auto type = make("415");
  static const auto other = make("other");
  switch (status) {
    case 200:
      return good.add();
    case 481:
      return unmatched.add();
    case 489:
      return package.add();
    case 415:
      return type.add();
    default:
      return other.add();
  }
}

}  // namespace herald::event
