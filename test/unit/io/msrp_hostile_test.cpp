// Peers that lie, stall, flood and vanish.
#include <algorithm>

#include "herald/metrics.h"
#include "io/msrp_uri.h"
#include "msrp_rig.h"

using namespace herald;
using namespace herald::test;

namespace {

constexpr const char* kPeerPath = "msrp://127.0.0.1:9999/peer;tcp";

std::string head(const std::string& to, const std::string& tid, const std::string& rest, const std::string& method = "SEND") {
  return "MSRP " + tid + " " + method + "\r\nTo-Path: " + to + "\r\nFrom-Path: " + kPeerPath + "\r\n" + rest;
}
std::string send(const std::string& to, const std::string& tid, const std::string& range, const std::string& content,
                 const std::string& flag = "$", const std::string& more = "", const std::string& id = "mess1") {
  return head(to, tid,
              "Message-ID: " + id + "\r\n" + (range.empty() ? "" : "Byte-Range: " + range + "\r\n") + more +
                  "Content-Type: text/plain\r\n\r\n" + content + "\r\n-------" + tid + flag + "\r\n");
}
std::string bodiless(const std::string& to, const std::string& tid) {
  return head(to, tid, "Message-ID: bind\r\n-------" + tid + "$\r\n");
}

double dropped(const std::string& reason) {
  const auto text = metrics::text();
  const auto at = text.find("herald_msrp_dropped_total{reason=\"" + reason + "\"} ");
  if (at == std::string::npos) return 0;
  return std::stod(text.substr(text.find("} ", at) + 2));
}

// A passive session that waits for the peer above.
struct Listening {
  explicit Listening(MsrpRig& on, MsrpPolicy policy = {{"*"}, 1 << 20, 65536}, bool start = true)
      : rig(on), session(on.open(std::move(policy))) {
    session->on_message([this](MsrpMessage message) {
      received.push_back(std::move(message));
      if (slow) {
        promises.emplace_back();
        return promises.back().future();
      }
      return ready<int>(int{verdict});
    });
    session->on_closed([this](Error error) { lost = error.text; });
    if (start) begin();
  }
  void begin() {
    MsrpDescription peer;
    peer.path = kPeerPath;
    started = watch(rig.shard, session->start(std::move(peer), MsrpSetup::passive));
    rig.turn();
  }
  [[nodiscard]] std::string path() const { return session->local().path; }
  [[nodiscard]] std::uint16_t port() const { return rig.endpoint->port(false); }

  MsrpRig& rig;
  std::shared_ptr<MsrpSession> session;
  std::shared_ptr<std::optional<Expected<void>>> started;
  std::vector<MsrpMessage> received;
  std::vector<Promise<int>> promises;
  std::string lost;
  int verdict = 200;
  bool slow = false;
};

}  // namespace

TEST_CASE("PS-44: a passive session is bound by the first request, bodiless or not") {
  MsrpRig rig;
  Listening one(rig);
  RawPeer peer(rig, one.port());
  CHECK_FALSE(one.started->has_value());
  peer.say(bodiless(one.path(), "tid1"));
  CHECK(peer.hears("MSRP tid1 200 OK\r\nTo-Path: msrp://127.0.0.1:9999/peer;tcp\r\nFrom-Path: " + one.path() +
                   "\r\n-------tid1$\r\n"));
  REQUIRE(one.started->has_value());
  CHECK((*one.started)->has_value());
  peer.say(send(one.path(), "tid2", "1-5/5", "hello"));
  CHECK(peer.hears("MSRP tid2 200 OK"));
  REQUIRE(rig.until([&] { return one.received.size() == 1; }));
  CHECK(one.received[0].bytes == "hello");
  CHECK(one.received[0].message_id == "mess1");
}

TEST_CASE("PS-44: a peer that is faster than its own SDP waits until the session is started") {
  MsrpRig rig;
  Listening one(rig, {{"*"}, 1000, 1000}, false);
  RawPeer peer(rig, one.port());
  peer.say(send(one.path(), "tid1", "1-5/5", "early"));
  rig.turn();
  CHECK(peer.heard().empty());
  one.begin();
  CHECK(peer.hears("MSRP tid1 200 OK"));
  REQUIRE(rig.until([&] { return one.received.size() == 1; }));
}

