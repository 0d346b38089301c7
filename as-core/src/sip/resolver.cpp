#include "sip/resolver.h"

#include <algorithm>
#include <ares.h>
#include <arpa/inet.h>
#include <array>
#include <netdb.h>
#include <optional>
#include <stdexcept>
#include <sys/time.h>
#include <unordered_map>
#include <utility>

#include "sip/dns_ttl.h"

namespace herald::sip {
namespace {

constexpr std::size_t kMaxCached = 4096;
constexpr std::size_t kMaxLookups = 1024;  // names asked for at the same time
constexpr std::size_t kMaxSrv = 16;
constexpr std::size_t kMaxTargets = 32;
constexpr Duration kNegativeTtl = std::chrono::seconds(10);
constexpr Duration kMinTtl = std::chrono::seconds(1);
constexpr Duration kMaxTtl = std::chrono::hours(1);

const char* srv_prefix(Transport transport) {
  switch (transport) {
    case Transport::udp:
      return "_sip._udp.";
    case Transport::tcp:
      return "_sip._tcp.";
    case Transport::tls:
      return "_sips._tcp.";
  }
  return "_sip._udp.";
}

struct Place {  // one SRV record, or the name itself
  SrvRecord record;
  std::vector<std::string> addresses;
};

ErrorCode code_of(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
    case ARES_ENONAME:
      return ErrorCode::not_found;
    case ARES_ETIMEOUT:
      return ErrorCode::timeout;
    default:
      return ErrorCode::unavailable;
  }
}

}  // namespace

std::vector<SrvRecord> srv_order(std::vector<SrvRecord> records, std::minstd_rand& random) {
  std::stable_sort(records.begin(), records.end(),
                   [](const SrvRecord& a, const SrvRecord& b) { return a.priority < b.priority; });
  for (auto first = records.begin(); first != records.end(); ++first) {
    const auto last = std::find_if(first, records.end(), [&](const SrvRecord& r) { return r.priority != first->priority; });
    std::uint32_t sum = 0;
    for (auto r = first; r != last; ++r) sum += r->weight;
    if (sum == 0) continue;
    auto ticket = std::uniform_int_distribution<std::uint32_t>(1, sum)(random);
    auto chosen = first;
    while (ticket > chosen->weight) ticket -= (chosen++)->weight;
    std::rotate(first, chosen, chosen + 1);
  }
  return records;
}

class Resolver::Impl : public std::enable_shared_from_this<Resolver::Impl> {
 public:
  Impl(SofiaRoot& root, ResolverOptions options) : root_(root), options_(std::move(options)), random_(std::random_device{}()) {}

  void start() {
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) throw std::runtime_error("ares_library_init failed");
    ares_options settings{};
    settings.timeout = 1500;
    settings.tries = 2;
    settings.sock_state_cb = &Impl::on_socket;
    settings.sock_state_cb_data = this;  // lives until ares_destroy in stop()
    if (ares_init_options(&channel_, &settings, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) {
      throw std::runtime_error("ares_init_options failed");
    }
    std::string servers;
    for (const auto& server : options_.servers) servers += (servers.empty() ? "" : ",") + server;
    if (!servers.empty() && ares_set_servers_ports_csv(channel_, servers.c_str()) != ARES_SUCCESS) {
      throw std::runtime_error("sip.dns_servers: not a list of addresses: " + servers);
    }
  }

  void stop() {
    for (auto& [key, lookup] : lookups_) root_.timers().cancel(lookup->limit);
    lookups_.clear();
    if (channel_) ares_destroy(std::exchange(channel_, nullptr));  // calls every callback that is left
    root_.timers().cancel(timer_);
    ares_library_cleanup();
  }

  void resolve(const NextHop& hop, OnTargets callback) {
    const auto key = hop.key();
    const auto now = root_.clock().now();
    if (auto found = cache_.find(key); found != cache_.end()) {
      if (now < found->second.until) return callback(answer(found->second));
      cache_.erase(found);
    }
    if (auto running = lookups_.find(key); running != lookups_.end()) {
      running->second->callbacks.push_back(std::move(callback));
      return;
    }
    if (lookups_.size() >= kMaxLookups) return callback(fail(ErrorCode::busy, "too many names are being resolved"));
    auto lookup = std::make_shared<Lookup>();
    lookup->key = key;
    lookup->hop = hop;
    lookup->callbacks.push_back(std::move(callback));
    lookups_.emplace(key, lookup);
    std::weak_ptr<Lookup> weak = lookup;
    // c-ares has its own patience; ours counts on our clock.
    lookup->limit = root_.timers().start_at(now + options_.timeout, [this, weak] {
      if (auto ended = weak.lock()) {
        ended->limit = {};
        ended->error = Error{ErrorCode::timeout, "name servers did not answer for " + ended->hop.host, {}};
        finish(ended);
      }
    });
    begin(lookup);
  }

