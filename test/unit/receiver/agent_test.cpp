// The agent in a container, a stack without a wire, virtual time.
#include "phone.h"

using namespace herald;
using namespace herald::receiver;
using namespace herald::receiver::test_support;
using namespace std::chrono_literals;

TEST_CASE("PR-1: the agent registers with digest after the pause that the S-CSCF needs") {
  Phone phone;
  REQUIRE(phone.sent() == 1);
  CHECK(phone.last().request.method() == "REGISTER");
  CHECK(phone.last().request.uri() == "sip:ims.lab");
  CHECK(phone.header("Route") == "<sip:127.0.0.1:6060;lr>");
  CHECK(phone.header("Supported") == "path, gruu");
  CHECK(phone.header("Expires") == "600");
  CHECK(phone.header("Contact").find("+g.oma.pusheventapp=\"news.ua,mms.ua\"") != std::string::npos);
  CHECK(phone.header("Authorization").find("username=\"alice@ims.lab\"") != std::string::npos);
  CHECK(phone.header("Authorization").find("response=\"\"") != std::string::npos);
  const auto call_id = phone.header("Call-ID");

  phone.last().answer(401, {{"WWW-Authenticate", "Digest realm=\"ims.lab\", nonce=\"n1\", algorithm=MD5, qop=\"auth\""}});
  phone.executor.advance(99ms);
  CHECK(phone.sent() == 1);
  phone.executor.advance(1ms);
  REQUIRE(phone.sent() == 2);
  CHECK(phone.header("Call-ID") == call_id);
  CHECK(phone.header("CSeq") == "2 REGISTER");
  CHECK(phone.header("Authorization").find("nonce=\"n1\"") != std::string::npos);
  CHECK(phone.header("Authorization").find("nc=00000001") != std::string::npos);
  CHECK(phone.told.empty());
  phone.accept("540");
  CHECK(phone.event()["event"] == "registered");
  CHECK(phone.event()["user"] == "sip:alice@ims.lab");
  CHECK(phone.event()["expires"] == 540);
  CHECK(phone.agent->ever_registered());
}

TEST_CASE("a second challenge is answered too, but not for ever") {
  Phone phone;
  phone.challenge("n1");
  phone.challenge("n2");
  CHECK(phone.header("Authorization").find("nonce=\"n2\"") != std::string::npos);
  phone.challenge("n3");
  phone.challenge("n4");
  phone.last().answer(401, {{"WWW-Authenticate", "Digest realm=\"ims.lab\", nonce=\"n5\""}});
  phone.executor.run_ready();
  CHECK(phone.sent() == 5);
  CHECK(phone.event()["event"] == "error");
  CHECK(phone.event()["status"] == 401);
  CHECK_FALSE(phone.agent->ever_registered());
  phone.executor.advance(1s);
  CHECK(phone.sent() == 6);
}

TEST_CASE("it stays registered: refresh at half the time, with the nonce it has") {
  Phone phone;
  phone.registered();
  const auto before = phone.sent();
  phone.executor.advance(299s);
  CHECK(phone.sent() == before);
  phone.executor.advance(1s);
  REQUIRE(phone.sent() == before + 1);
  CHECK(phone.header("Authorization").find("nc=00000002") != std::string::npos);
  phone.accept();
  CHECK(phone.event()["refresh"] == true);
}

TEST_CASE("failures are told and tried again, later each time, or when the registrar says") {
  Phone phone;
  phone.last().answer(503, {{"Retry-After", "7"}});
  phone.executor.run_ready();
  CHECK(phone.event()["status"] == 503);
  CHECK(phone.event()["retry_in"] == 7);
  phone.executor.advance(7s);
  REQUIRE(phone.sent() == 2);
  phone.last().fail(408, ResponseOrigin::timer);
  phone.executor.run_ready();
  CHECK(phone.event()["retry_in"] == 2);
  phone.executor.advance(2s);
  REQUIRE(phone.sent() == 3);
  phone.registered();
  CHECK(phone.event()["event"] == "registered");
}

TEST_CASE("423 raises the time asked for") {
  Phone phone({"--expires", "10"});
  phone.last().answer(423, {{"Min-Expires", "60"}});
  phone.executor.run_ready();
  REQUIRE(phone.sent() == 2);
  CHECK(phone.header("Expires") == "60");
}

TEST_CASE("stopping ends the registration and answers what is still open") {
  Phone phone;
  phone.registered();
  bool done = false;
  phone.executor.run([&] { spawn(end(*phone.agent, phone.clock, &done)); });
  phone.executor.run_ready();
  CHECK(phone.header("Expires") == "0");
  CHECK_FALSE(done);
  phone.last().answer(200);
  phone.executor.advance(10ms);
  CHECK(done);
  CHECK(phone.event()["event"] == "unregistered");
  const auto sent = phone.sent();
  phone.executor.advance(2h);
  CHECK(phone.sent() == sent);
}

TEST_CASE("a registrar that is silent at the end does not hold the agent up") {
  Phone phone;
  phone.registered();
  bool done = false;
  phone.executor.run([&] { spawn(end(*phone.agent, phone.clock, &done)); });
  phone.executor.advance(5s);
  CHECK(done);
}

