// The agent as subscriber, publisher, referee and reporter, in a container on virtual time.
#include "phone.h"

using namespace herald;
using namespace herald::receiver;
using namespace herald::receiver::test_support;
using namespace std::chrono_literals;

namespace {

const std::vector<SipHeaderField> kFromNews{{"P-Asserted-Identity", "<sip:push-news@ims.lab>"}};

std::vector<SipHeaderField> with(std::vector<SipHeaderField> headers, std::vector<SipHeaderField> more) {
  headers.insert(headers.end(), more.begin(), more.end());
  return headers;
}

std::vector<SipHeaderField> refer_headers(std::vector<SipHeaderField> more = {}) {
  return with(
      with(kFromNews, {{"Refer-To", "<sip:push-news@ims.lab;method=SUBSCRIBE?Event=oma-push%3Bappid%3Dnews.ua&Expires=600>"},
                       {"Contact", "<sip:psa@127.0.0.1:7000>"}}),
      std::move(more));
}

const std::string kCpim =
    "From: <sip:push-news@ims.lab>\r\nTo: <sip:alice@ims.lab>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: psh-1\r\n"
    "imdn.Disposition-Notification: positive-delivery, negative-delivery, display\r\n\r\nContent-Type: text/plain\r\n\r\nGoal!";

}  // namespace

TEST_CASE("PR-2: once registered the agent subscribes along the Service-Route, and tells when it is active") {
  Phone phone({"--subscribe", "news.ua", "--subscribe-to", "sip:push@ims.lab"});
  CHECK(phone.sent("SUBSCRIBE") == 0);
  phone.challenge("n1");
  phone.last().answer(200, {{"Service-Route", "<sip:scscf.ims.lab:6060;lr;orig>"}, {"Expires", "600"}});
  phone.executor.run_ready();
  auto& subscribe = phone.last("SUBSCRIBE");
  const auto& headers = subscribe.request.headers;
  CHECK(subscribe.request.uri() == "sip:push@ims.lab");
  CHECK(headers.get("Event") == "oma-push;appid=news.ua");
  CHECK(headers.get("Expires") == "3600");
  CHECK(headers.has("Accept"));
  CHECK(headers.get("Route") == "<sip:scscf.ims.lab:6060;lr;orig>");
  CHECK(headers.get("P-Preferred-Identity") == "<sip:alice@ims.lab>");
  phone.reply(subscribe, 200, {{"Expires", "3600"}, {"Contact", "<sip:push@127.0.0.1:7000>"}});
  CHECK(phone.notify("active;expires=3600")->final() == 200);
  CHECK(phone.event("subscribed")["app"] == "news.ua");
  CHECK(phone.event("subscribed")["state"] == "active");
  CHECK(phone.event("subscribed")["expires"] == 3600);
  CHECK(phone.event("notified")["state"] == "active");
  phone.executor.advance(3600s);
  CHECK(phone.sent("SUBSCRIBE") > 1);  // refreshed before it would have expired
}

TEST_CASE("PR-2, PR-3: 423 is corrected, 489 given up, silence after the 200 tried again") {
  Phone phone({"--subscribe", "news.ua", "--subscribe-expires", "10"});
  phone.registered();
  phone.reply(phone.last("SUBSCRIBE"), 423, {{"Min-Expires", "60"}});
  CHECK(phone.last("SUBSCRIBE").request.headers.get("Expires") == "60");
  phone.reply(phone.last("SUBSCRIBE"), 200, {{"Expires", "60"}, {"Contact", "<sip:push@127.0.0.1:7000>"}});
  phone.executor.advance(32s);  // Timer N without a NOTIFY
  CHECK(phone.event("subscription_ended")["app"] == "news.ua");
  CHECK(phone.event("subscription_ended").contains("again_in"));
  phone.executor.advance(30s);
  CHECK(phone.sent("SUBSCRIBE") == 3);
  phone.reply(phone.last("SUBSCRIBE"), 489);
  CHECK(phone.event("subscription_ended")["status"] == 489);
  CHECK_FALSE(phone.event("subscription_ended").contains("again_in"));
  phone.executor.advance(10min);
  CHECK(phone.sent("SUBSCRIBE") == 3);
}

