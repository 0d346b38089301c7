// Names to addresses by c-ares on the shard's own loop: SRV, then A and AAAA. RFC 3263 4 without NAPTR: when the transport is
// open, SRV of UDP is asked before SRV of TCP.
// Thread: the shard's.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "sip/next_hop.h"
#include "sip/sofia_root.h"

namespace herald::sip {

struct ResolverOptions {
  std::vector<std::string> servers;  // "127.0.0.1:53"; empty: the system's
  Duration timeout = std::chrono::seconds(5);
};

struct SrvRecord {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string host;
};
// RFC 2782: by priority, then at random by weight.
[[nodiscard]] std::vector<SrvRecord> srv_order(std::vector<SrvRecord> records, std::minstd_rand& random);

class Resolver {
 public:
  using OnTargets = std::function<void(Expected<std::vector<Target>>)>;

  // Throws std::runtime_error when c-ares does not start (start-up only).
  Resolver(SofiaRoot& root, ResolverOptions options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // At once when known, else later; not at all once the resolver is gone. Error{not_found}: no such name or no address;
  // Error{timeout}, Error{unavailable}: the name servers; Error{busy}: too many lookups.
  void resolve(const NextHop& hop, OnTargets callback);
  [[nodiscard]] std::size_t cached() const noexcept;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace herald::sip
