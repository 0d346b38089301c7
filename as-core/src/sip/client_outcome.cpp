#include "sip/client_outcome.h"

#include <cerrno>

namespace herald::sip {

ResponseOrigin origin_of(int status, int error, Transport transport) noexcept {
  if (status == 408) return ResponseOrigin::timer;
  if (status == 487) return ResponseOrigin::cancelled;
  if (transport == Transport::udp) return ResponseOrigin::unreachable;
  switch (error) {
    case ECONNREFUSED:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ETIMEDOUT:
    case EADDRNOTAVAIL:
    case EAGAIN:  // no free descriptor or port
    case EMFILE:
    case ENFILE:
      return ResponseOrigin::connect_failed;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case 0:  // closed in good order
      return ResponseOrigin::connection_lost;
    default:
      return transport == Transport::tls ? ResponseOrigin::tls_failed : ResponseOrigin::connection_lost;
  }
}

int local_status(ResponseOrigin origin) noexcept {
  if (origin == ResponseOrigin::timer) return 408;
  if (origin == ResponseOrigin::cancelled) return 487;
  return 503;
}

bool may_fail_over(ResponseOrigin origin) noexcept {
  switch (origin) {
    case ResponseOrigin::connect_failed:
    case ResponseOrigin::unreachable:
    case ResponseOrigin::tls_failed:
    case ResponseOrigin::hop_blocked:
      return true;
    default:
      return false;
  }
}

}  // namespace herald::sip
