#include <doctest/doctest.h>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

const char* const kMark = "<sip:iscmark@127.0.0.1:6060;lr;s=2;h=0;d=1;a=7369703a616c69636540696d732e6c6162>";

SipMessage isc_message(std::vector<SipHeaderField> extra = {}) {
  std::vector<SipHeaderField> headers{
      {"Route", std::string("<sip:127.0.0.1:5065;lr>, ") + kMark},
      {"P-Asserted-Identity", "<sip:bob@ims.lab>"},
      {"P-Served-User", "<sip:alice@ims.lab>;sescase=term;regstate=reg"},
  };
  for (auto& field : extra) {
    std::erase_if(headers, [&](const auto& each) { return same_header_name(each.name, field.name); });
    headers.push_back(std::move(field));
  }
  return sip_request("MESSAGE", "sip:alice@ims.lab", std::move(headers), "hello");
}

}  // namespace

TEST_CASE("an initial MESSAGE over ISC reaches the servlet with its context and is answered (AS-1, AS-30, SPF-41)") {
  Bench bench;
  REQUIRE_FALSE(bench.start_error);
  std::optional<IscContext> seen;
  std::string trigger, peer;
  bench.script.hooks["MESSAGE"] = [&](SipServletRequest request) -> Task<void> {
    seen = request.isc();
    trigger = request.trigger();
    peer = request.peer();
    CHECK(request.is_initial());
    CHECK(request.session().valid());
    CHECK(request.body() == "hello");
    CHECK_FALSE(request.answered());
    CHECK(request.respond(200).has_value());
    CHECK(request.answered());
    CHECK(request.respond(200).error().code == ErrorCode::gone);
    co_return;
  };
  const auto call = bench.stack().receive(isc_message());
  bench.settle();
  CHECK(call->final() == 200);
  REQUIRE(seen);
  CHECK(seen->trusted);
  CHECK(seen->served_user == "sip:alice@ims.lab");
  CHECK(seen->session_case == SessionCase::terminating_registered);
  REQUIRE(seen->popped_route);
  REQUIRE(seen->onward_route.size() == 1);
  CHECK(seen->onward_route[0] == kMark);
  CHECK(trigger == "hold");
  CHECK(peer == "127.0.0.1:6060;transport=udp");
  SUBCASE("and leaves nothing behind (SV-17)") {
    const auto status = bench.status();
    CHECK(status.application_sessions == 0);
    CHECK(status.sessions == 0);
    CHECK(status.server_transactions == 0);
    CHECK(bench.executors[0]->timer_count() == 0);
  }
}

TEST_CASE("a hook that ends without an answer gets 500 and is counted") {
  Bench bench;
  bench.script.hooks["MESSAGE"] = [](SipServletRequest) -> Task<void> { co_return; };
  const auto call = bench.stack().receive(isc_message());
  bench.settle();
  CHECK(call->final() == 500);
  CHECK(bench.status().modules[0].unanswered == 1);
  CHECK(bench.status().application_sessions == 0);
}

TEST_CASE("an exception in a hook never leaves it: 500 (SV-6)") {
  Bench bench;
  SUBCASE("from the coroutine") {
    bench.script.hooks["MESSAGE"] = [](SipServletRequest) -> Task<void> {
      throw std::runtime_error("fault");
      co_return;
    };
  }
  SUBCASE("before the coroutine") {
    bench.script.hooks["MESSAGE"] = [](SipServletRequest) -> Task<void> { throw 42; };
  }
  SUBCASE("after a suspension") {
    bench.script.hooks["MESSAGE"] = [](SipServletRequest) -> Task<void> {
      static_cast<void>(co_await sleep_for(1s));
      throw std::runtime_error("fault");
    };
  }
  const auto call = bench.stack().receive(isc_message());
  bench.advance(2s);
  CHECK(call->final() == 500);
  CHECK(bench.status().modules[0].exceptions == 1);
  CHECK_FALSE(bench.status().modules[0].quarantined);
}

TEST_CASE("an exception after the answer changes nothing for the peer") {
  Bench bench;
  bench.script.hooks["MESSAGE"] = [](SipServletRequest request) -> Task<void> {
    static_cast<void>(request.respond(202));
    throw std::runtime_error("late fault");
    co_return;
  };
  const auto call = bench.stack().receive(isc_message());
  bench.settle();
  CHECK(call->final() == 202);
  CHECK(call->responses.size() == 1);
}