TEST_CASE("RFC 4975 10: 481 for a session that does not exist, another sender's path, and a closed session") {
  MsrpRig rig;
  Listening one(rig);
  RawPeer peer(rig, one.port());
  const auto before = dropped("unknown_session");
  peer.say(send("msrp://127.0.0.1:1/nobody;tcp", "tid1", "1-5/5", "hello"));
  CHECK(peer.hears("MSRP tid1 481"));
  auto other = send(one.path(), "tid2", "1-5/5", "hello");
  other.replace(other.find("9999/peer"), 9, "9999/else");
  peer.say(other);
  CHECK(peer.hears("MSRP tid2 481"));
  peer.say(bodiless(one.path(), "tid3"));
  CHECK(peer.hears("MSRP tid3 200"));
  CHECK(one.received.empty());
  CHECK(dropped("unknown_session") == before + 2);
}

TEST_CASE("RFC 4975 10: 506 when the session is bound to another connection") {
  MsrpRig rig;
  Listening one(rig);
  RawPeer peer(rig, one.port());
  peer.say(bodiless(one.path(), "tid1"));
  CHECK(peer.hears("200"));
  RawPeer thief(rig, one.port());
  thief.say(send(one.path(), "tid2", "1-5/5", "hello"));
  CHECK(thief.hears("MSRP tid2 506"));
  CHECK(one.received.empty());
}

TEST_CASE("several sessions share one connection, and one listening port") {
  MsrpRig rig;
  Listening one(rig);
  Listening two(rig);
  RawPeer peer(rig, one.port());
  peer.say(send(one.path(), "tid1", "1-3/3", "one", "$", "", "mes1") + send(two.path(), "tid2", "1-3/3", "two", "$", "", "mes2"));
  CHECK(peer.hears("MSRP tid1 200"));
  CHECK(peer.hears("MSRP tid2 200"));
  REQUIRE(rig.until([&] { return one.received.size() == 1 && two.received.size() == 1; }));
  CHECK(one.received[0].bytes == "one");
  CHECK(two.received[0].bytes == "two");
  // The connection lives as long as one of them does.
  rig.shard.run([&] { one.session->close(); });
  rig.turn();
  peer.say(send(two.path(), "tid3", "1-1/1", "3", "$", "", "mes3"));
  CHECK(peer.hears("MSRP tid3 200"));
  peer.say(bodiless(one.path(), "tid4"));
  CHECK(peer.hears("MSRP tid4 481"));
  rig.shard.run([&] { two.session->close(); });
  CHECK(peer.sees_end());
}

TEST_CASE("PS-45: chunks in order, out of order and overlapping make one small message") {
  MsrpRig rig;
  Listening one(rig);
  RawPeer peer(rig, one.port());
  peer.say(send(one.path(), "tid1", "6-10/10", "world", "$"));
  CHECK(peer.hears("MSRP tid1 200"));
  CHECK(one.received.empty());
  peer.say(send(one.path(), "tid2", "1-*/10", "hell", "+"));
  peer.say(send(one.path(), "tid3", "4-6/10", "low", "+"));
  CHECK(peer.hears("MSRP tid3 200"));
  REQUIRE(rig.until([&] { return one.received.size() == 1; }));
  CHECK(one.received[0].bytes ==
        "hellowo"
        "rld");
}

TEST_CASE("PS-45: a message of unknown total ends with $") {
  MsrpRig rig;
  Listening one(rig);
  RawPeer peer(rig, one.port());
  peer.say(send(one.path(), "tid1", "1-*/*", "abc", "+") + send(one.path(), "tid2", "4-*/*", "def", "$"));
  CHECK(peer.hears("MSRP tid2 200"));
  peer.say(send(one.path(), "tid3", "", "whole", "$", "", "mes3"));
  REQUIRE(rig.until([&] { return one.received.size() == 2; }));
  CHECK(one.received[0].bytes == "abcdef");
  CHECK(one.received[1].bytes == "whole");
}