TEST_CASE("PR-4, PR-9: pushes in a NOTIFY are told once, what does not fit is answered 415 with Accept") {
  Phone phone({"--subscribe", "news.ua", "--accept", "image/png"});
  phone.registered();
  phone.reply(phone.last("SUBSCRIBE"), 200, {{"Expires", "3600"}, {"Contact", "<sip:push@127.0.0.1:7000>"}});
  CHECK(phone.notify("active", {{"Content-Type", "text/plain"}, {"Content-ID", "<p1@h>"}}, "Goal!")->final() == 200);
  auto push = phone.event("push");
  CHECK(push["mode"] == "notify");
  CHECK(push["app"] == "news.ua");
  CHECK(push["text"] == "Goal!");
  CHECK(push["id"] == "p1@h");
  const std::string two =
      "--x\r\nContent-Type: text/plain\r\nContent-ID: <p1@h>\r\n\r\nGoal!\r\n--x\r\nContent-Type: image/png\r\nContent-ID: "
      "<p2@h>\r\n\r\nPNG\r\n--x--\r\n";
  CHECK(phone.notify("active", {{"Content-Type", "multipart/mixed;boundary=x"}}, two)->final() == 200);
  CHECK(phone.event("push")["base64"] == "UE5H");
  CHECK(phone.count("push") == 3);  // the repeated one is marked
  const auto refused = phone.notify("active", {{"Content-Type", "text/html"}}, "<p>");
  CHECK(refused->final() == 415);
  CHECK(refused->last().headers.get("Accept")->find("image/png") != std::string_view::npos);
}

TEST_CASE("PR-4, PR-6: a NOTIFY of another dialog, of none, and of another package") {
  Phone phone({"--subscribe", "news.ua"});
  phone.registered();
  phone.reply(phone.last("SUBSCRIBE"), 200, {{"Expires", "3600"}, {"Contact", "<sip:push@127.0.0.1:7000>"}});
  CHECK(phone.notify("active")->final() == 200);
  CHECK(phone.notify("active", {{"From", "<sip:push@ims.lab>;tag=fork"}})->final() >= 200);
  CHECK(phone.notify("active", {{"Event", "presence"}})->final() == 489);
  CHECK(phone.receive("NOTIFY", {{"Event", "oma-push;appid=news.ua"}, {"Subscription-State", "active"}})->final() == 481);
  CHECK(phone.receive("NOTIFY", {{"Event", "presence"}, {"Subscription-State", "active"}})->final() == 489);
}

TEST_CASE("PR-5: the reason a subscription ended decides whether there is another") {
  for (const auto& [state, again] :
       {std::pair("terminated;reason=rejected", false), std::pair("terminated;reason=noresource", false),
        std::pair("terminated;reason=deactivated", true)}) {
    CAPTURE(state);
    Phone phone({"--subscribe", "news.ua"});
    phone.registered();
    phone.reply(phone.last("SUBSCRIBE"), 200, {{"Expires", "3600"}, {"Contact", "<sip:push@127.0.0.1:7000>"}});
    CHECK(phone.notify("active")->final() == 200);
    phone.executor.advance(60s);
    const auto refreshed = phone.sent("SUBSCRIBE");
    CHECK(phone.notify(state)->final() == 200);
    CHECK(phone.event("subscription_ended")["reason"] == std::string(state).substr(18));
    phone.executor.advance(60s);
    CHECK((phone.sent("SUBSCRIBE") > refreshed) == again);
  }
}

