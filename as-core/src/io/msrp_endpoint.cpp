#include "io/msrp_endpoint.h"

#include "herald/log.h"
#include "io/msrp_hub.h"
#include "io/msrp_log_catalog.h"
#include "io/msrp_session.h"
#include "io/msrp_text.h"
#include "io/msrp_uri.h"

namespace herald::io {

MsrpEndpointService::MsrpEndpointService(std::shared_ptr<MsrpHub> hub) : hub_(std::move(hub)) {}

MsrpEndpointService::~MsrpEndpointService() { close(); }

void MsrpEndpointService::close() { hub_->close(); }

Expected<std::unique_ptr<MsrpEndpointService>> MsrpEndpointService::make(IoLoop& loop, BlobStore& blobs,
                                                                         const MsrpOptions& options,
                                                                         std::unique_ptr<NameLookup> names) {
  std::shared_ptr<const MsrpTls> tls;
  if (!options.tls_listen.empty()) {
    auto loaded = MsrpTls::load(options.tls);
    if (!loaded) return fail(std::move(loaded.error()));
    tls = std::move(*loaded);
  }
  if (!names) names = make_name_lookup(loop);
  auto hub = std::make_shared<MsrpHub>(loop, options.limits, blobs, std::move(tls), std::move(names));
  std::unique_ptr<MsrpEndpointService> made(new MsrpEndpointService(std::move(hub)));
  for (const bool secure : {false, true}) {
    const auto& where = secure ? options.tls_listen : options.listen;
    if (where.empty()) continue;
    if (auto listening = made->listen(where, secure, options.advertised_address); !listening) return fail(listening.error());
  }
  return made;
}

Expected<void> MsrpEndpointService::listen(const std::string& where, bool tls, const std::string& advertised) {
  auto listener = listen_tcp(where);
  if (!listener) return fail(std::move(listener.error()));
  const auto& bound = listener->endpoint.address;
  if (advertised.empty() && (bound == "0.0.0.0" || bound == "::"))
    return fail(ErrorCode::invalid, where + " means every address: msrp.advertised_address must say which one peers can reach");
  (tls ? secure_ : plain_) = Address{advertised.empty() ? bound : advertised, listener->endpoint.port};
  hub_->add_listener(std::move(*listener), tls);
  return {};
}

std::uint16_t MsrpEndpointService::port(bool tls) const noexcept {
  const auto& address = tls ? secure_ : plain_;
  return address ? address->port : std::uint16_t{0};
}

Expected<std::shared_ptr<MsrpSession>> MsrpEndpointService::open(bool tls, MsrpPolicy policy) {
  const auto& address = tls ? secure_ : plain_;
  auto* home = Executor::current();
  if (home == nullptr) return fail(ErrorCode::internal, "MSRP sessions are opened on a shard");
  if (!address || hub_->closed())
    return fail(ErrorCode::unavailable, tls ? "this node has no MSRP address for TLS" : "this node has no MSRP address");
  if (!hub_->reserve_session()) {
    log::event(msrp_events::kTooManySessions, {{"limit", hub_->limits.sessions}});
    return fail(ErrorCode::unavailable, "too many MSRP sessions");
  }
  MsrpDescription own;
  own.address = address->address;
  own.port = address->port;
  own.tls = tls;
  own.path = MsrpUri{tls, address->address, address->port, random_ident(), "tcp"}.text();
  if (tls) own.fingerprint = hub_->tls->fingerprint();
  return make_session(hub_, *home, std::move(own), std::move(policy));
}

}  // namespace herald::io
