// modules.push.config.pap: the Push Access Protocol's door.
// Thread: immutable once prepared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "herald/config_schema.h"

namespace herald::push {

struct PapConfig {
  bool enabled = true;
  std::string path = "/pap";
  std::uint32_t max_body = std::uint32_t{1} << 20U;  // PAP-02
  std::vector<std::string> names;                    // PAP-51; none: the home domain and ppg.<home domain>
  std::string sender_name = "push-as";
  std::string phone_domain;           // empty: PLMN numbers become tel URIs
  bool credentials_in_query = false;  // PAP-01
  bool partial_acceptance = false;    // PAP-32
};

[[nodiscard]] const ConfigSchema<PapConfig>& pap_schema();

}  // namespace herald::push
