// Over which of our transports a request leaves, and its Via. Private to sip/.
// Thread: the shard's.
#pragma once

#include <cstddef>
#include <optional>
#include <random>
#include <string>

#include "sip/next_hop.h"
#include "sip/sofia_agent.h"

namespace herald::sip {

class SendPaths {
 public:
  SendPaths(const SofiaAgent& agent, std::size_t tcp_above_bytes);

  struct Path {
    Target target;    // with the transport that the size asks for
    std::string via;  // our line, with a new branch and the line's end
  };
  // For a request of that size without our Via. Empty: no transport of ours leads there.
  [[nodiscard]] std::optional<Path> path(const Target& target, std::size_t bytes);
  [[nodiscard]] bool reachable(const Target& target) const;

 private:
  [[nodiscard]] std::string via(const SofiaAgent::Local& local);

  const SofiaAgent& agent_;
  const std::size_t tcp_above_bytes_;
  std::mt19937_64 random_;
};

}  // namespace herald::sip
