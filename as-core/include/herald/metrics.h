// Counters, gauges and histograms under names herald_<area>_<what>_<unit>. No identity ever becomes a label.
// Thread: handles may be used from any thread. Lifetime: a handle is valid for the life of the process; get it once and keep it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace herald::metrics {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class Counter {
 public:
  void add(double n = 1) const noexcept;

 private:
  friend Counter counter(std::string_view, std::string_view, Labels);
  void* impl_ = nullptr;
};

class Gauge {
 public:
  void set(double value) const noexcept;
  void add(double n) const noexcept;

 private:
  friend Gauge gauge(std::string_view, std::string_view, Labels);
  void* impl_ = nullptr;
};

class Histogram {
 public:
  void observe(double value) const noexcept;

 private:
  friend Histogram histogram(std::string_view, std::string_view, const std::vector<double>&, Labels);
  void* impl_ = nullptr;
};

// The same name and labels give the same instrument.
[[nodiscard]] Counter counter(std::string_view name, std::string_view help, Labels labels = {});
[[nodiscard]] Gauge gauge(std::string_view name, std::string_view help, Labels labels = {});
[[nodiscard]] Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& buckets,
                                  Labels labels = {});

// Prometheus text format 0.0.4 of everything.
[[nodiscard]] std::string text();

}  // namespace herald::metrics