TEST_CASE("PR-14: it publishes what it can do, refreshes by entity-tag, repeats all after 412 and takes it back at the end") {
  Phone phone({"--publish", "--accept", "image/png"});
  phone.registered();
  auto& first = phone.last("PUBLISH");
  CHECK(first.request.uri() == "sip:alice@ims.lab");
  CHECK(first.request.headers.get("Event") == "presence");
  CHECK(first.request.headers.get("Content-Type") == "application/pidf+xml");
  CHECK(first.request.body.find("<caps:t>image/png</caps:t>") != std::string::npos);
  CHECK_FALSE(first.request.headers.has("SIP-If-Match"));
  phone.reply(first, 423, {{"Min-Expires", "7200"}});
  CHECK(phone.last("PUBLISH").request.headers.get("Expires") == "7200");
  phone.reply(phone.last("PUBLISH"), 200, {{"SIP-ETag", "e1"}, {"Expires", "100"}});
  CHECK(phone.event("published")["etag"] == "e1");
  phone.executor.advance(50s);
  CHECK(phone.last("PUBLISH").request.headers.get("SIP-If-Match") == "e1");
  CHECK(phone.last("PUBLISH").request.body.empty());
  phone.reply(phone.last("PUBLISH"), 412);
  CHECK_FALSE(phone.last("PUBLISH").request.headers.has("SIP-If-Match"));
  CHECK_FALSE(phone.last("PUBLISH").request.body.empty());
  phone.reply(phone.last("PUBLISH"), 200, {{"SIP-ETag", "e2"}, {"Expires", "100"}});
  bool done = false;
  phone.executor.run([&] { spawn(end(*phone.agent, phone.clock, &done)); });
  phone.executor.run_ready();
  CHECK(phone.last("PUBLISH").request.headers.get("Expires") == "0");
  CHECK(phone.last("PUBLISH").request.headers.get("SIP-If-Match") == "e2");
  phone.reply(phone.last("PUBLISH"), 200);
  CHECK(phone.event("unpublished")["user"] == "sip:alice@ims.lab");
  phone.executor.advance(5s);
  CHECK(done);
}

TEST_CASE("PR-13: a REFER is accepted, the SUBSCRIBE follows; without reports where the sender wants none") {
  Phone phone({"--refer", "accept"});
  phone.registered();
  const auto nosub = phone.receive("REFER", refer_headers({{"Require", "nosub"}}));
  CHECK(nosub->final() == 202);
  CHECK(phone.event("referred")["decision"] == "accepted");
  CHECK(phone.event("referred")["from"] == "sip:push-news@ims.lab");
  CHECK(phone.last("SUBSCRIBE").request.uri() == "sip:push-news@ims.lab");
  CHECK(phone.last("SUBSCRIBE").request.headers.get("Event") == "oma-push;appid=news.ua");
  CHECK(phone.last("SUBSCRIBE").request.headers.get("Expires") == "600");
  CHECK(phone.sent("NOTIFY") == 0);
  phone.reply(phone.last("SUBSCRIBE"), 403);
  const auto silent = phone.receive("REFER", refer_headers({{"Supported", "norefersub"}, {"Refer-Sub", "false"}}));
  CHECK(silent->final() == 202);
  CHECK(silent->last().headers.get("Refer-Sub") == "false");
  CHECK(phone.sent("SUBSCRIBE") == 2);
}

TEST_CASE("PR-13: the outcome is reported by NOTIFY with a sipfrag") {
  Phone phone({"--refer", "accept"});
  phone.registered();
  const auto refer = phone.receive("REFER", refer_headers());
  CHECK(refer->final() == 202);
  phone.executor.advance(1s);
  REQUIRE(phone.sent("NOTIFY") == 1);
  CHECK(phone.last("NOTIFY").request.body.starts_with("SIP/2.0 100 Trying"));
  CHECK(phone.last("NOTIFY").request.headers.get("Content-Type")->starts_with("message/sipfrag"));
  phone.reply(phone.last("NOTIFY"), 200);
  phone.reply(phone.last("SUBSCRIBE"), 200, {{"Expires", "600"}, {"Contact", "<sip:push@127.0.0.1:7000>"}});
  phone.executor.advance(1s);
  REQUIRE(phone.sent("NOTIFY") == 2);
  CHECK(phone.last("NOTIFY").request.body.starts_with("SIP/2.0 200 OK"));
  CHECK(phone.last("NOTIFY").request.headers.get("Subscription-State")->starts_with("terminated"));
}

