#include "sip/sofia_agent.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>
#include <utility>

#include "herald/log.h"
#include "sip/sip_catalog.h"
#include "sip/sofia_message.h"
#include "sip/tls_directory.h"

namespace herald::sip {
namespace {

unsigned milliseconds(Duration span) {
  return static_cast<unsigned>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

std::string bare(std::string_view host) {
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return std::string(host);
}

url_string_t* as_url(const std::string& text) {
  return reinterpret_cast<url_string_t*>(const_cast<char*>(text.c_str()));  // NOLINT: Sofia reads it
}

// Sofia's NONE: no transports at creation.
url_string_t* no_url() { return reinterpret_cast<url_string_t*>(static_cast<std::intptr_t>(-1)); }  // NOLINT

}  // namespace

bool is_ipv6(std::string_view host) noexcept { return host.find(':') != std::string_view::npos; }

std::string host_port(std::string_view host, std::uint16_t port) {
  std::string out = is_ipv6(host) ? "[" + std::string(host) + "]" : std::string(host);
  return out + ":" + std::to_string(port);
}

SofiaAgent::~SofiaAgent() { close(); }

void SofiaAgent::close() noexcept {
  for (auto* tport : batched_) root_->udp().remove(tport);  // the last responses are sent one by one
  batched_.clear();
  if (agent_) nta_agent_destroy(std::exchange(agent_, nullptr));
  locals_.clear();
}

Expected<void> SofiaAgent::open(SofiaRoot& root, const StackOptions& options, nta_message_f* on_message, void* magic) {
  // Messages over max_message_bytes are still taken, so that they can be answered 513; beyond this Sofia answers 413 itself
  // and closes the connection.
  const auto hard_limit = static_cast<usize_t>(std::min<std::size_t>(2 * options.max_message_bytes + 64 * 1024, 1U << 30U));
  const auto t1 = milliseconds(options.t1);
  root_ = &root;
  batch_ = options.udp_batch;
  // UA(0), MERGE_482(0), REL100(0), CANCEL_487(0): dialogs, merged requests, reliable responses and the answer to a cancelled
  // INVITE are the container's business.
  // BAD_REQ_MASK: any fault in the few header fields Sofia parses for us is answered 400.
  // UDP_MTU: the switch to TCP is ours (PS-22); Sofia's would fall back to UDP.
  agent_ =
      nta_agent_create(root.handle(), no_url(), on_message, static_cast<nta_agent_magic_t*>(magic),
                       NTATAG_MCLASS(transaction_class()), NTATAG_SIPFLAGS(MSG_DO_EXTRACT_COPY), NTATAG_BAD_REQ_MASK(~0U),
                       NTATAG_UA(0), NTATAG_MERGE_482(0), NTATAG_REL100(0), NTATAG_CANCEL_487(0), NTATAG_EXTRA_100(1),
                       NTATAG_PASS_100(0), NTATAG_USE_NAPTR(0), NTATAG_USE_SRV(0), NTATAG_MAXSIZE(hard_limit),
                       NTATAG_UDP_MTU(65535), NTATAG_SIP_T1(t1), NTATAG_SIP_T1X64(t1 * 64), NTATAG_SERVER_RPORT(1), TAG_END());
  if (!agent_) return fail(ErrorCode::internal, "nta_agent_create failed");

  std::string tls_path;
  Expected<TlsDirectory> tls = TlsDirectory{};
  const bool wants_tls = std::any_of(options.listen.begin(), options.listen.end(),
                                     [](const ListenAddress& address) { return address.transport == Transport::tls; });
  if (wants_tls) {
    tls = TlsDirectory::make(options.tls);
    if (!tls) return fail(tls.error());
    tls_path = tls->path();
  }
  for (const auto& address : options.listen) {
    if (auto bound = bind(address, tls_path, options.tls.verify_peer); !bound) {
      log::event(catalog::kCannotListen, {{"address", address.text()}, {"error", bound.error().text}});
      close();
      return bound;
    }
  }
  const auto configured = locals_;
  for (const auto& udp : configured) {
    if (udp.address.transport != Transport::udp) continue;
    const bool has_tcp = std::any_of(locals_.begin(), locals_.end(), [&](const Local& other) {
      return other.address.transport == Transport::tcp && other.address.host == udp.address.host;
    });
    if (has_tcp) continue;
    auto tcp = udp.address;
    tcp.transport = Transport::tcp;
    if (bind(tcp, {}, true)) continue;
    tcp.port = 0;
    if (auto bound = bind(tcp, {}, true); !bound) {
      log::event(catalog::kCannotListen, {{"address", tcp.text()}, {"error", bound.error().text}});
      close();
      return bound;
    }
  }
  for (const auto& local : locals_) log::event(catalog::kListening, {{"address", local.address.text()}});
  return {};
}

Expected<void> SofiaAgent::bind(const ListenAddress& address, std::string_view tls_directory, bool verify_peer) {
  const bool tls = address.transport == Transport::tls;
  const std::string port = address.port == 0 ? "*" : std::to_string(address.port);
  const std::string host = is_ipv6(address.host) ? "[" + address.host + "]" : address.host;
  const std::string url =
      (tls ? "sips:" : "sip:") + host + ":" + port + ";transport=" + std::string(to_string(address.transport));
  const std::string directory(tls_directory);
  // The chain of the servers we connect to is verified; clients need no certificate (TS 33.210 networks have none).
  const unsigned policy = tls && verify_peer ? TPTLS_VERIFY_OUT : TPTLS_VERIFY_NONE;
  // A burst of a few thousand answers must wait in the kernel, not be lost; it gives what net.core.rmem_max allows.
  constexpr unsigned kSocketBuffer = 4U << 20U;
  errno = 0;
  const UdpBatch::Watch sockets;
  const int bound = tls ? nta_agent_add_tport(agent_, as_url(url), TPTAG_CERTIFICATE(directory.c_str()),
                                              TPTAG_TLS_VERIFY_POLICY(policy), TPTAG_SDWN_ERROR(1), TPTAG_UDP_RMEM(kSocketBuffer),
                                              TPTAG_MTU(std::numeric_limits<int>::max()), TAG_END())
                        : nta_agent_add_tport(agent_, as_url(url), TPTAG_SDWN_ERROR(1), TPTAG_UDP_RMEM(kSocketBuffer),
                                              TPTAG_MTU(std::numeric_limits<int>::max()), TAG_END());
  if (bound < 0) {
    return fail(ErrorCode::unavailable, "cannot bind " + address.text() + ": " + std::strerror(errno));  // NOLINT
  }
  // The new one is the primary we do not know yet.
  for (auto* tport = tport_primaries(nta_agent_tports(agent_)); tport; tport = tport_next(tport)) {
    const auto* name = tport_name(tport);
    Local local;
    if (std::strcmp(name->tpn_proto, to_string(address.transport).data()) != 0) continue;
    local.address = address;
    local.address.port = static_cast<std::uint16_t>(std::strtoul(name->tpn_port, nullptr, 10));
    const auto canonical = bare(name->tpn_canon);
    local.ipv6 = is_ipv6(canonical);
    local.sent_by = host_port(canonical, local.address.port);
    const bool known = std::any_of(locals_.begin(), locals_.end(), [&](const Local& other) {
      return other.address.transport == local.address.transport && other.sent_by == local.sent_by;
    });
    if (known) continue;
    if (const int fd = sockets.only(); batch_ && address.transport == Transport::udp && fd >= 0) {
      root_->udp().add(fd, tport);
      batched_.push_back(tport);
    }
    locals_.push_back(std::move(local));
    return {};
  }
  return fail(ErrorCode::internal, "bound transport not found: " + address.text());
}

const SofiaAgent::Local* SofiaAgent::local(Transport transport, bool ipv6) const noexcept {
  for (const auto& local : locals_) {
    if (local.address.transport == transport && local.ipv6 == ipv6) return &local;
  }
  return nullptr;
}

const SofiaAgent::Local* SofiaAgent::local(Transport transport) const noexcept {
  for (const auto& local : locals_) {
    if (local.address.transport == transport) return &local;
  }
  return nullptr;
}

}  // namespace herald::sip
