#include "sip/client_outcome.h"

#include <cerrno>

namespace herald::sip {

ResponseOrigin origin_of(int status, int error, Transport transport, bool connected) noexcept {
  if (status == 408) return ResponseOrigin::timer;
  if (status == 487) return ResponseOrigin::cancelled;
  if (transport == Transport::udp) return ResponseOrigin::unreachable;
  if (connected) return ResponseOrigin::connection_lost;
  // Sofia closes a connection whose handshake failed without an errno, or with one of these two.
  const bool handshake = error == 0 || error == EIO || error == EPROTO;
  return transport == Transport::tls && handshake ? ResponseOrigin::tls_failed : ResponseOrigin::connect_failed;
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