TEST_CASE("PS-45: an aborted message never reaches the module") {
  MsrpRig rig;
  Listening one(rig);
  RawPeer peer(rig, one.port());
  const auto before = dropped("aborted");
  peer.say(send(one.path(), "tid1", "1-*/10", "hello", "+") + send(one.path(), "tid2", "6-*/10", "wor", "#"));
  CHECK(peer.hears("MSRP tid2 200"));
  CHECK(dropped("aborted") == before + 1);
  peer.say(send(one.path(), "tid3", "1-10/10", "helloworld"));  // a new attempt under the same id
  REQUIRE(rig.until([&] { return one.received.size() == 1; }));
  CHECK(one.received[0].bytes == "helloworld");
}

TEST_CASE("ranges that lie are refused") {
  MsrpRig rig;
  Listening one(rig, {{"*"}, 1000, 100});
  RawPeer peer(rig, one.port());
  const auto expect = [&](const std::string& request, const std::string& answer) {
    peer.say(request);
    CHECK_MESSAGE(peer.hears(answer), request);
  };
  const auto p = one.path();
  expect(send(p, "ta01", "0-5/5", "hello"), "ta01 400");
  expect(send(p, "ta02", "1-3/5", "hello", "+", "", "i002"), "ta02 400");  // longer than it says
  expect(send(p, "ta03", "1-*/3", "hello", "$", "", "i003"), "ta03 400");  // beyond the total
  expect(send(p, "ta04", "1-5/9", "hello", "$", "", "i004"), "ta04 400");  // the last, and not at the total
  expect(send(p, "ta05", "1-9/9", "hello", "$", "", "i005"), "ta05 400");  // shorter than it says
  expect(send(p, "ta06", "1-5/9", "hello", "+", "", "i006"), "ta06 200");
  expect(send(p, "ta07", "6-9/8", "wor", "$", "", "i006"), "ta07 400");  // malformed
  expect(send(p, "ta08", "1-5/9", "hello", "+", "", "i008"), "ta08 200");
  expect(send(p, "ta09", "6-10/10", "world", "$", "", "i008"), "ta09 400");  // the total changes
  expect(send(p, "ta10", "1-*/*", "hello", "+", "", "i010"), "ta10 200");
  expect(send(p, "ta11", "1-2/2", "he", "$", "", "i010"), "ta11 400");       // ends before what it had
  expect(send(p, "ta12", "7-*/500", "hello", "+", "", "i012"), "ta12 413");  // large ones come in order
  expect(send(p, "ta13", "7-*/*", "hello", "+", "", "i013"), "ta13 413");
  CHECK(one.received.empty());
  CHECK(rig.blobs.writers() == 0);
}

TEST_CASE("PS-47: too large a message is stopped at once, before its end") {
  MsrpRig rig;
  Listening one(rig, {{"*"}, 1000, 100});
  RawPeer peer(rig, one.port());
  auto whole = send(one.path(), "tid1", "1-*/*", std::string(5000, 'x'));
  peer.say(whole.substr(0, 4000));
  CHECK(peer.hears("MSRP tid1 413"));
  peer.say(whole.substr(4000));
  peer.say(send(one.path(), "tid2", "5001-*/*", "more"));  // was on its way
  CHECK(peer.hears("MSRP tid2 413"));
  peer.say(send(one.path(), "tid3", "1-*/1001", "x", "+", "", "mes3"));
  CHECK(peer.hears("MSRP tid3 413"));
  peer.say(send(one.path(), "tid4", "1-4/4", "fits", "$", "", "mes4"));
  REQUIRE(rig.until([&] { return one.received.size() == 1; }));
  CHECK(peer.heard().find("tid1 200") == std::string::npos);
}

TEST_CASE("PS-47: a sender that goes on after 413 for ever is cut off") {
  MsrpRig rig;
  Listening one(rig, {{"*"}, 1000, 100});
  RawPeer peer(rig, one.port());
  auto whole = send(one.path(), "tid1", "1-*/*", "x");
  peer.say(whole.substr(0, whole.find("\r\n-------tid1")));
  const std::string block(1 << 20, 'y');
  for (int i = 0; i < 80 && one.lost.empty(); ++i) peer.say(block);
  CHECK(rig.until([&] { return !one.lost.empty(); }));
}

