// Latencies of one phase: quantiles and a histogram, as JSON.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace bench {

class Latencies {
 public:
  void add(double milliseconds) { all_.push_back(static_cast<float>(milliseconds)); }
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  // {"p50":…,"p90":…,"p99":…,"p999":…,"max":…,"histogram":[[upper bound in ms, how many],…]}: ten classes a decade.
  [[nodiscard]] std::string json() {
    std::sort(all_.begin(), all_.end());
    std::string out = "{";
    for (const auto& [name, q] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1.0}})
      out += '"' + std::string(name) + "\":" + text(quantile(q)) + ',';
    out += "\"histogram\":[";
    std::size_t at = 0;
    for (int step = -20; at < all_.size(); ++step) {
      const double upper = std::pow(10.0, step / 10.0);
      std::size_t count = 0;
      for (; at < all_.size() && (static_cast<double>(all_[at]) <= upper || step >= 60); ++at) ++count;
      if (count != 0) out += (out.back() == '[' ? "[" : ",[") + text(upper) + ',' + std::to_string(count) + ']';
    }
    return out + "]}";
  }

 private:
  [[nodiscard]] double quantile(double q) const {
    return all_.empty() ? 0.0 : static_cast<double>(all_[static_cast<std::size_t>(q * static_cast<double>(all_.size() - 1))]);
  }
  static std::string text(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.3f", value);
    return buffer;
  }
  std::vector<float> all_;
};

}  // namespace bench
