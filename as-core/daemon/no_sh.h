// `diameter.enabled: false`: there is no HSS to ask, so nobody has data there.
#pragma once

#include "herald/sh.h"

namespace herald::daemon {

class NoSh final : public ShClient {
 public:
  Future<ShReply> user_data(ShQuery, Deadline) override {
    ShReply reply;
    reply.result = ShResult::no_data;
    return ready<ShReply>(std::move(reply));
  }
  [[nodiscard]] std::vector<PeerState> peers() const override { return {}; }
};

}  // namespace herald::daemon