  [[nodiscard]] std::size_t cached() const noexcept { return cache_.size(); }

 private:
  struct Entry {
    Transport transport = Transport::udp;
    std::vector<Place> places;
    std::optional<Error> error;
    TimePoint until{};
  };
  struct Lookup {
    std::string key;
    NextHop hop;
    std::vector<OnTargets> callbacks;
    std::vector<Transport> srv_left;
    Transport transport = Transport::udp;
    std::vector<Place> places;
    std::size_t addresses_left = 0;
    Duration ttl = kMaxTtl;
    std::optional<Error> error;
    TimerId limit;
    bool done = false;
  };
  // What c-ares carries; it calls every callback exactly once, so the callback frees it.
  struct Query {
    std::weak_ptr<Impl> resolver;
    std::weak_ptr<Lookup> lookup;
    std::size_t place = 0;
  };
  using LookupPtr = std::shared_ptr<Lookup>;

  void begin(const LookupPtr& lookup) {
    const auto& hop = lookup->hop;
    lookup->transport = hop.transport_or_default();
    if (hop.port) return ask_host(lookup);
    if (hop.transport) {
      lookup->srv_left = {*hop.transport};
    } else {
      lookup->srv_left = {Transport::tcp, Transport::udp};  // taken from the back
    }
    ask_srv(lookup);
  }

  void ask_srv(const LookupPtr& lookup) {
    if (lookup->srv_left.empty()) {
      lookup->transport = lookup->hop.transport_or_default();
      return ask_host(lookup);
    }
    lookup->transport = lookup->srv_left.back();
    lookup->srv_left.pop_back();
    const auto name = srv_prefix(lookup->transport) + lookup->hop.host;
    ares_query(channel_, name.c_str(), 1 /* IN */, 33 /* SRV */, &Impl::on_srv, new Query{weak_from_this(), lookup});
    arm();
  }

  void ask_host(const LookupPtr& lookup) {
    lookup->places = {Place{{0, 0, lookup->hop.port_or_default(lookup->transport), lookup->hop.host}, {}}};
    ask_addresses(lookup);
  }

