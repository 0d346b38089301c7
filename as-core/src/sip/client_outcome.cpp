#include "sip/client_outcome.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <utility>

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

std::optional<Duration> retry_after(const SipMessage& response) {
  const auto value = response.headers.get("Retry-After");
  if (!value) return std::nullopt;
  long long seconds = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error != std::errc() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min<long long>(seconds, 86400));
}

SipMessage local_response(const SipMessage& request, int status, std::string reason, std::optional<Duration> retry) {
  SipMessage out;
  if (reason.empty()) reason = sip_reason_phrase(status);
  out.start = SipStatusLine{status, std::move(reason)};
  for (const char* name : {"From", "To", "Call-ID", "CSeq"}) {
    if (const auto value = request.headers.get(name)) out.headers.add(name, std::string(*value));
  }
  if (retry) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*retry).count();
    out.headers.add("Retry-After", std::to_string(std::max<long long>(1, seconds)));
  }
  return out;
}

}  // namespace herald::sip
