// Sessions of MSRP: the agent in a container, a stack and an endpoint without a wire, virtual time.
#include <zlib.h>

#include "gunzip.h"
#include "phone.h"
#include "session_offer.h"

using namespace herald;
using namespace herald::receiver;
using namespace herald::receiver::test_support;
using namespace std::chrono_literals;

namespace {

MsrpDescription offer() {
  MsrpDescription description;
  description.address = "127.0.0.1";
  description.port = 7654;
  description.path = "msrp://127.0.0.1:7654/peer;tcp";
  description.accept_types = {"*"};
  description.setup = MsrpSetup::actpass;
  description.direction = MsrpDirection::sendonly;
  return description;
}

std::vector<SipHeaderField> invite_headers(std::vector<SipHeaderField> more = {}) {
  std::vector<SipHeaderField> headers{{"Accept-Contact", R"(*;+g.oma.pusheventapp="news.ua";require;explicit)"},
                                      {"P-Asserted-Identity", "<sip:push-news@ims.lab>"},
                                      {"Contact", "<sip:push@127.0.0.1:7000>"},
                                      {"From", "<sip:push-news@ims.lab>;tag=news"},
                                      {"CSeq", "1 INVITE"}};
  bool typed = false;
  for (auto& field : more) {
    typed = typed || field.name == "Content-Type";
    headers.push_back(std::move(field));
  }
  if (!typed) headers.push_back({"Content-Type", "application/sdp"});
  return headers;
}

std::shared_ptr<FakeSipStack::Call> invite(Phone& phone, const MsrpDescription& description = offer(),
                                           std::vector<SipHeaderField> more = {}) {
  return phone.receive("INVITE", invite_headers(std::move(more)), to_sdp(description, 1, 1));
}

// In the dialog of that INVITE, as its sender.
SipMessage in_dialog(const FakeSipStack::Call& call, std::string_view method, int cseq) {
  std::vector<SipHeaderField> headers{{"From", std::string(*call.request.headers.get("From"))},
                                      {"To", std::string(*call.last().headers.get("To"))},
                                      {"Call-ID", std::string(*call.request.headers.get("Call-ID"))},
                                      {"CSeq", std::to_string(cseq) + " " + std::string(method)}};
  return sip_request(method, "sip:alice@127.0.0.1:5065", std::move(headers));
}

struct InSession : Phone {
  explicit InSession(const std::vector<const char*>& more = {}) : Phone(with_msrp(more)) {
    registered();
    call = invite(*this);
    REQUIRE(call->final() == 200);
    stack.receive_ack(in_dialog(*call, "ACK", 1));
    executor.run_ready();
    session().connect();
    executor.run_ready();
  }
  static std::vector<const char*> with_msrp(std::vector<const char*> more) {
    more.insert(more.begin(), "--msrp=127.0.0.1:0");
    return more;
  }
  FakeMsrpSession& session() { return *msrp.sessions().back(); }
  std::shared_ptr<FakeReport> send(MsrpMessage message) {
    auto report = executor.run([&] { return session().receive(std::move(message)); });
    executor.run_ready();
    return report;
  }
  std::shared_ptr<FakeReport> send(std::string bytes, std::string type = "text/plain", std::string id = "<p1@ims.lab>") {
    MsrpMessage message;
    message.message_id = "m" + std::to_string(++calls);
    message.type = std::move(type);
    message.bytes = std::move(bytes);
    message.success_report = true;
    if (!id.empty()) message.headers.emplace_back("Content-ID", std::move(id));
    return send(std::move(message));
  }
  std::shared_ptr<FakeSipStack::Call> call;
};

std::string gzipped(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  std::string input = text;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

const std::string kCpimHead =
    "From: <sip:push-news@ims.lab>\r\nTo: <sip:alice@ims.lab>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: psh-1\r\n"
    "imdn.Disposition-Notification: positive-delivery, negative-delivery, display\r\n\r\nContent-Type: text/plain\r\n\r\n";

}  // namespace

TEST_CASE("PR-11: an INVITE that offers MSRP is answered recvonly, with types, size and its side of the connection") {
  Phone phone({"--msrp=127.0.0.1:0", "--max-size", "5000000", "--accept", "image/*"});
  phone.registered();
  const auto call = invite(phone);
  REQUIRE(call->final() == 200);
  CHECK(call->last().headers.get("Content-Type") == "application/sdp");
  CHECK(call->last().headers.has("Contact"));
  const auto answer = parse_msrp_sdp(call->last().body);
  REQUIRE(answer);
  CHECK(answer->direction == MsrpDirection::recvonly);
  CHECK(answer->setup == MsrpSetup::active);
  CHECK(answer->max_size == 5'000'000);
  CHECK(answer->path == "msrp://127.0.0.1:2855/s1;tcp");
  CHECK(answer->accept_types == std::vector<std::string>{"text/plain", "image/*", "message/cpim", "message/imdn+xml"});
  REQUIRE(phone.msrp.sessions().size() == 1);
  CHECK(phone.msrp.sessions()[0]->policy.max_size == 5'000'000);
  CHECK(phone.msrp.sessions()[0]->role == MsrpSetup::active);
  CHECK(phone.msrp.sessions()[0]->peer.path == "msrp://127.0.0.1:7654/peer;tcp");
}

TEST_CASE("PR-11: who connects is the offer's choice, the offerer without a=setup (RFC 6135, RFC 4975 5.4)") {
  const auto answered = [](std::optional<MsrpSetup> offered, std::vector<const char*> options = {}) {
    Phone phone(InSession::with_msrp(std::move(options)));
    phone.registered();
    auto description = offer();
    description.setup = offered;
    const auto call = invite(phone, description);
    REQUIRE(call->final() == 200);
    return std::pair(parse_msrp_sdp(call->last().body)->setup, phone.msrp.sessions()[0]->role);
  };
  using Pair = std::pair<std::optional<MsrpSetup>, std::optional<MsrpSetup>>;
  CHECK(answered(std::nullopt) == Pair(std::nullopt, MsrpSetup::passive));
  CHECK(answered(MsrpSetup::active) == Pair(MsrpSetup::passive, MsrpSetup::passive));
  CHECK(answered(MsrpSetup::passive) == Pair(MsrpSetup::active, MsrpSetup::active));
  CHECK(answered(MsrpSetup::actpass) == Pair(MsrpSetup::active, MsrpSetup::active));
  CHECK(answered(MsrpSetup::actpass, {"--msrp-setup", "passive"}) == Pair(MsrpSetup::passive, MsrpSetup::passive));
}

TEST_CASE("PR-11: offers it cannot take are refused, and nothing is opened for them") {
  Phone phone({"--msrp=127.0.0.1:0", "--accept", "image/*"});
  phone.registered();
  const auto refused = [&](const MsrpDescription& description, std::vector<SipHeaderField> more = {}) {
    const auto call = invite(phone, description, std::move(more));
    CHECK(phone.event("push_refused")["mode"] != "pager");
    return call->final();
  };
  auto wants_nothing = offer();
  wants_nothing.direction = MsrpDirection::recvonly;
  CHECK(refused(wants_nothing) == 488);
  auto secure = offer();
  secure.tls = true;
  CHECK(refused(secure) == 488);
  auto other_types = offer();
  other_types.accept_types = {"application/pdf"};
  CHECK(refused(other_types) == 488);
  CHECK(refused(offer(), {{"Content-Type", "text/plain"}}) == 415);
  CHECK(
      phone.receive("INVITE", invite_headers(), "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n")->final() ==
      488);
  CHECK(phone.receive("INVITE", invite_headers())->final() == 488);
  CHECK(phone
            .receive("INVITE",
                     {{"Accept-Contact", R"(*;+g.oma.pusheventapp="other.ua")"},
                      {"Contact", "<sip:a@h>"},
                      {"Content-Type", "application/sdp"}},
                     to_sdp(offer(), 1, 1))
            ->final() == 488);
  CHECK(phone.event("push_refused")["status"] == 488);
  CHECK(phone.msrp.sessions().empty());
  phone.msrp.full = true;
  CHECK(refused(offer()) == 486);
  phone.msrp.full = false;
  auto may_receive = offer();
  may_receive.direction = MsrpDirection::sendrecv;
  may_receive.accept_types = {"application/pdf"};  // what it would take says nothing of what it sends
  CHECK(invite(phone, may_receive)->final() == 200);
}

TEST_CASE("PR-11, PR-16: a session is decided on like a MESSAGE: blocked sender, application, answers as ordered") {
  Phone phone({"--msrp=127.0.0.1:0", "--reject", "sip:spam@ims.lab", "--invite-answer", "486;retry-after=3,603,200"});
  phone.registered();
  const auto busy = invite(phone);
  CHECK(busy->final() == 486);
  CHECK(busy->last().headers.get("Retry-After") == "3");
  CHECK(invite(phone)->final() == 603);
  CHECK(phone.push()->final() == 200);  // a MESSAGE has answers of its own
  CHECK(invite(phone)->final() == 200);
  const auto spam = phone.receive(
      "INVITE", {{"P-Asserted-Identity", "<sip:spam@ims.lab>"}, {"Contact", "<sip:a@h>"}, {"Content-Type", "application/sdp"}},
      to_sdp(offer(), 1, 1));
  CHECK(spam->final() == 603);
  Phone without;
  without.registered();
  const auto call = invite(without);
  CHECK(call->final() == 405);
  CHECK(call->last().headers.get("Allow") == "MESSAGE, OPTIONS, NOTIFY");
}

TEST_CASE("PR-9, PR-11: a message of a session is told like any push, a repeated one is marked, both are reported") {
  InSession phone;
  const auto first = phone.send("Goal!");
  auto push = phone.event("push");
  CHECK(push["mode"] == "msrp");
  CHECK(push["app"] == "news.ua");
  CHECK(push["from"] == "sip:push-news@ims.lab");
  CHECK(push["id"] == "p1@ims.lab");
  CHECK(push["text"] == "Goal!");
  CHECK(push["size"] == 5);
  CHECK(push["sha256"].get<std::string>().size() == 64);
  CHECK(first->value == 200);
  CHECK(phone.send("Goal!")->value == 200);
  CHECK(phone.event("push")["duplicate"] == true);
  CHECK(phone.push({{"Content-ID", "<p1@ims.lab>"}})->final() == 200);  // whatever way it comes
  CHECK(phone.event("push")["duplicate"] == true);
  CHECK(phone.send("one", "text/plain", "")->value == 200);  // without an id of its own: Message-ID
  CHECK_FALSE(phone.event("push").contains("duplicate"));
}

TEST_CASE("PR-7, PR-11: what does not fit is refused by a failure REPORT and may come again") {
  InSession phone({"--accept", "image/*"});
  CHECK(phone.send("{}", "application/json")->value == 415);
  CHECK(phone.event("push_refused")["status"] == 415);
  CHECK(phone.count("push") == 0);
  CHECK(phone.send("broken", "message/cpim")->value == 400);
}

TEST_CASE("PR-11: large content stays out of memory and is told by size and hash, then removed") {
  InSession phone;
  const std::string content(200'000, 'x');
  MsrpMessage message;
  message.message_id = "m1";
  message.type = "application/octet-stream";
  message.headers.emplace_back("Content-ID", "<big@ims.lab>");
  message.blob = phone.blobs.keep(content);
  const auto hash = message.blob->sha256;
  CHECK(phone.send(message)->value == 200);
  CHECK(phone.event("push")["size"] == 200'000);
  CHECK(phone.event("push")["sha256"] == hash);
  CHECK_FALSE(phone.event("push").contains("base64"));
  CHECK(phone.blobs.size() == 0);

  // message/cpim round it: the wrapper is read and taken off.
  message.type = "message/cpim";
  message.headers.clear();
  message.blob = phone.blobs.keep(kCpimHead + content);
  CHECK(phone.send(message)->value == 200);
  CHECK(phone.event("push")["size"] == 200'000);
  CHECK(phone.event("push")["sha256"] == hash);
  CHECK(phone.event("push")["type"] == "text/plain");
  CHECK(phone.event("push")["id"] == "psh-1");
  CHECK(phone.sent("MESSAGE") == 1);  // positive-delivery
  CHECK(phone.blobs.size() == 0);

  message.type = "application/octet-stream";
  message.headers = {{"Content-ID", "<zip@ims.lab>"}, {"Content-Encoding", "gzip"}};
  message.blob = phone.blobs.keep(gzipped(content));
  CHECK(phone.send(message)->value == 200);
  CHECK(phone.event("push")["sha256"] == hash);
  message.headers = {{"Content-ID", "<bad@ims.lab>"}, {"Content-Encoding", "gzip"}};
  message.blob = phone.blobs.keep(content);
  CHECK(phone.send(message)->value == 400);
  CHECK(phone.blobs.size() == 0);
}

TEST_CASE("PR-12: large content by reference goes to a blob, is checked by size and hash and removed when told") {
  Phone phone({"--content-host", "cdn.example", "--content-max", "10000000"});
  phone.registered();
  const std::string content(200'000, 'z');
  const auto reference = [](const BlobInfo& blob, const std::string& id) {
    return std::pair("message/external-body;access-type=\"URL\";URL=\"https://cdn.example/p\";size=" + std::to_string(blob.size) +
                         ";hash=" + blob.sha1,
                     "Content-Type: image/png\r\nContent-ID: <" + id + ">\r\n\r\n");
  };
  const auto answer = [&](const BlobInfo& blob) {
    HttpResponse response;
    response.blob = HttpBlobBody{blob};
    phone.web.asked.back()->promise.set(std::move(response));
    phone.executor.run_ready();
  };
  const auto blob = phone.blobs.keep(content);
  const auto [type, inner] = reference(blob, "big@h");
  CHECK(phone.push({{"Content-Type", type}}, inner)->final() == 200);
  REQUIRE(phone.web.asked.size() == 1);
  CHECK(phone.web.asked[0]->call.blob_above.has_value());
  answer(blob);
  CHECK(phone.event("push")["mode"] == "indirection");
  CHECK(phone.event("push")["size"] == 200'000);
  CHECK(phone.event("push")["sha256"] == blob.sha256);
  CHECK(phone.blobs.size() == 0);
  const auto [same, other] = reference(blob, "bad@h");
  CHECK(phone.push({{"Content-Type", same}}, other)->final() == 200);
  answer(phone.blobs.keep(content + "x"));
  CHECK(phone.event("error")["what"] == "content");
  CHECK(phone.blobs.size() == 0);
  // A server that is away for a moment costs nothing.
  const auto [later, third] = reference(blob, "later@h");
  CHECK(phone.push({{"Content-Type", later}}, third)->final() == 200);
  phone.web.asked.back()->answer(503);
  phone.executor.advance(1s);
  REQUIRE(phone.web.asked.size() == 4);
  answer(phone.blobs.keep(content));
  CHECK(phone.event("push")["id"] == "later@h");
}

TEST_CASE("PR-7: gzip is undone, but not to any size") {
  Phone phone;
  phone.registered();
  CHECK(phone.push({{"Content-Encoding", "gzip"}, {"Content-Type", "text/plain"}}, gzipped("Goal!"))->final() == 200);
  CHECK(phone.event("push")["text"] == "Goal!");
  CHECK(phone.push({{"Content-Encoding", "gzip"}}, "no gzip")->final() == 400);
  CHECK(phone.push({{"Content-Encoding", "gzip"}}, gzipped(std::string(9U << 20U, 'x')))->final() == 413);
  const auto whole = gzipped(std::string(100'000, 'y'));
  CHECK(gunzip(whole, 100'000)->size() == 100'000);
  CHECK(gunzip(whole, 99'999).error().code == ErrorCode::too_large);
  CHECK(gunzip(whole.substr(0, whole.size() - 9), 100'000).error().code == ErrorCode::invalid);
  CHECK(gunzip(whole + "x", 100'000).error().code == ErrorCode::invalid);
  Gunzip stream(100'000);
  std::size_t size = 0;
  for (const char c : whole) size += stream.add(std::string_view(&c, 1))->size();
  CHECK(size == 100'000);
  CHECK(stream.complete());
}

TEST_CASE("PR-11: BYE of the sender ends the session, CANCEL too; nothing is kept") {
  InSession phone;
  CHECK(phone.event("session")["state"] == "open");
  const auto bye = phone.stack.receive(in_dialog(*phone.call, "BYE", 2));
  phone.executor.run_ready();
  CHECK(bye->final() == 200);
  CHECK(phone.event("session")["state"] == "ended");
  // What was acknowledged before the BYE may reach us after it.
  CHECK(phone.send("on its way")->value == 200);
  CHECK(phone.count("push") == 1);
  CHECK_FALSE(phone.session().closed);
  phone.executor.advance(2s);
  CHECK(phone.session().closed);
  CHECK(phone.container->status().dialogs == 0);
  const auto sent = phone.sent();
  phone.executor.advance(200s);  // and no timer of it runs
  CHECK(phone.sent() == sent);
}

TEST_CASE("PR-11: the receiver sends BYE when the connection fails or is lost, no ACK comes, nothing comes, or it stops") {
  SUBCASE("lost") {
    InSession phone;
    phone.executor.run([&] { phone.session().lose(); });
    phone.executor.run_ready();
    CHECK(phone.last("BYE").request.uri() == "sip:push@127.0.0.1:7000");
    CHECK(phone.event("session")["state"] == "lost");
    phone.reply(phone.last("BYE"), 200);
    CHECK(phone.container->status().dialogs == 0);
  }
  SUBCASE("not connected") {
    Phone phone({"--msrp=127.0.0.1:0"});
    phone.registered();
    const auto call = invite(phone);
    phone.stack.receive_ack(in_dialog(*call, "ACK", 1));
    phone.executor.run([&] { phone.msrp.sessions()[0]->refuse(ErrorCode::unavailable); });
    phone.executor.run_ready();
    CHECK(phone.sent("BYE") == 1);
    CHECK(phone.event("session")["state"] == "failed");
  }
  SUBCASE("no ACK") {
    Phone phone({"--msrp=127.0.0.1:0"});
    phone.registered();
    CHECK(invite(phone)->final() == 200);
    phone.executor.advance(31s);
    CHECK(phone.sent("BYE") == 0);
    phone.executor.advance(1s);
    CHECK(phone.sent("BYE") == 1);
    phone.executor.advance(2s);
    CHECK(phone.msrp.sessions()[0]->closed);
  }
  SUBCASE("idle") {
    InSession phone({"--session-hold", "100"});
    phone.executor.advance(99s);
    CHECK(phone.send("still there")->value == 200);
    phone.executor.advance(99s);
    CHECK(phone.sent("BYE") == 0);
    phone.executor.advance(1s);
    CHECK(phone.sent("BYE") == 1);
    CHECK(phone.event("session")["state"] == "idle");
  }
  SUBCASE("stopping") {
    InSession phone;
    bool done = false;
    phone.executor.run([&] { spawn(end(*phone.agent, phone.clock, &done)); });
    phone.executor.run_ready();
    CHECK(phone.sent("BYE") == 1);
    CHECK(phone.session().closed);
    phone.executor.advance(5s);
    CHECK(done);
  }
}

TEST_CASE("PR-11: an INVITE in the dialog changes nothing") {
  InSession phone;
  auto again = in_dialog(*phone.call, "INVITE", 2);
  again.headers.add("Contact", "<sip:push@127.0.0.1:7000>");
  const auto call = phone.stack.receive(std::move(again));
  phone.executor.run_ready();
  CHECK(call->final() == 488);
  CHECK(phone.send("still there")->value == 200);
}

TEST_CASE("PR-10, PR-11: what becomes of reports: sent, late, never, negative") {
  const auto cpim = kCpimHead + "Goal!";
  {
    InSession phone({"--report-mode", "delay:5", "--display", "3"});
    const auto report = phone.send(cpim, "message/cpim", "");
    CHECK(phone.count("push") == 1);
    CHECK_FALSE(report->value);
    CHECK(phone.sent("MESSAGE") == 0);
    phone.executor.advance(5s);
    CHECK(report->value == 200);
    CHECK(phone.sent("MESSAGE") == 1);
    phone.executor.advance(3s);
    CHECK(phone.last("MESSAGE").request.body.find("<displayed/>") != std::string::npos);
  }
  {
    InSession phone({"--report-mode", "ignore"});
    const auto report = phone.send(cpim, "message/cpim", "");
    phone.executor.advance(100s);
    CHECK_FALSE(report->value);
    CHECK(phone.sent("MESSAGE") == 0);
    CHECK(phone.count("push") == 1);
  }
  {
    InSession phone({"--report-mode", "refuse"});
    const auto report = phone.send(cpim, "message/cpim", "");
    CHECK_FALSE(report->value);
    CHECK(phone.last("MESSAGE").request.body.find("<forbidden/>") != std::string::npos);
  }
  {
    InSession phone({"--report-mode", "failed"});
    CHECK(phone.send(cpim, "message/cpim", "")->value == 400);
    CHECK(phone.last("MESSAGE").request.body.find("<failed/>") != std::string::npos);
  }
  {
    InSession phone({"--display"});  // alone: at once
    CHECK(phone.send(cpim, "message/cpim", "")->value == 200);
    CHECK(phone.sent("MESSAGE") == 2);
  }
}

TEST_CASE("PR-1, PR-14, PR-15: sessions are announced where they are on") {
  {
    Phone phone({"--msrp=127.0.0.1:0", "--publish", "--content-host", "cdn.example"});
    CHECK(phone.header("Contact").find(";message;") != std::string::npos);
    phone.registered();
    const auto options = phone.receive("OPTIONS", {});
    REQUIRE(options->final() == 200);
    CHECK(options->last().headers.get("Allow") == "MESSAGE, OPTIONS, NOTIFY, INVITE, ACK, BYE, CANCEL");
    CHECK(options->last().headers.get("Accept") == "*/*, message/cpim, message/imdn+xml, application/sdp");
    CHECK(options->last().headers.get("Accept-Encoding") == "gzip, identity");
    CHECK(options->last().headers.get("Contact")->find(";message;") != std::string_view::npos);
    const auto& document = phone.last("PUBLISH").request.body;
    CHECK(document.find("<caps:message>true</caps:message>") != std::string::npos);
    CHECK(document.find("<caps:INVITE/>") != std::string::npos);
    CHECK(document.find("<caps:t>*/*</caps:t>") != std::string::npos);
  }
  Phone without({"--publish"});
  CHECK(without.header("Contact").find(";message") == std::string::npos);
  without.registered();
  CHECK(without.last("PUBLISH").request.body.find("<caps:message>false</caps:message>") != std::string::npos);
}

TEST_CASE("faults for tests of senders: a size announced and not kept, connections cut") {
  InSession phone({"--max-size", "1000000", "--lie-max-size", "1000"});
  CHECK(parse_msrp_sdp(phone.call->last().body)->max_size == 1'000'000);
  CHECK(phone.session().policy.max_size == 1'000);
  phone.executor.run([&] { phone.agent->cut_sessions(); });
  CHECK(phone.session().closed);
  CHECK(phone.sent("BYE") == 0);
  CHECK(phone.event("session")["state"] == "cut");
  for (const char* wrong : {"delay", "delay:x", "sometimes", "delay:-1"}) {
    CAPTURE(wrong);
    CHECK_FALSE(ReportMode::parse(wrong).has_value());
  }
  CHECK(ReportMode::parse("delay:5")->delay == 5s);
}