TEST_CASE("PR-7, PR-9: a push is answered 200 and told once; its repetition is marked") {
  Phone phone;
  phone.registered();
  const std::vector<SipHeaderField> headers{{"Accept-Contact", R"(*;+g.oma.pusheventapp="news.ua";require;explicit)"},
                                            {"P-Asserted-Identity", "<sip:push-news@ims.lab>"},
                                            {"Content-ID", "<p1@ims.lab>"},
                                            {"Content-Type", "text/plain"}};
  const auto call = phone.push(headers);
  CHECK(call->final() == 200);
  CHECK(call->last().body.empty());
  CHECK_FALSE(call->last().headers.has("Contact"));
  CHECK(phone.event()["event"] == "push");
  CHECK(phone.event()["app"] == "news.ua");
  CHECK(phone.event()["type"] == "text/plain");
  CHECK(phone.event()["from"] == "sip:push-news@ims.lab");
  CHECK(phone.event()["id"] == "p1@ims.lab");
  CHECK(phone.event()["text"] == "Goal!");
  CHECK_FALSE(phone.event().contains("duplicate"));
  CHECK(phone.push(headers)->final() == 200);
  CHECK(phone.event()["duplicate"] == true);
  phone.executor.advance(24h);
  CHECK(phone.push(headers)->final() == 200);
  CHECK_FALSE(phone.event().contains("duplicate"));
}

TEST_CASE("what does not fit is refused with the right code and told") {
  Phone phone({"--accept", "text/plain", "--max-bytes", "10"});
  phone.registered();
  CHECK(phone.push({{"Accept-Contact", R"(*;+g.oma.pusheventapp="game.ua")"}})->final() == 488);
  CHECK(phone.event()["event"] == "push_refused");
  CHECK(phone.event()["status"] == 488);
  const auto type = phone.push({{"Content-Type", "image/png"}});
  CHECK(type->final() == 415);
  CHECK(type->last().headers.get("Accept") == "text/plain, message/cpim, message/imdn+xml");
  CHECK(phone.push({}, std::string(11, 'x'))->final() == 413);
  CHECK(phone.push({}, "x", "sip:bob@127.0.0.1:5065")->final() == 404);
  CHECK(phone.push({}, "x", "sip:alice@ims.lab")->final() == 200);
}

TEST_CASE("answers come in the order they were told; a refused push is not remembered") {
  Phone phone({"--answer", "486;retry-after=30,200,403"});
  phone.registered();
  const std::vector<SipHeaderField> headers{{"Content-ID", "<p1@ims.lab>"}};
  const auto busy = phone.push(headers);
  CHECK(busy->final() == 486);
  CHECK(busy->last().headers.get("Retry-After") == "30");
  CHECK(phone.push(headers)->final() == 200);
  CHECK_FALSE(phone.event().contains("duplicate"));
  CHECK(phone.push(headers)->final() == 403);
  CHECK(phone.push(headers)->final() == 403);
}

TEST_CASE("no answer at all is possible, until the agent stops") {
  Phone phone({"--answer", "none"});
  phone.registered();
  const auto call = phone.push();
  CHECK(phone.event()["event"] == "push_refused");
  CHECK(phone.event()["status"] == 0);
  phone.executor.advance(10min);
  CHECK(call->final() == 0);
}

TEST_CASE("PR-15: OPTIONS tells what the agent can do") {
  Phone phone({"--accept", "text/html"});
  phone.registered();
  const auto call = phone.stack.receive(sip_request("OPTIONS", "sip:alice@127.0.0.1:5065"));
  phone.executor.run_ready();
  CHECK(call->final() == 200);
  CHECK(call->last().headers.get("Allow") == "MESSAGE, OPTIONS, NOTIFY");
  CHECK(call->last().headers.get("Accept") == "text/plain, text/html, message/cpim, message/imdn+xml");
  CHECK(call->last().headers.get("Accept-Encoding") == "gzip, identity");
  CHECK(call->last().headers.get("Contact")->find("+g.oma.pusheventapp") != std::string_view::npos);
}

TEST_CASE("other methods are not served") {
  Phone phone;
  const auto call = phone.stack.receive(sip_request("INFO", "sip:alice@127.0.0.1:5065"));
  phone.executor.run_ready();
  CHECK(call->final() >= 400);
}

TEST_CASE("many users in one process register one after the other and get their own pushes") {
  Phone phone({"--user", "sip:bob@ims.lab", "--user", "sip:alice@other.lab"});
  phone.executor.advance(20ms);
  CHECK(phone.sent() == 3);
  for (std::size_t i = 0; i < 3; ++i) phone.stack.sent()[i]->answer(200);
  phone.executor.run_ready();
  CHECK(phone.told.size() == 3);
  CHECK(phone.push({}, "x", "sip:bob@127.0.0.1:5065")->final() == 200);
  CHECK(phone.event()["user"] == "sip:bob@ims.lab");
  const auto contact = NameAddr::parse(phone.stack.sent()[2]->request.headers.get("Contact").value_or(""));
  REQUIRE(contact);
  CHECK(phone.push({}, "x", contact->uri)->final() == 200);
  CHECK(phone.event()["user"] == "sip:alice@other.lab");
}

TEST_CASE("PR-1: who registers by TCP sends everything that way") {
  auto section = phone_section({});
  for (auto& entry : section.entries)
    if (entry.key == "contact") entry.value = config_scalar("127.0.0.1:5065;transport=tcp");
  config_set(section, "subscribe", config_items({config_scalar("news.ua")}));
  section.entries.erase(
      std::find_if(section.entries.begin(), section.entries.end(), [](const auto& e) { return e.key == "subscribe"; }));
  Phone phone(std::move(section), nullptr);
  CHECK(phone.header("Route") == "<sip:127.0.0.1:6060;lr;transport=tcp>");
  phone.challenge("n1");
  phone.last().answer(200, {{"Service-Route", "<sip:orig@127.0.0.1:6060;lr>"}, {"Expires", "600"}});
  phone.executor.run_ready();
  CHECK(phone.last("SUBSCRIBE").request.headers.get("Route") == "<sip:orig@127.0.0.1:6060;lr;transport=tcp>");
}
