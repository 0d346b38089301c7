#include "sip/sip_metrics.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

namespace herald::sip::stats {
namespace {

constexpr std::array<std::string_view, 15> kMethods{"MESSAGE", "REGISTER", "INVITE",    "ACK",    "BYE",
                                                    "CANCEL",  "OPTIONS",  "SUBSCRIBE", "NOTIFY", "PUBLISH",
                                                    "REFER",   "INFO",     "PRACK",     "UPDATE", "other"};
constexpr std::array<std::string_view, 7> kClasses{"none", "1xx", "2xx", "3xx", "4xx", "5xx", "6xx"};
constexpr std::size_t kOrigins = 9;

std::size_t method_index(std::string_view method) {
  const auto* const found = std::find(kMethods.begin(), kMethods.end() - 1, method);
  return static_cast<std::size_t>(found - kMethods.begin());
}
std::size_t class_index(int status) { return status < 100 || status > 699 ? 0 : static_cast<std::size_t>(status / 100); }

// A look-up by labels costs more than a message should; made on first use and kept. One cell may be made twice by two threads,
// which gives the same instrument.
template <std::size_t Size>
class Cells {
 public:
  template <class Make>
  const metrics::Counter& at(std::size_t index, Make make) {
    thread_local std::array<std::pair<bool, metrics::Counter>, Size> cells{};
    auto& [made, counter] = cells[index];
    if (!std::exchange(made, true)) counter = make();
    return counter;
  }
};

}  // namespace

void dropped(Drop reason, double n) {
  static const std::array<metrics::Counter, 9> counters = [] {
    constexpr std::array<std::string_view, 9> names{"malformed",        "stray_response", "too_large",
                                                    "too_many_headers", "unanswered",     "not_listening",
                                                    "response_lost",    "no_handler",     "not_sent"};
    std::array<metrics::Counter, 9> out{};
    for (std::size_t i = 0; i < names.size(); ++i) {
      out[i] =
          metrics::counter("herald_sip_dropped_total", "SIP messages refused or dropped by the stack", {{"reason", names[i]}});
    }
    return out;
  }();
  counters[static_cast<std::size_t>(reason)].add(n);
}

void request_in(std::string_view method, int status) {
  static Cells<kMethods.size() * kClasses.size()> cells;
  const auto m = method_index(method);
  const auto c = class_index(status);
  cells
      .at(m * kClasses.size() + c,
          [&] {
            return metrics::counter("herald_sip_requests_in_total", "Requests received, by the class of our final response",
                                    {{"method", kMethods[m]}, {"class", kClasses[c]}});
          })
      .add();
}

void request_out(std::string_view method, int status, ResponseOrigin origin) {
  static Cells<kMethods.size() * kClasses.size() * kOrigins> cells;
  const auto m = method_index(method);
  const auto c = class_index(status);
  const auto o = static_cast<std::size_t>(origin);
  cells
      .at((m * kClasses.size() + c) * kOrigins + o,
          [&] {
            return metrics::counter("herald_sip_requests_out_total",
                                    "Requests sent, by the class and origin of the final response",
                                    {{"method", kMethods[m]}, {"class", kClasses[c]}, {"origin", to_string(origin)}});
          })
      .add();
}

void retransmitted_in(double n) {
  static const auto counter = metrics::counter("herald_sip_retransmissions_in_total", "Retransmitted requests absorbed");
  counter.add(n);
}

ClientGauges& client_gauges() {
  static ClientGauges gauges = [] {
    const auto state = [](std::string_view name) {
      return metrics::gauge("herald_sip_client_transactions", "Client transactions by state", {{"state", name}});
    };
    const auto hops = [](std::string_view name) {
      return metrics::gauge("herald_sip_next_hops", "Known next hops by state", {{"state", name}});
    };
    return ClientGauges{state("resolving"), state("waiting"), state("sent"), hops("up"), hops("down")};
  }();
  return gauges;
}

}  // namespace herald::sip::stats
