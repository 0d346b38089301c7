#include "io/readiness.h"

#include <algorithm>

namespace herald::io {

void Readiness::pass(std::string name) {
  std::lock_guard lock(mutex_);
  states_.insert_or_assign(std::move(name), std::nullopt);
}

void Readiness::fail(std::string name, std::string reason) {
  std::lock_guard lock(mutex_);
  states_.insert_or_assign(std::move(name), std::move(reason));
}

void Readiness::add(std::string name, std::function<std::optional<std::string>()> probe) {
  std::lock_guard lock(mutex_);
  probes_.insert_or_assign(std::move(name), std::move(probe));
}

std::vector<Readiness::Check> Readiness::checks() const {
  std::vector<Check> out;
  decltype(probes_) probes;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, failure] : states_) out.push_back({name, failure});
    probes = probes_;  // called without the lock: a probe may itself set a state
  }
  for (const auto& [name, probe] : probes) out.push_back({name, probe()});
  std::sort(out.begin(), out.end(), [](const Check& a, const Check& b) { return a.name < b.name; });
  return out;
}

bool Readiness::ok() const {
  const auto all = checks();
  return std::none_of(all.begin(), all.end(), [](const Check& check) { return check.failure.has_value(); });
}

}  // namespace herald::io
