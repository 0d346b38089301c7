#include "herald/sip_servlet.h"

namespace herald {

std::string_view to_string(ResponseOrigin origin) noexcept {
  switch (origin) {
    case ResponseOrigin::peer:
      return "peer";
    case ResponseOrigin::timer:
      return "timer";
    case ResponseOrigin::not_resolved:
      return "not_resolved";
    case ResponseOrigin::connect_failed:
      return "connect_failed";
    case ResponseOrigin::connection_lost:
      return "connection_lost";
    case ResponseOrigin::unreachable:
      return "unreachable";
    case ResponseOrigin::tls_failed:
      return "tls_failed";
    case ResponseOrigin::hop_blocked:
      return "hop_blocked";
    case ResponseOrigin::cancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace herald
