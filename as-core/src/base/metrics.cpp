#include "herald/metrics.h"

#include <map>
#include <mutex>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sstream>

namespace herald::metrics {

namespace {

std::map<std::string, std::string> to_map(Labels labels) {
  std::map<std::string, std::string> map;
  for (const auto& [key, value] : labels) map.emplace(key, value);
  return map;
}

// Instruments live as long as the process: handles are plain pointers that static destructors may still use.
class Instruments {
 public:
  prometheus::Counter& counter(std::string_view name, std::string_view help, Labels labels) {
    std::lock_guard lock(mutex_);
    auto& family = find(counters_, name, [&] {
      return &prometheus::BuildCounter().Name(std::string(name)).Help(std::string(help)).Register(registry_);
    });
    return family.Add(to_map(labels));
  }
  prometheus::Gauge& gauge(std::string_view name, std::string_view help, Labels labels) {
    std::lock_guard lock(mutex_);
    auto& family = find(gauges_, name, [&] {
      return &prometheus::BuildGauge().Name(std::string(name)).Help(std::string(help)).Register(registry_);
    });
    return family.Add(to_map(labels));
  }
  prometheus::Histogram& histogram(std::string_view name, std::string_view help, const std::vector<double>& buckets,
                                   Labels labels) {
    std::lock_guard lock(mutex_);
    auto& family = find(histograms_, name, [&] {
      return &prometheus::BuildHistogram().Name(std::string(name)).Help(std::string(help)).Register(registry_);
    });
    return family.Add(to_map(labels), buckets);
  }
  std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, registry_.Collect());
    return out.str();
  }

 private:
  template <class F, class Make>
  static F& find(std::map<std::string, F*, std::less<>>& families, std::string_view name, Make make) {
    auto found = families.find(name);
    if (found == families.end()) found = families.emplace(std::string(name), make()).first;
    return *found->second;
  }

  std::mutex mutex_;
  prometheus::Registry registry_;
  std::map<std::string, prometheus::Family<prometheus::Counter>*, std::less<>> counters_;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*, std::less<>> gauges_;
  std::map<std::string, prometheus::Family<prometheus::Histogram>*, std::less<>> histograms_;
};

Instruments& instruments() {
  static auto* const the_instruments = new Instruments;
  return *the_instruments;
}

}  // namespace

void Counter::add(double n) const noexcept { static_cast<prometheus::Counter*>(impl_)->Increment(n); }
void Gauge::set(double value) const noexcept { static_cast<prometheus::Gauge*>(impl_)->Set(value); }
void Gauge::add(double n) const noexcept { static_cast<prometheus::Gauge*>(impl_)->Increment(n); }
void Histogram::observe(double value) const noexcept { static_cast<prometheus::Histogram*>(impl_)->Observe(value); }

Counter counter(std::string_view name, std::string_view help, Labels labels) {
  Counter handle;
  handle.impl_ = &instruments().counter(name, help, labels);
  return handle;
}
Gauge gauge(std::string_view name, std::string_view help, Labels labels) {
  Gauge handle;
  handle.impl_ = &instruments().gauge(name, help, labels);
  return handle;
}
Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& buckets, Labels labels) {
  Histogram handle;
  handle.impl_ = &instruments().histogram(name, help, buckets, labels);
  return handle;
}

std::string text() { return instruments().text(); }

}  // namespace herald::metrics
