// What Sh shows of a subscriber, by Data-Reference. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "hss/profile.h"
#include "hss/subscribers.h"

namespace herald::lab {

// TS 29.329 6.3.4, those this HSS serves
enum class DataReference : std::uint32_t {
  repository_data = 0,
  public_identity = 10,
  user_state = 11,
  scscf_name = 12,
  filter_criteria = 13,
};

struct ShKey {
  DataReference reference{};
  std::string service;      // Service-Indication, for repository data
  std::string server_name;  // for filter criteria
  friend auto operator<=>(const ShKey&, const ShKey&) = default;
};

// Adds to the view. False: the reference is not one of ours. Nothing added: there is no such data.
[[nodiscard]] bool look_up(const Subscriber& user, const ShKey& key, ShView& view);

// What both ends of the change look like under this key, told apart by their XML; SH-46: AUTHENTICATION_PENDING is no change.
[[nodiscard]] bool is_news(const Subscriber& before, const Subscriber& after, const ShKey& key);

}  // namespace herald::lab
