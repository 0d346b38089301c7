// How the Sh client behaves. TS 29.328; SH sections 7 to 9.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "herald/clock.h"

namespace herald::diameter {

struct ShOptions {
  std::string destination_realm;  // empty: that of the stack

  Duration request_timeout = std::chrono::seconds(2);  // of one request, by our own timer (FD-33)
  Duration total_budget = std::chrono::seconds(5);     // of one question with its retries (SH-64)
  unsigned max_backoff_retries = 3;                    // after 4100: 1, 2, 4 s, inside the budget
  std::size_t max_in_flight = 200;                     // requests to the HSS at one time; beyond: busy (SH-68)
  std::size_t max_waiting = 20000;                     // askers waiting for them

  // How long an answer counts as fresh.
  Duration repository_ttl = std::chrono::seconds(30);
  Duration user_state_ttl = std::chrono::seconds(10);
  Duration scscf_name_ttl = std::chrono::seconds(10);
  Duration identities_ttl = std::chrono::hours(1);
  Duration negative_ttl = std::chrono::seconds(60);       // user unknown
  Duration permission_memory = std::chrono::minutes(10);  // 5102: not asked again
  Duration stale_grace = std::chrono::seconds(300);       // beyond its TTL, an answer stands in while the HSS fails

  std::size_t cache_bytes = std::size_t{64} * 1024 * 1024;
  std::size_t cache_entries = 200000;
  std::size_t max_user_data = std::size_t{64} * 1024;  // octets of one Sh-Data document (SH-23)
};

}  // namespace herald::diameter
