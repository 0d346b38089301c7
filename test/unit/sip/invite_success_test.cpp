// 2xx to INVITEs of ours that no transaction takes any more. RFC 3261 13.2.2.4.
#include "stack_fixture.h"

using namespace herald;
using namespace herald::test;

namespace {

struct Caller {
  Stack stack;
  SipPeer peer;
  std::vector<SipMessage> late;
  std::string invite;

  Caller() {
    stack.root.inside(
        [&] { stack.stack->on_late_success([this](SipMessage response) { late.push_back(std::move(response)); }); });
    stack.send(request_to(peer.uri(), "", "INVITE"));
    invite = stack.next(peer).value_or("");
    REQUIRE(SipPeer::method(invite) == "INVITE");
  }
};

}  // namespace

TEST_CASE("a 2xx that comes again after the INVITE was answered is handed up, each time") {
  Caller caller;
  caller.peer.answer(caller.invite, 200);
  CHECK(caller.stack.result().response.status() == 200);
  for (std::size_t n = 1; n <= 2; ++n) {
    caller.peer.answer(caller.invite, 200);
    REQUIRE(caller.stack.until([&] { return caller.late.size() == n; }));
  }
  CHECK(caller.late[0].status() == 200);
  CHECK(caller.late[0].headers.get("CSeq")->ends_with("INVITE"));
  CHECK(caller.stack.results.size() == 1);
}

TEST_CASE("an INVITE that is given up is cancelled; a 2xx that overtakes the CANCEL is handed up") {
  Caller caller;
  caller.peer.answer(caller.invite, 180);
  REQUIRE(caller.stack.until([&] { return caller.stack.results.size() == 1; }));
  caller.stack.root.inside([&] { caller.stack.client.reset(); });
  const auto cancel = caller.stack.next(caller.peer);
  REQUIRE(cancel);
  CHECK(SipPeer::method(*cancel) == "CANCEL");
  caller.peer.answer(caller.invite, 200);
  REQUIRE(caller.stack.until([&] { return caller.late.size() == 1; }));
  CHECK(caller.stack.results.size() == 1);
}

TEST_CASE("other stray responses are dropped as before") {
  Caller caller;
  caller.peer.answer(caller.invite, 486);
  CHECK(caller.stack.result().response.status() == 486);
  caller.peer.answer(caller.invite, 486);
  auto other = SipPeer::response(caller.invite, 200);
  other.replace(other.find("z9hG4bK"), 8, "z9hG4bKx");
  other.replace(other.find(" INVITE"), 7, " MESSAGE");
  caller.peer.send(other);
  CHECK_FALSE(caller.stack.until([&] { return !caller.late.empty(); }, 200));
}
