// The subscriber's push profile: repository data of the HSS (sh-interface.md 6). Comes from outside: bounded and checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/quiet_hours.h"
#include "herald/expected.h"

namespace herald::push {

enum class ConsentState : std::uint8_t { granted, denied, ask };

struct ProfileApplication {
  std::string id;
  std::optional<std::uint32_t> max_bytes;
  bool pager = true;  // modes; absent: pager
  bool store_offline = true;
  std::vector<std::string> content_types;  // exact or "type/*"; empty: any
  bool modes_listed = false;               // the others are said, too
  bool session = false;
  bool indirect = false;
};

struct InitiatorRule {
  std::string match;  // canonical SIP URI, or "*@domain" with scheme
  bool allow = true;
};

struct PushProfile {
  ConsentState consent = ConsentState::ask;
  std::vector<ProfileApplication> applications;
  bool allow_initiators = true;
  std::vector<InitiatorRule> rules;  // first match wins
  std::vector<QuietHours> quiet_hours;

  [[nodiscard]] const ProfileApplication* application(std::string_view id) const noexcept;
  [[nodiscard]] bool allows_initiator(std::string_view identity) const;
};

// Error{unsupported}: a newer major version, to be treated as no profile. Error{corrupt}: anything else that is wrong.
[[nodiscard]] Expected<PushProfile> parse_push_profile(std::string_view xml);

}  // namespace herald::push
