// What ISC says about an initial request: on whose behalf, in which session case, from whom. TS 24.229 5.7.1.3A, RFC 5502.
// Thread: value type. AS-1, AS-2, AS-30..AS-34, AS-40.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "herald/sip_uri.h"

namespace herald {

enum class SessionCase {
  originating,               // iFC SessionCase 0
  terminating_registered,    // 1
  terminating_unregistered,  // 2
  originating_unregistered,  // 3
  originating_cdiv,          // 4
};

struct IscContext {
  bool trusted = false;  // sent by a configured peer; without trust every P- header was removed before anybody looked

  // AS-30: P-Served-User, else P-Asserted-Identity (originating) or the Request-URI (terminating). Empty when nobody is
  // served: a request for a PSI that came without the S-CSCF's mark.
  std::string served_user;  // as received
  SessionCase session_case = SessionCase::terminating_registered;

  // Our own Route URI that the iFC names, popped by the container: its app= and sess= parameters choose the module (AS-1).
  std::optional<SipUri> popped_route;
  // The remaining Route values byte for byte; the first holds the original dialog identifier (AS-40).
  std::vector<std::string> onward_route;
  [[nodiscard]] bool has_onward_route() const noexcept { return !onward_route.empty(); }

  std::vector<NameAddr> asserted_identity;  // P-Asserted-Identity, at most two used
  std::string icid;                         // P-Charging-Vector icid-value
  std::string orig_ioi;
  std::string access_network_info;   // P-Access-Network-Info, verbatim
  std::string visited_network;       // P-Visited-Network-ID, verbatim
  std::string charging_addresses;    // P-Charging-Function-Addresses, verbatim
  std::string asserted_service;      // first P-Asserted-Service
  bool wants_privacy_of_id = false;  // Privacy: id (AS-33)
};

}  // namespace herald
