// Initial filter criteria as an HSS has them, read back: for `heraldctl ifc diff` and for the round trip (SPF-7).
// Limits: 1 MiB, 64 profiles, 1024 criteria, 4096 SPTs. No DTD, no entities beyond XML's own.
// Thread: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/condition_evaluator.h"
#include "herald/expected.h"
#include "ims/ifc_model.h"

namespace herald::ims {

Expected<IfcDocument> parse_ifc(std::string_view xml);

// What `theirs` does differently from `ours`, a line each. Criteria are matched by priority; those of other servers are left out.
[[nodiscard]] std::vector<std::string> ifc_differences(const IfcDocument& ours, const IfcDocument& theirs);
// The same for what the HSS holds as XML.
Expected<std::vector<std::string>> ifc_differences(const std::vector<ServiceProfile>& services, std::string_view xml);

// The S-CSCF's evaluation: IFC-3, IFC-6, IFC-7.
[[nodiscard]] bool matches(const FilterCriteria& criteria, const RequestView& request, ConditionEvaluator& evaluator);

}  // namespace herald::ims
