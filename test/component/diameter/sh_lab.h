// One running stack against two scripted HSSs on loopback. The library starts once per process, so all tests of this program
// share it. Our own timers run on the test's clock: no test waits for a timeout.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "diameter/diameter_stack.h"
#include "doubles/diameter_peer.h"
#include "doubles/manual_executor.h"
#include "herald/sh.h"

namespace herald::diameter::test {

using herald::test::DiameterReply;
using herald::test::DiameterRequest;
using herald::test::RawDiameterPeer;
namespace avp = herald::test::avp;

inline constexpr std::uint32_t kTgpp = 10415;

class ShLab {
 public:
  static ShLab& instance();

  RawDiameterPeer& hss() { return first_; }
  RawDiameterPeer& second() { return second_; }
  DiameterStack& stack() { return *stack_; }

  // A client with an empty cache.
  std::unique_ptr<ShClient> client(ShOptions options = {});
  // Both peers open and answering; scripts forgotten. At the start of every test.
  void settle();

  // Asks, and runs the executor until the answer is there.
  ShReply ask(ShClient& client, const std::string& user, ShDataRef data = ShDataRef::user_state);
  // Asks; the reply comes when the test lets it.
  std::shared_ptr<std::optional<ShReply>> start(ShClient& client, const std::string& user,
                                                ShDataRef data = ShDataRef::user_state);
  ShReply finish(const std::shared_ptr<std::optional<ShReply>>& asked);

  // Runs the executor until the condition holds; false after a time that no healthy run needs.
  bool wait_until(const std::function<bool()>& condition, std::chrono::seconds limit = std::chrono::seconds(20));

  herald::test::VirtualClock clock;
  herald::test::ManualExecutor shard{clock};

 private:
  ShLab();
  RawDiameterPeer first_{"hss1.hss.lab", "hss.lab"};
  RawDiameterPeer second_{"hss2.hss.lab", "hss.lab"};
  std::unique_ptr<DiameterStack> stack_;
};

// Sh-Data with a user state, as an AVP.
std::string user_state(int state);
std::string experimental(std::uint32_t code);

}  // namespace herald::diameter::test