TEST_CASE("SM-16: types, reports and unknown methods are answered as RFC 4975 10 says") {
  MsrpRig rig;
  Listening one(rig, {{"text/*"}, 1000, 100});
  RawPeer peer(rig, one.port());
  auto wrong = send(one.path(), "tid1", "1-5/5", "hello");
  wrong.replace(wrong.find("text/plain"), 10, "image/jpeg");
  peer.say(wrong);
  CHECK(peer.hears("MSRP tid1 415"));
  peer.say(head(one.path(), "tid2", "-------tid2$\r\n", "AUTH"));
  CHECK(peer.hears("MSRP tid2 501"));
  peer.say(head(one.path(), "tid3", "Content-Type: text/plain\r\n\r\nx\r\n-------tid3$\r\n"));  // no Message-ID
  CHECK(peer.hears("MSRP tid3 400"));
  peer.say(head(one.path(), "tid4", "Message-ID: mes4\r\n\r\nx\r\n-------tid4$\r\n"));  // no type
  CHECK(peer.hears("MSRP tid4 400"));
  peer.say(send(one.path(), "tid5", "1-1/1", "x", "$", "Failure-Report: maybe\r\n", "mes5"));
  CHECK(peer.hears("MSRP tid5 400"));
}

TEST_CASE("PS-46: Failure-Report no and partial say when a response is wanted") {
  MsrpRig rig;
  Listening one(rig, {{"text/*"}, 10, 100});
  RawPeer peer(rig, one.port());
  peer.say(send(one.path(), "tid1", "1-5/5", "hello", "$", "Failure-Report: no\r\n", "mes1"));
  peer.say(send(one.path(), "tid2", "1-11/11", "hello world", "$", "Failure-Report: no\r\n", "mes2"));
  peer.say(send(one.path(), "tid3", "1-5/5", "hello", "$", "Failure-Report: partial\r\n", "mes3"));
  peer.say(send(one.path(), "tid4", "1-11/11", "hello world", "$", "Failure-Report: partial\r\n", "mes4"));
  CHECK(peer.hears("MSRP tid4 413"));
  REQUIRE(rig.until([&] { return one.received.size() == 2; }));
  CHECK(peer.heard().find("tid1") == std::string::npos);
  CHECK(peer.heard().find("tid2") == std::string::npos);
  CHECK(peer.heard().find("tid3") == std::string::npos);
}

TEST_CASE("PS-46: a REPORT is sent when it was asked for, or when the module refuses what was answered 200") {
  MsrpRig rig;
  Listening one(rig);
  RawPeer peer(rig, one.port());
  peer.say(send(one.path(), "tid1", "1-5/5", "hello", "$", "Success-Report: yes\r\n", "mes1"));
  CHECK(peer.hears(" REPORT\r\nTo-Path: msrp://127.0.0.1:9999/peer;tcp\r\nFrom-Path: " + one.path() +
                   "\r\nMessage-ID: mes1\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n"));
  one.verdict = 403;
  peer.say(send(one.path(), "tid2", "1-5/5", "hello", "$", "", "mes2"));
  CHECK(peer.hears("Message-ID: mes2\r\nByte-Range: 1-5/5\r\nStatus: 000 403 Forbidden\r\n"));
  CHECK(peer.hears("MSRP tid2 200"));
  peer.say(send(one.path(), "tid3", "1-5/5", "hello", "$", "Failure-Report: no\r\n", "mes3"));
  one.verdict = 200;
  REQUIRE(rig.until([&] { return one.received.size() == 3; }));
  peer.say(send(one.path(), "tid4", "1-5/5", "hello", "$", "Success-Report: no\r\n", "mes4"));
  CHECK(peer.hears("MSRP tid4 200"));
  rig.turn();
  CHECK(peer.heard().find("mes3") == std::string::npos);
  CHECK(peer.heard().find("mes4") == std::string::npos);
}

