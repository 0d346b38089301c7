// Switches that make the HSS misbehave, one set per application, so that registration goes on while Sh fails.
// Thread: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "herald/expected.h"

namespace herald::lab {

enum class FaultKind : std::uint8_t { none, silent, slow, result, experimental, rubbish };
enum class RubbishKind : std::uint8_t {
  xml,        // 2001 with User-Data that is not XML
  no_result,  // neither Result-Code nor Experimental-Result (SH-04)
  unknown_m,  // an AVP nobody knows, with the M bit, before Result-Code (FD-60)
};

struct Fault {
  FaultKind kind = FaultKind::none;
  std::chrono::milliseconds delay{0};
  std::uint32_t code = 0;
  RubbishKind rubbish = RubbishKind::xml;
};

// "none" | "silent" | "slow MS" | "result CODE" | "error CODE" | "rubbish xml|no_result|unknown_m"
[[nodiscard]] Expected<Fault> parse_fault(std::string_view words);

class Faults {
 public:
  [[nodiscard]] Fault of(std::uint32_t application) const;
  void set(std::uint32_t application, Fault fault);

 private:
  mutable std::mutex mutex_;
  Fault cx_;
  Fault sh_;
};

}  // namespace herald::lab