TEST_CASE("PR-13: the user is asked, and decides by a line") {
  Phone phone({"--refer", "ask"});
  phone.registered();
  CHECK(phone.receive("REFER", refer_headers({{"Require", "nosub"}}))->final() == 202);
  const auto id = phone.event("referred")["id"].get<std::string>();
  CHECK(phone.event("referred")["decision"] == "asked");
  CHECK(phone.sent("SUBSCRIBE") == 0);
  CHECK_FALSE(phone.executor.run([&] { return phone.agent->command("accept nothing"); }));
  CHECK_FALSE(phone.executor.run([&] { return phone.agent->command("maybe " + id); }));
  CHECK(phone.executor.run([&] { return phone.agent->command("accept " + id); }));
  phone.executor.run_ready();
  CHECK(phone.event("referred")["decision"] == "accepted");
  CHECK(phone.sent("SUBSCRIBE") == 1);
  CHECK_FALSE(phone.executor.run([&] { return phone.agent->command("deny " + id); }));
  CHECK(phone.receive("REFER", refer_headers())->final() == 202);
  phone.executor.advance(1s);
  phone.reply(phone.last("NOTIFY"), 200);
  phone.executor.advance(10min);  // nobody says anything: no
  CHECK(phone.event("referred")["decision"] == "denied");
  phone.executor.advance(1s);
  CHECK(phone.last("NOTIFY").request.body.starts_with("SIP/2.0 603"));
}

TEST_CASE("PR-13, PR-16: what is refused, and who") {
  Phone denies;
  denies.registered();
  CHECK(denies.receive("REFER", refer_headers())->final() == 603);
  CHECK(denies.event("referred")["decision"] == "denied");
  Phone phone({"--refer", "accept", "--reject", "sip:push-news@ims.lab"});
  phone.registered();
  CHECK(phone.receive("REFER", refer_headers())->final() == 603);
  CHECK(phone
            .receive("REFER", {{"P-Asserted-Identity", "<sip:other@ims.lab>"},
                               {"Contact", "<sip:h@127.0.0.1:7000>"},
                               {"Refer-To", "<sip:x@ims.lab;method=SUBSCRIBE?Event=oma-push%3Bappid%3Dgame.ua>"}})
            ->final() == 603);
  CHECK(phone
            .receive("REFER", {{"P-Asserted-Identity", "<sip:other@ims.lab>"},
                               {"Contact", "<sip:h@127.0.0.1:7000>"},
                               {"Refer-To", "<sip:x@ims.lab;method=SUBSCRIBE?Event=oma-push>"},
                               {"Refer-To", "<sip:y@ims.lab;method=SUBSCRIBE?Event=oma-push>"}})
            ->final() == 400);
  phone.trusted = false;
  CHECK(phone.receive("REFER", refer_headers())->final() == 403);
  CHECK(phone.sent("SUBSCRIBE") == 0);
}

TEST_CASE("PR-16: a blocked sender gets 603, an untrusted side 403") {
  Phone phone({"--reject", "sip:push-news@IMS.lab:5060"});
  phone.registered();
  CHECK(phone.push(kFromNews)->final() == 603);
  CHECK(phone.event("push_refused")["status"] == 603);
  CHECK(phone.push({{"P-Asserted-Identity", "<sip:other@ims.lab>"}})->final() == 200);
  CHECK(phone.receive("OPTIONS", kFromNews)->final() == 603);
  phone.trusted = false;
  CHECK(phone.push({{"P-Asserted-Identity", "<sip:other@ims.lab>"}})->final() == 403);
  Phone strict({"--asserted-only"});
  strict.registered();
  CHECK(strict.push()->final() == 403);
  CHECK(strict.push(kFromNews)->final() == 200);
}

TEST_CASE("PR-8: a push whose time is over is marked") {
  Phone phone;
  phone.registered();
  CHECK(phone.push({{"Date", "Thu, 01 Jan 2026 00:00:00 GMT"}, {"Expires", "0"}})->final() == 200);
  phone.executor.advance(10s);
  CHECK(phone.push({{"Date", "Thu, 01 Jan 2026 00:00:00 GMT"}, {"Expires", "5"}})->final() == 200);
  CHECK(phone.event("push")["expired"] == true);
}