TEST_CASE("too many messages begun and not ended are refused") {
  MsrpRig rig;
  Listening one(rig);
  RawPeer peer(rig, one.port());
  for (int i = 0; i < 8; ++i)
    peer.say(send(one.path(), "tid" + std::to_string(i), "1-1/9", "x", "+", "", "mess" + std::to_string(i)));
  CHECK(peer.hears("MSRP tid7 200"));
  peer.say(send(one.path(), "tid8", "1-1/9", "x", "+", "", "mess8"));
  CHECK(peer.hears("MSRP tid8 413"));
  peer.say(send(one.path(), "tid9", "2-9/9", "xxxxxxxx", "$", "", "mess0"));
  REQUIRE(rig.until([&] { return one.received.size() == 1; }));
}

TEST_CASE("all messages in memory together are bounded") {
  auto options = msrp_on_loopback();
  options.limits.buffered_bytes = 100;
  MsrpRig rig(options);
  Listening one(rig);
  RawPeer peer(rig, one.port());
  peer.say(send(one.path(), "tid1", "1-60/120", std::string(60, 'x'), "+", "", "mes1"));
  CHECK(peer.hears("MSRP tid1 200"));
  peer.say(send(one.path(), "tid2", "1-60/120", std::string(60, 'x'), "+", "", "mes2"));
  CHECK(peer.hears("MSRP tid2 413"));
  CHECK(rig.endpoint->hub().budget.used == 60);
  rig.shard.run([&] { one.session->close(); });
  rig.turn();
  CHECK(rig.endpoint->hub().budget.used == 0);
}

TEST_CASE("a module that is slow to judge holds its peer back, not the others") {
  auto options = msrp_on_loopback();
  options.limits.deliveries = 2;
  MsrpRig rig(options);
  Listening slow(rig);
  Listening quick(rig);
  slow.slow = true;
  RawPeer peer(rig, slow.port());
  RawPeer other(rig, slow.port());
  for (int i = 0; i < 5; ++i)
    peer.say(send(slow.path(), "tid" + std::to_string(i), "1-1/1", "x", "$", "", "mess" + std::to_string(i)));
  other.say(send(quick.path(), "tidq", "1-1/1", "x"));
  CHECK(other.hears("tidq 200"));
  REQUIRE(rig.until([&] { return quick.received.size() == 1; }));
  CHECK(slow.received.size() == 2);
  rig.advance(std::chrono::minutes(2));  // it is not the peer that stalls
  CHECK(slow.lost.empty());
  while (slow.received.size() < 5) {
    rig.shard.run([&] {
      for (auto& promise : std::exchange(slow.promises, {})) promise.set(200);
    });
    rig.turn();
  }
  CHECK(peer.hears("MSRP tid4 200"));
}

