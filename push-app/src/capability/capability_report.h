// What is known about one user's receivers, as the JSON of GET /v1/capabilities/{user}. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "capability/capabilities.h"
#include "herald/registration_view.h"

namespace herald::push {

struct CapabilityReport {
  std::string user;
  std::string application;                   // merged for it; empty: each fact for its own
  std::optional<Registration> registration;  // none: not registered
  std::vector<CapabilityFact> facts;
  std::vector<std::string> asked;  // by OPTIONS in this registration
  bool user_unknown = false;       // the HSS does not know him
  bool profile_failed = false;     // the HSS did not say what is provisioned
  WallTime now{};
};

[[nodiscard]] std::string to_json(const CapabilityReport& report);

}  // namespace herald::push
