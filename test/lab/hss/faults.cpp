#include "hss/faults.h"

#include <charconv>

#include "dictionary/dictionary.h"

namespace herald::lab {

namespace {

Expected<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > 600'000)
    return fail(ErrorCode::invalid, "not a number: '" + std::string(text) + "'");
  return value;
}

}  // namespace

Expected<Fault> parse_fault(std::string_view words) {
  const auto space = words.find(' ');
  const auto kind = words.substr(0, space);
  const auto rest = space == std::string_view::npos ? std::string_view() : words.substr(space + 1);
  Fault fault;
  if (kind == "none") return fault;
  if (kind == "silent") {
    fault.kind = FaultKind::silent;
    return fault;
  }
  if (kind == "rubbish") {
    fault.kind = FaultKind::rubbish;
    if (rest == "no_result") {
      fault.rubbish = RubbishKind::no_result;
    } else if (rest == "unknown_m") {
      fault.rubbish = RubbishKind::unknown_m;
    } else if (rest != "xml" && !rest.empty()) {
      return fail(ErrorCode::invalid, "rubbish is xml, no_result or unknown_m");
    }
    return fault;
  }
  if (kind != "slow" && kind != "result" && kind != "error")
    return fail(ErrorCode::invalid, "a fault is none, silent, slow MS, result CODE, error CODE or rubbish KIND");
  const auto value = number(rest);
  if (!value) return fail(value.error());
  fault.kind = kind == "slow" ? FaultKind::slow : kind == "result" ? FaultKind::result : FaultKind::experimental;
  fault.code = *value;
  fault.delay = std::chrono::milliseconds(kind == "slow" ? *value : 0);
  return fault;
}

Fault Faults::of(std::uint32_t application) const {
  const std::lock_guard lock(mutex_);
  return application == diameter::kApplicationSh ? sh_ : cx_;
}

void Faults::set(std::uint32_t application, Fault fault) {
  const std::lock_guard lock(mutex_);
  (application == diameter::kApplicationSh ? sh_ : cx_) = fault;
}

}  // namespace herald::lab
