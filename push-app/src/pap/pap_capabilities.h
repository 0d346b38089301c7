// Client capabilities as UAProf in RDF: what we tell (ccq-response) and what an initiator assumes (third entity of a push).
// pap.md 2, 6; status-mapping.md 9. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capability/capability_report.h"
#include "text/problem.h"

namespace herald::push::pap {

// What an initiator assumes about the receiver.
struct Assumed {
  std::vector<std::string> types;         // Push-Accept, CcppAccept
  std::vector<std::string> encodings;     // Push-Accept-Encoding, CcppAccept-Encoding
  std::vector<std::string> applications;  // Push-Accept-AppID
  std::size_t max_size = 0;               // Push-MsgSize; 0: not said
};
// 2000: no XML. 3004: not RDF, or nothing in it that can be compared.
[[nodiscard]] Checked<Assumed> read_profile(std::string_view xml);

// Is anything known about the user beyond what holds for everybody? 3008 else.
[[nodiscard]] bool knows_something(const CapabilityReport& report);
// 2005: a type, encoding or size that he does not take. 2006: an application that he does not have. 3008: nothing is known.
[[nodiscard]] Checked<void> compare(const Assumed& assumed, const CapabilityReport& report);

// What is known about the user for that application.
[[nodiscard]] std::string write_profile(const CapabilityReport& report);

}  // namespace herald::push::pap
