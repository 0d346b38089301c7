#include "io/name_lookup.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <map>

namespace herald::io {
namespace {

class DnsLookup final : public NameLookup {
 public:
  explicit DnsLookup(IoLoop& loop) : loop_(loop), self_(std::make_shared<DnsLookup*>(this)) {}
  ~DnsLookup() override {
    *self_ = nullptr;  // libevent still calls back, in a later round
    if (base_ != nullptr) evdns_base_free(base_, 1);
  }
  DnsLookup(const DnsLookup&) = delete;
  DnsLookup& operator=(const DnsLookup&) = delete;

  std::uint64_t start(const std::string& host, std::uint16_t port, Done done) override {
    // On first use, so that a node that asks for no name holds no socket.
    if (base_ == nullptr) base_ = evdns_base_new(loop_.base(), EVDNS_BASE_INITIALIZE_NAMESERVERS);
    if (base_ == nullptr) {  // no name server is configured: the hosts file is all there is
      base_ = evdns_base_new(loop_.base(), 0);
      if (base_ != nullptr) evdns_base_load_hosts(base_, "/etc/hosts");
    }
    if (base_ == nullptr) {
      done(fail(ErrorCode::unavailable, "no name server is configured"));
      return 0;
    }
    const auto id = ++last_;
    pending_[id].done = std::move(done);
    evutil_addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;
    hints.ai_flags = EVUTIL_AI_ADDRCONFIG;
    // The callback owns this: it comes exactly once, also for a lookup that is cancelled or a resolver that goes.
    auto* ticket = new Ticket{self_, id};
    auto* request = evdns_getaddrinfo(base_, host.c_str(), std::to_string(port).c_str(), &hints, on_answer, ticket);
    if (const auto found = pending_.find(id); found != pending_.end()) found->second.request = request;
    return id;
  }

  void cancel(std::uint64_t lookup) override {
    const auto found = pending_.find(lookup);
    if (found == pending_.end()) return;
    auto* request = found->second.request;
    pending_.erase(found);
    if (request != nullptr) evdns_getaddrinfo_cancel(request);
  }

 private:
  struct Ticket {
    std::shared_ptr<DnsLookup*> owner;  // shared, since either end may go first
    std::uint64_t id;
  };
  struct Pending {
    Done done;
    evdns_getaddrinfo_request* request = nullptr;
  };

  static void on_answer(int result, evutil_addrinfo* answer, void* argument) noexcept {
    const std::unique_ptr<Ticket> ticket(static_cast<Ticket*>(argument));
    const std::unique_ptr<evutil_addrinfo, decltype(&evutil_freeaddrinfo)> owned(answer, &evutil_freeaddrinfo);
    if (auto* self = *ticket->owner) self->answered(ticket->id, result, answer);
  }

  void answered(std::uint64_t id, int result, const evutil_addrinfo* answer) {
    const auto found = pending_.find(id);
    if (found == pending_.end()) return;
    const auto done = std::move(found->second.done);
    pending_.erase(found);
    std::vector<NetAddress> addresses;
    for (; result == 0 && answer != nullptr; answer = answer->ai_next)
      if (const auto address = NetAddress::from(answer->ai_addr, answer->ai_addrlen)) addresses.push_back(*address);
    if (addresses.empty())
      done(fail(ErrorCode::unavailable, result == 0 ? "the name has no address" : evutil_gai_strerror(result)));
    else
      done(std::move(addresses));
  }

  IoLoop& loop_;
  std::shared_ptr<DnsLookup*> self_;
  evdns_base* base_ = nullptr;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Pending> pending_;
};

}  // namespace

std::unique_ptr<NameLookup> make_name_lookup(IoLoop& loop) { return std::make_unique<DnsLookup>(loop); }

}  // namespace herald::io