TEST_CASE("garbage, half a request and silence end the connection") {
  MsrpRig rig;
  const auto malformed = dropped("malformed");
  const auto idle = dropped("idle");
  const auto stalled = dropped("stalled");
  const auto truncated = dropped("truncated");
  {
    Listening one(rig);
    RawPeer garbage(rig, one.port());
    garbage.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(garbage.sees_end());
    RawPeer giant(rig, one.port());
    giant.say("MSRP abcd SEND\r\nTo-Path: " + std::string(100'000, 'x'));
    CHECK(giant.sees_end());
    RawPeer pathless(rig, one.port());
    pathless.say("MSRP abcd SEND\r\nMessage-ID: abcd\r\n-------abcd$\r\n");
    CHECK(pathless.sees_end());
    CHECK(dropped("malformed") == malformed + 3);
  }
  {
    Listening one(rig);
    RawPeer silent(rig, one.port());
    rig.advance(std::chrono::seconds(31));
    CHECK(silent.sees_end());
    CHECK(dropped("idle") == idle + 1);
  }
  {
    Listening one(rig);
    RawPeer half(rig, one.port());
    half.say(bodiless(one.path(), "tid0"));
    CHECK(half.hears("tid0 200"));
    half.say(send(one.path(), "tid1", "1-50/50", "hello").substr(0, 150));
    rig.advance(std::chrono::seconds(20));
    CHECK(one.lost.empty());
    rig.advance(std::chrono::seconds(11));
    CHECK(half.sees_end());
    CHECK(dropped("stalled") == stalled + 1);
    CHECK(rig.until([&] { return !one.lost.empty(); }));
  }
  {
    Listening one(rig);
    auto leaver = std::make_unique<RawPeer>(rig, one.port());
    leaver->say(send(one.path(), "tid1", "1-50/50", "hello", "+"));
    CHECK(leaver->hears("tid1 200"));
    leaver->say(send(one.path(), "tid2", "6-50/50", "hello").substr(0, 150));
    const auto unfinished = dropped("unfinished");
    leaver.reset();
    CHECK(rig.until([&] { return !one.lost.empty(); }));
    CHECK(dropped("truncated") >= truncated + 1);
    CHECK(dropped("unfinished") == unfinished + 1);
    CHECK(one.received.empty());
  }
}

TEST_CASE("a session that no peer ever connects to is told so") {
  MsrpRig rig;
  Listening one(rig);
  rig.advance(std::chrono::seconds(31));
  REQUIRE(rig.until([&] { return one.started->has_value(); }));
  REQUIRE_FALSE((*one.started)->has_value());
  CHECK((*one.started)->error().code == ErrorCode::timeout);
  RawPeer late(rig, one.port());
  late.say(bodiless(one.path(), "tid1"));
  CHECK(late.hears("MSRP tid1 481"));
}

TEST_CASE("connections and sessions are bounded, in all and for one peer") {
  auto options = msrp_on_loopback();
  options.limits.connections_per_peer = 2;
  options.limits.sessions = 2;
  MsrpRig rig(options);
  Listening one(rig);
  Listening two(rig);
  const auto third = rig.shard.run([&] { return rig.endpoint->open(false, {}); });
  REQUIRE_FALSE(third.has_value());
  CHECK(third.error().code == ErrorCode::unavailable);
  RawPeer first(rig, one.port());
  RawPeer second(rig, one.port());
  rig.turn();
  RawPeer refused(rig, one.port());
  CHECK(refused.sees_end());
  first.say(bodiless(one.path(), "tid1"));
  CHECK(first.hears("tid1 200"));
  first.end();
  CHECK(rig.until([&] { return !one.lost.empty(); }));
  RawPeer fourth(rig, one.port());
  fourth.say(bodiless(two.path(), "tid2"));
  CHECK(fourth.hears("tid2 200"));
  rig.shard.run([&] { one.session->close(); });
  rig.turn();
  CHECK(rig.shard.run([&] { return rig.endpoint->open(false, {}).has_value(); }));
}

TEST_CASE("responses and reports to nothing are counted and ignored") {
  MsrpRig rig;
  Listening one(rig);
  RawPeer peer(rig, one.port());
  const auto responses = dropped("unknown_response");
  const auto reports = dropped("unknown_report");
  peer.say("MSRP zzzz 200 OK\r\nTo-Path: " + one.path() + "\r\nFrom-Path: " + kPeerPath + "\r\n-------zzzz$\r\n");
  peer.say(
      head(one.path(), "tid1", "Message-ID: never\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n-------tid1$\r\n", "REPORT"));
  peer.say(bodiless(one.path(), "tid2"));
  CHECK(peer.hears("tid2 200"));
  CHECK(dropped("unknown_response") == responses + 1);
  CHECK(dropped("unknown_report") == reports + 1);
  CHECK(peer.heard().find("tid1") == std::string::npos);  // nothing answers a REPORT
}

TEST_CASE("a peer that asks and never reads is not answered without bound") {
  MsrpRig rig;
  Listening one(rig, {{"*"}, 0, 0});
  RawPeer peer(rig, one.port());
  const auto before = dropped("slow_reader");
  std::string flood;
  for (int i = 0; i < 20'000; ++i) flood += bodiless(one.path(), "tid" + std::to_string(100'000 + i));
  // More than the sockets' buffers hold: what does not fit stays with the peer.
  for (int round = 0; round < 40 && one.lost.empty(); ++round) {
    std::string_view rest = flood;
    for (int quiet = 0; quiet < 50 && !rest.empty();) {
      const auto sent = peer.try_say(rest);
      quiet = sent == 0 ? quiet + 1 : 0;
      rest.remove_prefix(sent);
      rig.turn();
    }
    if (!rest.empty()) break;
  }
  rig.advance(std::chrono::seconds(31));
  CHECK(rig.until([&] { return !one.lost.empty(); }));
  CHECK(dropped("slow_reader") == before + 1);
}