TEST_CASE("five exceptions within a minute put a module into quarantine; then its requests are passed by; a reload ends it") {
  Bench bench;
  bench.script.hooks["MESSAGE"] = [](SipServletRequest) -> Task<void> {
    throw std::runtime_error("fault");
    co_return;
  };
  SUBCASE("five in a minute") {
    for (int i = 0; i < 5; ++i) bench.stack().receive(isc_message());
    bench.settle();
    CHECK(bench.status().modules[0].quarantined);
    const auto call = bench.stack().receive(isc_message());
    bench.settle();
    CHECK(call->final() == 0);
    REQUIRE(bench.stack().sent().size() == 1);  // SESSION_CONTINUED: proxied onward
    const auto direct = bench.stack().receive(sip_request("MESSAGE", "sip:push@ims.lab"));
    bench.settle();
    CHECK(direct->final() == 500);
    bench.containers[0]->reconfigure(bench.snapshot);
    CHECK_FALSE(bench.status().modules[0].quarantined);
  }
  SUBCASE("five in two minutes do not") {
    for (int i = 0; i < 5; ++i) {
      bench.stack().receive(isc_message());
      bench.advance(20s);
    }
    CHECK_FALSE(bench.status().modules[0].quarantined);
  }
}

TEST_CASE("methods that a servlet does not offer get 405 with Allow, or 501 when it offers none (SV-4)") {
  Bench bench;
  // Not in the script: the base class answers.
  SUBCASE("some") {
    const auto call = bench.stack().receive(isc_message());
    bench.settle();
    CHECK(call->final() == 405);
    CHECK(call->last().headers.get("Allow") == "MESSAGE, INVITE, SUBSCRIBE, NOTIFY, BYE");
  }
  SUBCASE("none") {
    bench.script.methods.clear();
    const auto call = bench.stack().receive(isc_message());
    bench.settle();
    CHECK(call->final() == 501);
  }
}

TEST_CASE("requests that RFC 3261 8.2 and 16.3 refuse never reach a module") {
  Bench bench;
  bool reached = false;
  bench.script.hooks["MESSAGE"] = [&](SipServletRequest request) -> Task<void> {
    reached = true;
    static_cast<void>(request.respond(200));
    co_return;
  };
  const auto status_of = [&](SipMessage request) {
    const auto call = bench.stack().receive(std::move(request));
    bench.settle();
    return call->final();
  };
  CHECK(status_of(isc_message({{"Max-Forwards", "0"}})) == 483);
  CHECK(status_of(isc_message({{"Max-Forwards", "many"}})) == 400);
  CHECK(status_of(isc_message({{"CSeq", "1 INVITE"}})) == 400);
  CHECK(status_of(isc_message({{"CSeq", "99999999999 MESSAGE"}})) == 400);
  CHECK(status_of(sip_request("MESSAGE", "http://ims.lab/")) == 416);
  CHECK(status_of(sip_request("FROB", "sip:push@elsewhere.lab")) == 501);
  CHECK(status_of(sip_request("MESSAGE", "sip:nobody@ims.lab")) == 200);  // the trigger has no other condition
  reached = false;
  CHECK(status_of(sip_request("INVITE", "sip:alice@ims.lab")) == 400);  // no Contact
  CHECK(status_of(sip_request("PUBLISH", "sip:nobody@ims.lab")) == 404);
  CHECK(status_of(sip_request("NOTIFY", "sip:alice@ims.lab")) == 481);
  const auto call = bench.stack().receive(isc_message({{"Require", "precondition, 100rel"}}));
  bench.settle();
  CHECK(call->final() == 420);
  CHECK(call->last().headers.get("Unsupported") == "precondition, 100rel");
  CHECK_FALSE(reached);
  CHECK(bench.status().server_transactions == 0);
}

TEST_CASE("a merged request gets 482 while the first is being served (RFC 3261 8.2.2.2); a spiral with another mark does not") {
  Bench bench;
  bench.script.hooks["MESSAGE"] = [](SipServletRequest request) -> Task<void> {
    static_cast<void>(co_await sleep_for(1s));
    static_cast<void>(request.respond(200));
  };
  auto request = isc_message();
  const auto first = bench.stack().receive(request);
  const auto merged = bench.stack().receive(request);
  auto other_leg = request;
  other_leg.headers.set("Route", "<sip:127.0.0.1:5065;lr>, <sip:iscmark@127.0.0.1:6060;lr;s=0;h=0;d=0;a=73>");
  const auto spiral = bench.stack().receive(other_leg);
  bench.advance(2s);
  CHECK(merged->final() == 482);
  CHECK(first->final() == 200);
  CHECK(spiral->final() == 200);
  const auto later = bench.stack().receive(request);
  bench.advance(2s);
  CHECK(later->final() == 200);
}

TEST_CASE("OPTIONS is answered by the container when no module wants it") {
  Bench bench;
  const auto call = bench.stack().receive(sip_request("OPTIONS", "sip:127.0.0.1:5065", {{"Max-Forwards", "0"}}));
  bench.settle();
  CHECK(call->final() == 200);
  for (const auto name : {"Allow", "Accept", "Supported", "Allow-Events"}) CHECK(call->last().headers.has(name));
  CHECK(call->last().headers.get("Allow")->find("MESSAGE") != std::string_view::npos);
  CHECK(call->last().headers.get("Allow-Events") == "oma-push");
}

