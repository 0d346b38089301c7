// Initial filter criteria as plain values: what the exporter writes and what a user profile of the HSS holds.
// Thread: values.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/normal_form.h"

namespace herald::ims {

struct TriggerPoint {
  bool cnf = false;
  std::vector<std::vector<Spt>> groups;  // in order of their numbers
  auto operator<=>(const TriggerPoint&) const = default;
};

struct FilterCriteria {
  int priority = 0;
  std::optional<TriggerPoint> trigger;  // none: unconditional (IFC-3)
  std::string server_name;
  bool terminate_on_failure = false;  // DefaultHandling; absent = continued (IFC-11)
  std::string service_info;
  bool include_register_request = false;
  bool include_register_response = false;
  ServiceTrigger::ProfilePart profile_part = ServiceTrigger::ProfilePart::both;
  auto operator<=>(const FilterCriteria&) const = default;
};

struct PublicIdentityEntry {
  std::string uri;
  bool barred = false;
  ServiceIdentity::Type type = ServiceIdentity::Type::public_user;
  auto operator<=>(const PublicIdentityEntry&) const = default;
};

// One ServiceProfile element.
struct UserProfile {
  std::vector<PublicIdentityEntry> identities;  // none: the subscribers' own, which are the HSS's to add
  std::vector<FilterCriteria> criteria;         // by priority
  std::vector<std::uint32_t> shared_sets;
  std::optional<std::uint32_t> shared_set;  // this is no ServiceProfile but the shared set of that number
  auto operator<=>(const UserProfile&) const = default;
};

struct IfcDocument {
  std::vector<UserProfile> profiles;
  auto operator<=>(const IfcDocument&) const = default;
};

}  // namespace herald::ims
