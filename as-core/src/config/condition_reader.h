// The `when` of a trigger: YAML to condition tree, with the rules of the grammar. service-profile-ifc.md 7.2
// Thread: pure functions.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "herald/config.h"
#include "herald/service_profile.h"

namespace herald {

// Nothing when the condition is wrong; `issues` then says what, with the SPF code first.
[[nodiscard]] std::optional<Condition> read_condition(const ConfigNode& node, const std::string& path, ConfigIssues& issues);

// Which methods can fulfil the condition: `names`, or all but `names`. Never too few.
struct MethodSet {
  bool all_but = true;
  std::set<std::string> names;
  [[nodiscard]] bool contains(const std::string& method) const { return names.contains(method) != all_but; }
  [[nodiscard]] bool only(const std::string& method) const { return !all_but && names.size() == 1 && names.contains(method); }
  [[nodiscard]] bool empty() const { return !all_but && names.empty(); }
};
[[nodiscard]] MethodSet possible_methods(const Condition& condition);

// Which session cases can fulfil it. Never too few.
[[nodiscard]] std::set<SessionCase> possible_cases(const Condition& condition);

}  // namespace herald