TEST_CASE("what an untrusted peer asserts is gone before anybody sees it (S-2, AS-2)") {
  Bench bench;
  bool stripped = false;
  bench.script.hooks["MESSAGE"] = [&](SipServletRequest request) -> Task<void> {
    stripped = !request.header("P-Asserted-Identity") && !request.header("P-Served-User") && !request.header("Feature-Caps") &&
               !request.isc().trusted && request.isc().asserted_identity.empty() && request.isc().served_user.empty();
    CHECK(request.proxy_onward().error().code == ErrorCode::forbidden);  // no open relay
    co_return;
  };
  const sip::PeerAddress stranger{sip::Transport::udp, "192.0.2.7", 5060};
  const auto call = bench.stack().receive(isc_message({{"Feature-Caps", "*;+g.3gpp.x"}}), stranger);
  bench.settle();
  CHECK(stripped);
  CHECK(call->final() == 403);
  CHECK(bench.stack().sent().empty());
}

TEST_CASE(
    "ServerName's app and sess choose the trigger; when its condition does not hold the content decides (SPF-40, SPF-W10)") {
  Bench bench;
  std::string trigger;
  const auto note = [&](SipServletRequest request) -> Task<void> {
    trigger = request.trigger();
    static_cast<void>(request.respond(200));
    co_return;
  };
  bench.script.hooks["MESSAGE"] = note;
  bench.stack().receive(isc_message({{"Route", "<sip:127.0.0.1:5065;lr;app=push;sess=hold>"}}));
  bench.settle();
  CHECK(trigger == "hold");
  trigger.clear();
  bench.stack().receive(isc_message({{"Route", "<sip:as1.ims.lab;lr;app=push;sess=sub>"}}));
  bench.settle();
  CHECK(trigger == "hold");
}

TEST_CASE("what no module wants goes on along its Route, or is not found (SPF-42)") {
  Bench bench;
  const auto onward = bench.stack().receive(
      sip_request("PUBLISH", "sip:alice@ims.lab", {{"Route", std::string("<sip:127.0.0.1:5065;lr>, ") + kMark}}));
  bench.settle();
  REQUIRE(bench.stack().sent().size() == 1);
  bench.stack().sent()[0]->answer(489);
  bench.settle();
  CHECK(onward->final() == 489);
  CHECK(bench.status().server_transactions == 0);
}

TEST_CASE("a PSI without a matching trigger goes to its service (SPF-42, AS-48)") {
  auto profile = push_profile();
  profile.triggers.clear();
  ServiceIdentity wildcard;
  wildcard.uri = "sip:push-!.*!@ims.lab";
  wildcard.type = ServiceIdentity::Type::wildcarded_psi;
  profile.identities.push_back(wildcard);
  Bench::Options options;
  options.profiles = {profile};
  Bench bench(std::move(options));
  int served = 0;
  bench.script.hooks["MESSAGE"] = [&](SipServletRequest request) -> Task<void> {
    ++served;
    CHECK(request.isc().served_user.empty());
    static_cast<void>(request.respond(200));
    co_return;
  };
  for (const auto target : {"sip:push@ims.lab", "sip:push-news@ims.lab", "sip:pusher@ims.lab"}) {
    bench.stack().receive(sip_request("MESSAGE", target));
  }
  bench.settle();
  CHECK(served == 2);
}

TEST_CASE("beyond max_sessions an initial request gets 500 with Retry-After") {
  Bench::Options options;
  options.limits.max_sessions = 1;
  Bench bench(std::move(options));
  bench.script.hooks["MESSAGE"] = [](SipServletRequest request) -> Task<void> {
    static_cast<void>(co_await sleep_for(1s));
    static_cast<void>(request.respond(200));
  };
  const auto first = bench.stack().receive(isc_message());
  const auto second = bench.stack().receive(isc_message());
  bench.advance(2s);
  CHECK(first->final() == 200);
  CHECK(second->final() == 500);
  CHECK(second->last().headers.has("Retry-After"));
}

TEST_CASE("refuse() maps errors to statuses, 5xx only for faults (AS-50, AS-83)") {
  Bench bench;
  Error error;
  bench.script.hooks["MESSAGE"] = [&](SipServletRequest request) -> Task<void> {
    CHECK(request.refuse(error).has_value());
    co_return;
  };
  const auto status_of = [&](ErrorCode code, std::optional<Duration> retry = {}) {
    error = Error{code, "", retry};
    const auto call = bench.stack().receive(isc_message());
    bench.settle();
    if (retry) CHECK(call->last().headers.get("Retry-After") == "2");
    return call->final();
  };
  CHECK(status_of(ErrorCode::invalid) == 400);
  CHECK(status_of(ErrorCode::forbidden) == 403);
  CHECK(status_of(ErrorCode::not_found) == 404);
  CHECK(status_of(ErrorCode::too_large) == 413);
  CHECK(status_of(ErrorCode::gone) == 481);
  CHECK(status_of(ErrorCode::unsupported) == 501);
  CHECK(status_of(ErrorCode::busy, Duration(1500ms)) == 500);
  CHECK(status_of(ErrorCode::timeout) == 500);
}
