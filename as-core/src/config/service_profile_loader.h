// Service profiles, one YAML file a service: what we accept and what the HSS must send. service-profile-ifc.md 7.1
// Every issue's text begins with its SPF code. Any error refuses all files: the former good ones stay in use.
// Thread: any; load at start and for a reload.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/config.h"
#include "herald/service_profile.h"

namespace herald {

struct ServiceRules {
  // Modules that are deployed (SPF-E03); none: not checked.
  std::vector<std::string> applications;
};

// Nothing when a file cannot be used; ids and priorities are unique over all of them (SPF-E02, SPF-E11).
[[nodiscard]] std::optional<std::vector<ServiceProfile>> load_service_profiles(const std::vector<std::string>& files,
                                                                               const ServiceRules& rules, ConfigIssues& issues);

// One file's text.
[[nodiscard]] std::optional<ServiceProfile> parse_service_profile(std::string_view text, const std::string& name,
                                                                  const ServiceRules& rules, ConfigIssues& issues);

// Rows for the reference.
[[nodiscard]] std::vector<ConfigKeyDoc> service_profile_documentation();

}  // namespace herald
