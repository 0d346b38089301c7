// The border of the trust domain around a SIP stack: what may come in, and what must not go out. RFC 3325 5 and 7; TS 24.229 4.4.
//
//   in   requests of a peer over its rate: 503 (S-10); of a trusted peer over an unprotected transport: 403 (S-6)
//   out  P- headers stay inside: they are dropped before a request goes to a next hop that is not trusted (S-7)
//
// Everything that sends goes through it, dialogs of modules as well as NOTIFYs. (What untrusted peers assert is removed by
// ims::read_isc_context, which also has to know who sent it.)
// Thread: the stack's shard. Lifetime: owns the stack behind it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "container/peer_rates.h"
#include "sip/sip_stack.h"

namespace herald::container {

struct BorderRules {
  std::function<bool(const sip::PeerAddress&)> trusted;
  std::vector<std::string> trusted_domains;  // hosts in them are trusted next hops; lower case
  std::string next_hop;                      // the configured one, which is trusted by that
  bool require_protected = false;            // S-6
  PeerRateLimits rates;
};

// Is the first hop of `request` inside the trust domain?
[[nodiscard]] bool leads_inside(const SipMessage& request, const BorderRules& rules);

class BorderStack final : public sip::SipStack {
 public:
  BorderStack(std::unique_ptr<sip::SipStack> stack, const Clock& clock, BorderRules rules);

  const std::vector<sip::ListenAddress>& listening() const noexcept override { return stack_->listening(); }
  std::string contact_uri(sip::Transport transport, std::string_view user) const override {
    return stack_->contact_uri(transport, user);
  }
  void on_request(OnRequest handler) override;
  void on_ack(OnAck handler) override { stack_->on_ack(std::move(handler)); }
  void on_late_success(OnLateSuccess handler) override { stack_->on_late_success(std::move(handler)); }
  std::unique_ptr<sip::ClientTransaction> send(SipMessage request, Deadline deadline, sip::OnResponse callback) override;
  void send_ack(SipMessage ack) override;
  std::vector<sip::HopState> hops() const override { return stack_->hops(); }
  void stop_listening() override { stack_->stop_listening(); }

 private:
  void arrived(const OnRequest& handler, std::unique_ptr<sip::ServerTransaction> transaction);
  void keep_inside(SipMessage& request) const;

  std::unique_ptr<sip::SipStack> stack_;
  BorderRules rules_;
  PeerRates rates_;
};

}  // namespace herald::container
