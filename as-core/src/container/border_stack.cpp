#include "container/border_stack.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <utility>

#include "container/request_checks.h"
#include "herald/log.h"
#include "herald/metrics.h"
#include "ims/p_headers.h"

namespace herald::container {
namespace {

constexpr auto kRetryAfterSeconds = "1";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Without brackets; empty: not a numeric address.
std::string numeric_host(std::string host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  in6_addr address{};
  const bool numeric = inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
  return numeric ? host : std::string();
}

bool in_domain(std::string_view host, std::string_view domain) {
  if (domain.empty() || host.size() < domain.size() || !host.ends_with(domain)) return false;
  return host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.';
}

bool is_loopback(const std::string& host) { return host.starts_with("127.") || host == "::1" || host.starts_with("::ffff:127."); }

void count_refused(std::string_view reason, bool trusted) {
  metrics::counter("herald_container_border_refused_total", "Requests refused at the border of the trust domain",
                   {{"reason", reason}, {"peer", trusted ? "trusted" : "untrusted"}})
      .add();
}

}  // namespace

bool leads_inside(const SipMessage& request, const BorderRules& rules) {
  auto hop = request.uri();
  if (const auto routes = request.headers.list("Route"); !routes.empty()) {
    if (const auto route = NameAddr::parse(routes.front())) hop = route->uri;
  }
  const auto uri = SipUri::parse(hop);
  if (!uri || !uri->is_sip()) return false;
  const auto next = SipUri::parse(rules.next_hop);
  auto host = lower(uri->host);
  if (next && lower(next->host) == host) return true;
  if (auto numeric = numeric_host(host); !numeric.empty()) {
    sip::PeerAddress peer;
    peer.host = std::move(numeric);
    return rules.trusted && rules.trusted(peer);
  }
  return std::any_of(rules.trusted_domains.begin(), rules.trusted_domains.end(),
                     [&](const auto& domain) { return in_domain(host, domain); });
}

BorderStack::BorderStack(std::unique_ptr<sip::SipStack> stack, const Clock& clock, BorderRules rules)
    : stack_(std::move(stack)), rules_(std::move(rules)), rates_(clock, rules_.rates) {
  for (auto& domain : rules_.trusted_domains) domain = lower(domain);
}

void BorderStack::on_request(OnRequest handler) {
  stack_->on_request([this, handler = std::move(handler)](std::unique_ptr<sip::ServerTransaction> transaction) {
    arrived(handler, std::move(transaction));
  });
}

void BorderStack::arrived(const OnRequest& handler, std::unique_ptr<sip::ServerTransaction> transaction) {
  const auto& peer = transaction->peer();
  const bool trusted = rules_.trusted && rules_.trusted(peer);
  int status = 0;
  if (!rates_.admit(peer.host, trusted)) {
    count_refused("rate", trusted);
    status = 503;
  } else if (rules_.require_protected && trusted && peer.transport != sip::Transport::tls && !is_loopback(peer.host)) {
    count_refused("unprotected", trusted);
    log::debug("trusted peer over an unprotected transport", {{"peer", peer.host}, {"transport", to_string(peer.transport)}});
    status = 403;
  }
  if (status == 0) return handler(std::move(transaction));
  auto response = make_response(status, {});
  // RFC 3261 21.5.4; an S-CSCF with SESSION_CONTINUED goes on without us meanwhile (AS-51).
  if (status == 503) response.headers.add("Retry-After", kRetryAfterSeconds);
  static_cast<void>(transaction->respond(std::move(response)));
}

void BorderStack::keep_inside(SipMessage& request) const {
  if (leads_inside(request, rules_)) return;
  if (!ims::strip_trusted_headers(request.headers)) return;
  static const auto stripped = metrics::counter("herald_container_border_stripped_total",
                                                "Requests that lost their P- headers on the way out of the trust domain");
  stripped.add();
}

std::unique_ptr<sip::ClientTransaction> BorderStack::send(SipMessage request, Deadline deadline, sip::OnResponse callback) {
  keep_inside(request);
  return stack_->send(std::move(request), deadline, std::move(callback));
}

void BorderStack::send_ack(SipMessage ack) {
  keep_inside(ack);
  stack_->send_ack(std::move(ack));
}

}  // namespace herald::container
