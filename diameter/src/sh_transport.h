// What the Sh client needs of the stack below: requests go out, answers end up in the pending table.
#pragma once

#include <vector>

#include "herald/sh.h"
#include "pending_table.h"

namespace herald::diameter {

class ShTransport {
 public:
  virtual ~ShTransport() = default;
  // Queues the request; never blocks, any thread. What cannot be sent completes the handle. `timeout`: after it nobody waits.
  virtual void send(PendingHandle handle, ShRequest request, Duration timeout) = 0;
  [[nodiscard]] virtual PendingTable& pending() noexcept = 0;
  [[nodiscard]] virtual std::vector<ShClient::PeerState> peers() const = 0;
};

}  // namespace herald::diameter
