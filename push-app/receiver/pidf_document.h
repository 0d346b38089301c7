// What a receiver publishes of itself. PR-14: PIDF (RFC 3863) with capabilities (RFC 5196) and OMA's service description.
// Thread: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"

namespace herald::receiver {

struct Capabilities {
  std::string entity;   // the user
  std::string contact;  // of this device
  std::vector<std::string> apps;
  std::vector<std::string> types;    // media types and ranges; empty: any
  std::vector<std::string> methods;  // it answers
  std::vector<std::string> events;   // packages
  std::vector<std::string> extensions;
  bool sessions = false;  // of MSRP
};

[[nodiscard]] std::string write_pidf(const Capabilities& capabilities, WallTime now);

}  // namespace herald::receiver