TEST_CASE("PR-10, PS-51: reports go to whoever asked, as far as the user allows, and once") {
  Phone phone({"--display"});
  phone.registered();
  const auto cpim = with(kFromNews, {{"Content-Type", "message/cpim"}});
  CHECK(phone.push(cpim, kCpim)->final() == 200);
  CHECK(phone.event("push")["text"] == "Goal!");
  REQUIRE(phone.sent("MESSAGE") == 2);  // delivered, displayed
  const auto& report = phone.last("MESSAGE").request;
  CHECK(report.uri() == "sip:push-news@ims.lab");
  CHECK(report.headers.get("Content-Type") == "message/cpim");
  CHECK(report.body.find("<displayed/>") != std::string::npos);
  phone.reply(phone.last("MESSAGE"), 200);
  CHECK(phone.event("report_sent")["disposition"] == "displayed");
  CHECK(phone.push(cpim, kCpim)->final() == 200);  // PR-9: no second one
  CHECK(phone.sent("MESSAGE") == 2);
  Phone silent({"--imdn", "no"});
  silent.registered();
  CHECK(silent.push(cpim, kCpim)->final() == 200);
  CHECK(silent.sent("MESSAGE") == 0);
  Phone forbids({"--imdn", "forbidden"});
  forbids.registered();
  CHECK(forbids.push(cpim, kCpim)->final() == 200);
  REQUIRE(forbids.sent("MESSAGE") == 1);
  CHECK(forbids.last("MESSAGE").request.body.find("<forbidden/>") != std::string::npos);
}

TEST_CASE("PR-12: content by reference is fetched from public addresses and checked") {
  Phone phone({"--content-host", "cdn.example"});
  phone.registered();
  const std::string type =
      "message/external-body;access-type=\"URL\";URL=\"https://cdn.example/p\";size=3;"
      "hash=a9993e364706816aba3e25717850c26c9cd0d89d";
  const std::string inner = "Content-Type: text/plain\r\nContent-ID: <p7@h>\r\nContent-Disposition: render\r\n\r\n";
  CHECK(phone.push({{"Content-Type", type}}, inner)->final() == 200);
  REQUIRE(phone.web.asked.size() == 1);
  CHECK(phone.web.asked[0]->call.public_only);
  CHECK(phone.web.asked[0]->call.url == "https://cdn.example/p");
  CHECK(phone.count("push") == 0);
  phone.web.asked[0]->answer(200, "abc");
  phone.executor.run_ready();
  CHECK(phone.event("push")["text"] == "abc");
  CHECK(phone.event("push")["id"] == "p7@h");
  CHECK(phone.event("push")["url"] == "https://cdn.example/p");
  const auto again = std::string(inner).replace(inner.find("p7"), 2, "p8");
  CHECK(phone.push({{"Content-Type", type}}, again)->final() == 200);
  phone.web.asked[1]->answer(200, "abd");
  phone.executor.run_ready();
  CHECK(phone.event("error")["what"] == "content");
  CHECK(phone.count("push") == 1);
  Phone refuses;
  refuses.registered();
  CHECK(refuses.push({{"Content-Type", type}}, inner)->final() == 415);
}

TEST_CASE("PR-15: OPTIONS tells of packages and extensions that it serves") {
  Phone phone({"--refer", "accept", "--subscribe", "news.ua"});
  phone.registered();
  const auto call = phone.receive("OPTIONS", {});
  CHECK(call->final() == 200);
  CHECK(call->last().headers.get("Allow") == "MESSAGE, OPTIONS, NOTIFY, REFER");
  CHECK(call->last().headers.get("Allow-Events") == "oma-push");
  CHECK(call->last().headers.get("Supported") == "path, gruu, norefersub, nosub");
  CHECK(call->last().headers.get("Contact")->find("methods=\"MESSAGE,OPTIONS,NOTIFY,REFER\"") != std::string_view::npos);
}