  void ask_addresses(const LookupPtr& lookup) {
    lookup->addresses_left = lookup->places.size();
    for (std::size_t i = 0; i < lookup->places.size() && !lookup->done; ++i) {
      ares_addrinfo_hints hints{};
      hints.ai_family = AF_UNSPEC;
      hints.ai_socktype = SOCK_DGRAM;
      hints.ai_flags = ARES_AI_NOSORT;
      const std::string host = lookup->places[i].record.host;
      ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, &Impl::on_addresses, new Query{weak_from_this(), lookup, i});
    }
    arm();
  }

  static void on_srv(void* arg, int status, int, unsigned char* data, int size) noexcept {
    const std::unique_ptr<Query> query(static_cast<Query*>(arg));
    const auto self = query->resolver.lock();
    const auto lookup = query->lookup.lock();
    if (!self || !lookup || lookup->done || status == ARES_EDESTRUCTION) return;
    self->root_.guarded("dns", [&] {
      std::vector<SrvRecord> records;
      if (status == ARES_SUCCESS) {
        ares_srv_reply* list = nullptr;
        if (ares_parse_srv_reply(data, size, &list) == ARES_SUCCESS) {
          for (const auto* r = list; r && records.size() < kMaxSrv; r = r->next) {
            const std::string_view host(r->host);
            if (!host.empty() && host != ".") records.push_back({r->priority, r->weight, r->port, r->host});
          }
          ares_free_data(list);
        }
        lookup->ttl = std::min(lookup->ttl, answer_ttl(data, static_cast<std::size_t>(size)).value_or(kMinTtl));
      } else if (code_of(status) != ErrorCode::not_found) {
        // RFC 3263 4.2 falls back only when there are no records; a silent server must not turn into a wrong port.
        lookup->error = Error{code_of(status), "SRV of " + lookup->hop.host + ": " + ares_strerror(status), {}};
        return self->finish(lookup);
      }
      if (records.empty()) return self->ask_srv(lookup);
      lookup->places.clear();
      for (auto& record : records) lookup->places.push_back(Place{std::move(record), {}});
      self->ask_addresses(lookup);
    });
  }

  static void on_addresses(void* arg, int status, int, ares_addrinfo* result) noexcept {
    const std::unique_ptr<Query> query(static_cast<Query*>(arg));
    const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(result, &ares_freeaddrinfo);
    const auto self = query->resolver.lock();
    const auto lookup = query->lookup.lock();
    if (!self || !lookup || lookup->done || status == ARES_EDESTRUCTION) return;
    self->root_.guarded("dns", [&] {
      if (status == ARES_SUCCESS && result) {
        self->keep_addresses(*lookup, lookup->places[query->place], *result);
      } else {
        lookup->error = Error{code_of(status), "no address of " + lookup->hop.host + ": " + ares_strerror(status), {}};
      }
      if (--lookup->addresses_left == 0) self->finish(lookup);
    });
  }

  static void keep_addresses(Lookup& lookup, Place& place, const ares_addrinfo& result) {
    for (const auto* node = result.nodes; node && place.addresses.size() < kMaxTargets; node = node->ai_next) {
      std::array<char, INET6_ADDRSTRLEN> text{};
      const void* address = nullptr;
      if (node->ai_family == AF_INET) {
        address = &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr;
      } else if (node->ai_family == AF_INET6) {
        address = &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr;
      }
      if (!address || !::inet_ntop(node->ai_family, address, text.data(), text.size())) continue;
      if (std::find(place.addresses.begin(), place.addresses.end(), text.data()) != place.addresses.end()) continue;
      place.addresses.emplace_back(text.data());
      lookup.ttl = std::min<Duration>(lookup.ttl, std::chrono::seconds(node->ai_ttl));
    }
  }

  void finish(const LookupPtr& lookup) {
    lookup->done = true;
    root_.timers().cancel(lookup->limit);
    Entry entry;
    entry.transport = lookup->transport;
    entry.places = std::move(lookup->places);
    const bool any = std::any_of(entry.places.begin(), entry.places.end(), [](const Place& p) { return !p.addresses.empty(); });
    if (!any) entry.error = lookup->error.value_or(Error{ErrorCode::not_found, "no address of " + lookup->hop.host, {}});
    const auto ttl = any ? std::clamp<Duration>(lookup->ttl, kMinTtl, kMaxTtl) : kNegativeTtl;
    entry.until = root_.clock().now() + ttl;
    auto callbacks = std::move(lookup->callbacks);
    lookups_.erase(lookup->key);
    make_room();
    const auto& kept = cache_[lookup->key] = std::move(entry);
    std::vector<Expected<std::vector<Target>>> answers;
    answers.reserve(callbacks.size());
    for (std::size_t i = 0; i < callbacks.size(); ++i) answers.push_back(answer(kept));
    for (std::size_t i = 0; i < callbacks.size(); ++i) callbacks[i](std::move(answers[i]));
  }

  Expected<std::vector<Target>> answer(const Entry& entry) {
    if (entry.error) return fail(*entry.error);
    std::vector<SrvRecord> records;
    for (const auto& place : entry.places) records.push_back(place.record);
    std::vector<Target> out;
    for (const auto& record : srv_order(std::move(records), random_)) {
      const auto place = std::find_if(entry.places.begin(), entry.places.end(), [&](const Place& p) {
        return p.record.host == record.host && p.record.port == record.port && p.record.priority == record.priority;
      });
      for (const auto& address : place->addresses) {
        if (out.size() < kMaxTargets) out.push_back({entry.transport, address, record.port});
      }
    }
    return out;
  }

  void make_room() {
    if (cache_.size() < kMaxCached) return;
    const auto now = root_.clock().now();
    std::erase_if(cache_, [&](const auto& entry) { return entry.second.until <= now; });
    if (cache_.size() >= kMaxCached) cache_.erase(cache_.begin());
  }

  static void on_socket(void* data, ares_socket_t fd, int readable, int writable) noexcept {
    auto* self = static_cast<Impl*>(data);
    self->root_.watch(fd, readable != 0, writable != 0, [self, fd](bool can_read, bool can_write) {
      ares_process_fd(self->channel_, can_read ? fd : ARES_SOCKET_BAD, can_write ? fd : ARES_SOCKET_BAD);
      self->arm();
    });
  }

  // c-ares says when it wants to look at its own time-outs.
  void arm() {
    timeval wait{};
    root_.timers().cancel(std::exchange(timer_, {}));
    if (!channel_ || !ares_timeout(channel_, nullptr, &wait)) return;
    const auto span = std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec);
    const auto due = root_.clock().now() + std::max<Duration>(span, std::chrono::milliseconds(10));
    timer_ = root_.timers().start_at(due, [this] {
      timer_ = {};
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      arm();
    });
  }

  SofiaRoot& root_;
  const ResolverOptions options_;
  ares_channel channel_ = nullptr;
  std::minstd_rand random_;
  std::unordered_map<std::string, Entry> cache_;
  std::unordered_map<std::string, LookupPtr> lookups_;
  TimerId timer_;
};

Resolver::Resolver(SofiaRoot& root, ResolverOptions options) : impl_(std::make_shared<Impl>(root, std::move(options))) {
  impl_->start();
}
Resolver::~Resolver() { impl_->stop(); }

void Resolver::resolve(const NextHop& hop, OnTargets callback) { impl_->resolve(hop, std::move(callback)); }
std::size_t Resolver::cached() const noexcept { return impl_->cached(); }

}  // namespace herald::sip
