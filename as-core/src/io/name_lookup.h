// Names to addresses, without blocking the loop.
// Thread: the I/O loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "herald/expected.h"
#include "io/io_loop.h"
#include "io/net_address.h"

namespace herald::io {

class NameLookup {
 public:
  using Done = std::function<void(Expected<std::vector<NetAddress>>)>;
  virtual ~NameLookup() = default;
  // `done` is called once, perhaps before this returns, unless the returned lookup is cancelled first.
  virtual std::uint64_t start(const std::string& host, std::uint16_t port, Done done) = 0;
  virtual void cancel(std::uint64_t lookup) = 0;
};

// The machine's own name servers and hosts file, through libevent's resolver.
std::unique_ptr<NameLookup> make_name_lookup(IoLoop& loop);

}  // namespace herald::io
