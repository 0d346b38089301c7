// The rules between a push-message and the push that is made of it, in the order of PAP-32. Pure.
#pragma once

#include <string>
#include <vector>

#include "herald/service_profile.h"
#include "pap/pap_address.h"
#include "pap/pap_message.h"
#include "pushes/submission.h"

namespace herald::push::pap {

struct Addressed {
  std::vector<Recipient> to;
  std::vector<std::string> refused;  // left out by partial acceptance
};
// 2002 for a bad one, 3005 for too many.
[[nodiscard]] Checked<Addressed> read_addresses(const std::vector<std::string>& values, const AddressRules& rules,
                                                std::size_t most, bool partial);
// PAP-33: 2001 for a time that is over, 2000 for an order that cannot be.
[[nodiscard]] Checked<void> check_times(const Push& push, WallTime now);
// PAP-38: 3010, 3009.
[[nodiscard]] Checked<void> check_network(const std::optional<Quality>& quality);
// PAP-39, status-mapping.md 3: which evidence the delivery-method asks for.
void apply_quality(const std::optional<Quality>& quality, ReportLevel of_application, Submission& out);
// Everything else that a push-message says.
void apply_push(const Push& push, Submission& out);

}  // namespace herald::push::pap
