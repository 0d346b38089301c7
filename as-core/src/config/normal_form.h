// A condition tree as the groups of service point triggers that an iFC can hold. SPF-1..SPF-5
// Thread: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "herald/expected.h"
#include "herald/service_profile.h"

namespace herald {

// Method with the registration types that hang on it (SPF-1).
struct MethodSpt {
  std::string name;
  std::vector<RegistrationType> registration;  // sorted; none: any
  auto operator<=>(const MethodSpt&) const = default;
};
struct CaseSpt {
  SessionCase value = SessionCase::originating;
  auto operator<=>(const CaseSpt&) const = default;
};
struct UriSpt {
  std::string regex;
  auto operator<=>(const UriSpt&) const = default;
};
struct HeaderSpt {
  std::string name_regex;
  std::optional<std::string> value;
  auto operator<=>(const HeaderSpt&) const = default;
};
struct SdpSpt {
  std::string line;
  std::optional<std::string> value;
  auto operator<=>(const SdpSpt&) const = default;
};

// Service point trigger. The order of the alternatives is that inside a group (SPF-5).
struct Spt {
  std::variant<MethodSpt, CaseSpt, UriSpt, HeaderSpt, SdpSpt> test;
  bool negated = false;
  auto operator<=>(const Spt&) const = default;
};

struct NormalForm {
  bool cnf = false;  // ConditionTypeCNF
  std::vector<std::vector<Spt>> groups;
  bool always = false;  // no TriggerPoint needed (SPF-4)
  bool never = false;   // SPF-E33
  [[nodiscard]] std::size_t size() const noexcept;
};

// Error{too_large} when it takes more than 64 groups or 256 SPTs (SPF-E13). Form automatic: the smaller of both.
Expected<NormalForm> normal_form(const Condition& condition, ServiceTrigger::Form form);

}  // namespace herald
