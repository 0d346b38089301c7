// Next hops that refuse before anything is sent (ResponseOrigin::hop_blocked). While one is closed its deliveries stay parked
// and cost nothing; one at a time is let through to see.
// Thread: one shard.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "delivery/delivery_queue.h"

namespace herald::push {

class HopGate {
 public:
  // False: park it. True: send, and report() what came of it.
  [[nodiscard]] bool admit(const std::string& hop, WallTime now);
  // `blocked`: nothing was sent. Returns the parked deliveries that may go now.
  std::vector<SlotId> report(const std::string& hop, bool blocked, std::optional<Duration> retry_after, WallTime now);
  void abandon(const std::string& hop);  // admitted, but nothing was tried
  void park(const std::string& hop, SlotId slot);

  // When a parked delivery should be let through as a probe; and which. A probe may end without being sent (cancelled, refused
  // by a rule): the next one follows a second later.
  [[nodiscard]] std::optional<WallTime> next_probe() const;
  [[nodiscard]] std::vector<SlotId> take_probes(WallTime now, const DeliveryQueue& queue);

  [[nodiscard]] std::size_t closed() const noexcept { return hops_.size(); }

 private:
  struct Hop {
    WallTime until{};     // nobody is admitted before
    WallTime probe_at{};  // when a parked one is taken out to be the probe
    unsigned blocks = 0;
    bool probing = false;
    std::vector<SlotId> parked;
  };
  std::map<std::string, Hop> hops_;  // closed ones only
};

}  // namespace herald::push
