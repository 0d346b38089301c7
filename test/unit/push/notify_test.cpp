// Pushes in NOTIFYs, through the whole module on virtual time. sip-push.md 4.7 to 4.9, 6.
#include <openssl/sha.h>

#include "subscriber_device.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
constexpr const char* kBob = "sip:bob@ims.lab";

json text(const std::string& body, json more = json::object()) {
  json wanted{{"content", {{"type", "text/plain"}, {"text", body}}}};
  wanted.update(more);
  return wanted;
}

std::vector<MimePart> parts_of(const SubscriberDevice& device) {
  auto parts = parse_multipart(device.header("Content-Type"), device.last()->request.body);
  REQUIRE(parts.has_value());
  return *parts;
}

std::string sha1(std::string_view bytes) {
  unsigned char sum[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), sum);
  std::string hex;
  for (const auto byte : sum) {
    constexpr std::string_view digits = "0123456789abcdef";
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

std::string parameter(const std::string& type, std::string_view name) {
  const auto parsed = MediaType::parse(type);
  REQUIRE(parsed.has_value());
  std::string value(parsed->params.get(name).value_or(""));
  if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
  return value;
}

}  // namespace

TEST_CASE("PS-60, PS-81: a push goes into the subscription of its application, and its 200 delivers it") {
  PushLab lab(steady());
  lab.registered(kAlice);
  SubscriberDevice device(lab);
  REQUIRE(device.subscribe() == 200);
  REQUIRE(device.notifies().size() == 1);
  CHECK(device.header("Subscription-State").starts_with("active;expires=3600"));
  CHECK(device.last()->request.body.empty());  // nothing was waiting
  CHECK_FALSE(device.last()->request.headers.has("Content-Type"));
  device.answer();

  lab.advance(1s);
  const auto id = lab.push();
  REQUIRE(device.notifies().size() == 2);
  CHECK(lab.messages().empty());
  CHECK(device.header("Event").starts_with("oma-push"));
  CHECK(device.header("Content-Type") == "text/plain");
  CHECK(device.header("Content-ID") == "<" + id + "@ims.lab>");
  CHECK(device.header("Content-Disposition") == "render");
  CHECK(device.last()->request.body == "Goal!");
  CHECK(lab.delivery(id)["status"] == "sending");
  CHECK(lab.delivery(id)["mode"] == "notify");
  device.answer();
  const auto delivery = lab.delivery(id);
  CHECK(delivery["status"] == "delivered");
  CHECK(delivery["code"] == 1000);
  CHECK(delivery["attempts"] == 1);
  CHECK(delivery["evidence"] == "network");
}

TEST_CASE("PS-60: a SUBSCRIBE to the service itself is to the asserted identity's own pushes") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.target = "sip:push@ims.lab";
  device.begin();
  lab.advance(1s);
  const auto id = lab.push();
  CHECK(device.header("Content-ID") == "<" + id + "@ims.lab>");
  CHECK(lab.push(kBob) != id);
  lab.settle();
  CHECK(device.notifies().size() == 2);
}

TEST_CASE("PS-63, S-5: only the user himself subscribes to his pushes: others, the unasserted and closed applications get 403") {
  PushLab lab(steady());
  SubscriberDevice spy(lab);
  spy.asserted = kBob;
  CHECK(spy.subscribe() == 403);
  SubscriberDevice nobody(lab);
  nobody.asserted = "";
  CHECK(nobody.subscribe() == 403);
  nobody.target = "sip:push@ims.lab";
  CHECK(nobody.subscribe() == 403);
  SubscriberDevice all(lab, kAlice, "oma-push");
  all.asserted = kBob;
  CHECK(all.subscribe() == 403);
  SubscriberDevice closed(lab, kAlice, "oma-push;appid=shut.ua");
  CHECK(closed.subscribe() == 403);
  CHECK(lab.messages("NOTIFY").empty());
}

TEST_CASE("PS-63: polite blocking: 200, active, neutral NOTIFY; nothing ever comes and initiators do not see it") {
  PushLab lab(steady("consent: {polite_blocking: true}\n"));
  lab.registered(kAlice);
  REQUIRE(lab.call("PUT", "/v1/consent/sip:alice@ims.lab/news.ua", json{{"state", "denied"}}, {}, true).status == 200);
  SubscriberDevice device(lab);
  REQUIRE(device.subscribe() == 200);
  CHECK(device.header("Subscription-State").starts_with("active"));
  CHECK(device.last()->request.body.empty());
  device.answer();
  lab.advance(1s);
  const auto id = lab.push();
  CHECK(lab.status(id) == "rejected");
  CHECK(device.notifies().size() == 1);
  CHECK(lab.call("GET", "/v1/subscriptions").body["subscriptions"].empty());
  const auto seen = lab.call("GET", "/v1/subscriptions", {}, {}, true).body["subscriptions"];
  REQUIRE(seen.size() == 1);
  CHECK(seen[0]["blocked"] == true);
  CHECK(seen[0]["app"] == "news.ua");
}

TEST_CASE("PS-67: an Accept that allows nothing the package may send gets 406, batches and references alone too") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.accept = {"video/mp4"};
  CHECK(device.subscribe() == 406);
  device.accept = {"multipart/mixed", "message/external-body"};
  CHECK(device.subscribe() == 406);
  device.accept = {"text/plain;q=0", "image/gif"};
  CHECK(device.subscribe() == 406);
  device.accept = {"application/*"};
  CHECK(device.subscribe() == 200);
}

TEST_CASE("PS-19: without Accept, and where only the envelope is accepted, a push is relabelled application/vnd.oma.push") {
  PushLab lab(steady());
  for (const auto& accept : {std::vector<std::string>{}, std::vector<std::string>{"application/vnd.oma.push"}}) {
    SubscriberDevice device(lab);
    device.accept = accept;
    device.begin();
    lab.advance(1s);
    const auto id = lab.push();
    CHECK(device.header("Content-Type") == "application/vnd.oma.push");
    CHECK(device.last()->request.body == "Goal!");
    device.answer();
    CHECK(lab.status(id) == "delivered");
    device.expires = 0;
    CHECK(device.subscribe() == 200);
    device.answer();
  }
  SubscriberDevice both(lab);
  both.accept = {"application/vnd.oma.push", "text/plain"};
  both.begin();
  lab.advance(1s);
  lab.push();
  CHECK(both.header("Content-Type") == "text/plain");  // its own type says more
}

TEST_CASE("F-4, flow E: the first NOTIFY carries what waited, by priority and then age, as multipart/mixed") {
  PushLab::Options options;
  options.config = "subscriptions: {expiry_jitter: 0, notify_max_bytes: 4000}\n";
  PushLab lab(options);
  const auto first = lab.push(kAlice, text("one"));
  const auto low = lab.push(kAlice, text("low", {{"priority", "low"}}));
  const auto second = lab.push(kAlice, text("two"));
  const auto high = lab.push(kAlice, text("high", {{"priority", "high"}}));
  CHECK(lab.status(first) == "waiting_reachable");
  SubscriberDevice device(lab);
  REQUIRE(device.subscribe() == 200);
  REQUIRE(device.notifies().size() == 1);
  CHECK(device.header("Content-Type").starts_with("multipart/mixed;boundary="));
  const auto parts = parts_of(device);
  REQUIRE(parts.size() == 4);
  const std::pair<std::string, std::string> expected[] = {{high, "high"}, {first, "one"}, {second, "two"}, {low, "low"}};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    CHECK(parts[i].headers.get("Content-ID") == "<" + expected[i].first + "@ims.lab>");
    CHECK(parts[i].headers.get("Content-Type") == "text/plain");
    CHECK(parts[i].headers.get("Content-Disposition") == "render");
    CHECK(parts[i].body == expected[i].second);
  }
  CHECK(parts[0].headers.get("Priority") == "urgent");
  CHECK(parts[3].headers.get("Priority") == "non-urgent");
  device.answer();
  for (const auto& id : {first, second, low, high}) CHECK(lab.status(id) == "delivered");
  CHECK(lab.messages().empty());
}

TEST_CASE("PS-74, PS-76: one NOTIFY is out at a time; what comes meanwhile goes in the next, and leaves the queue on 2xx only") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const auto first = lab.push(kAlice, text("one"));
  const auto second = lab.push(kAlice, text("two"));
  const auto third = lab.push(kAlice, text("three"));
  REQUIRE(device.notifies().size() == 2);
  CHECK(lab.status(second) == "accepted");
  device.answer();
  lab.advance(1s);  // the package's rate
  REQUIRE(device.notifies().size() == 3);
  CHECK(parts_of(device).size() == 2);
  device.answer(500);
  CHECK(lab.status(first) == "delivered");
  CHECK(lab.status(second) == "retrying");
  CHECK(lab.delivery(second)["cause"] == "sip:500");
  device.answers_for(20s);
  CHECK(lab.status(second) == "delivered");
  CHECK(lab.status(third) == "delivered");
  CHECK(lab.delivery(second)["attempts"] == 2);
}

TEST_CASE("sip-push.md 6: a NOTIFY carries batch_max_items pushes at most, the rest follows at the package's rate") {
  PushLab lab(steady("retry: {max_attempts: 3}\n"));
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(lab.push(kAlice, text(std::string(100, 'x'))));
  SubscriberDevice device(lab);
  REQUIRE(device.subscribe() == 200);
  std::size_t carried = parts_of(device).size();
  CHECK(carried >= 1);
  CHECK(carried < 5);  // 1300 bytes are not enough for all
  CHECK(device.last()->request.text().size() <= 1300);
  while (carried < 5) {
    device.answer();
    lab.advance(1s);
    CHECK(device.last()->request.text().size() <= 1300);
    const bool many = device.header("Content-Type").starts_with("multipart/");
    carried += many ? parts_of(device).size() : 1;
  }
  device.answer();
  for (const auto& id : ids) CHECK(lab.status(id) == "delivered");

  PushLab::Options options;
  options.config = "subscriptions: {expiry_jitter: 0, batch_max_items: 2}\n";
  PushLab few(options);
  for (int i = 0; i < 3; ++i) few.push(kAlice, text("x"));
  SubscriberDevice other(few);
  REQUIRE(other.subscribe() == 200);
  CHECK(parts_of(other).size() == 2);
}

TEST_CASE("PS-73: a NOTIFY that ends its subscription gives the push back: it goes as MESSAGE, or waits for a subscription") {
  PushLab lab(steady());
  lab.registered(kAlice);
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const auto id = lab.push();
  device.answer(481);
  REQUIRE(lab.messages().size() == 1);
  CHECK(lab.last()->request.headers.get("Content-ID") == "<" + id + "@ims.lab>");  // PS-6
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
  CHECK(lab.delivery(id)["mode"] == "pager");
  CHECK(lab.delivery(id)["attempts"] == 2);

  SubscriberDevice again(lab);
  again.begin();
  lab.advance(1s);
  const auto forced = lab.push(kAlice, {{"mode", "notify"}});
  again.answer(481);
  CHECK(lab.status(forced) == "waiting_reachable");
  CHECK(lab.delivery(forced)["cause"] == "subscription:none");
  SubscriberDevice third(lab);
  REQUIRE(third.subscribe() == 200);
  CHECK(third.header("Content-ID") == "<" + forced + "@ims.lab>");
  third.answer();
  CHECK(lab.status(forced) == "delivered");
}

TEST_CASE("PS-73: nobody knows what became of a NOTIFY without answer: the push is repeated once, later, another way") {
  PushLab lab(steady());
  lab.registered(kAlice);
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const auto id = lab.push();
  lab.fail(device.last(), 408, ResponseOrigin::timer);
  CHECK(lab.status(id) == "retrying");
  CHECK(lab.delivery(id)["cause"] == "timer:F");
  CHECK(lab.messages().empty());
  lab.advance(60s);
  REQUIRE(lab.messages().size() == 1);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("PS-82: a push that a NOTIFY carries goes no other way, whatever happens meanwhile") {
  PushLab lab(steady());
  SubscriberDevice one(lab);
  SubscriberDevice two(lab);
  one.begin();
  two.begin();
  lab.advance(1s);
  const auto id = lab.push();
  CHECK(one.notifies().size() + two.notifies().size() == 3);  // one of the two devices
  lab.registered(kAlice);
  lab.advance(2s);
  CHECK(lab.messages().empty());
  CHECK(lab.call("DELETE", "/v1/pushes/" + id).status == 409);
  auto& carrier = one.notifies().size() == 2 ? one : two;
  carrier.answer();
  CHECK(lab.status(id) == "delivered");
  lab.advance(120s);
  CHECK(one.notifies().size() + two.notifies().size() == 3);
  CHECK(lab.messages().empty());
}

TEST_CASE("PS-80: outside a subscription there is never a NOTIFY") {
  PushLab lab(steady());
  lab.registered(kAlice);
  const auto id = lab.push();
  CHECK(lab.messages().size() == 1);
  lab.answer(lab.last(), 200);
  SubscriberDevice device(lab);
  device.begin();
  device.expires = 0;
  REQUIRE(device.subscribe() == 200);
  CHECK(device.header("Subscription-State").starts_with("terminated"));
  device.answer();
  const auto before = lab.messages("NOTIFY").size();
  lab.advance(1s);
  lab.push();
  CHECK(lab.messages("NOTIFY").size() == before);
  CHECK(lab.messages().size() == 2);  // flow E's end: pager again
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("PS-81: the initiator may force a mode: pager past a subscription; notify waits for one until the push expires") {
  PushLab lab(steady());
  lab.registered(kAlice);
  const auto waiting = lab.push(kAlice, {{"mode", "notify"}});
  CHECK(lab.status(waiting) == "waiting_reachable");
  CHECK(lab.delivery(waiting)["cause"] == "subscription:none");
  CHECK(lab.messages().empty());
  SubscriberDevice device(lab);
  REQUIRE(device.subscribe() == 200);
  CHECK(device.header("Content-ID") == "<" + waiting + "@ims.lab>");
  device.answer();
  lab.advance(1s);
  const auto pager = lab.push(kAlice, {{"mode", "pager"}});
  REQUIRE(lab.messages().size() == 1);
  CHECK(device.notifies().size() == 1);
  lab.answer(lab.last(), 200);
  CHECK(lab.delivery(pager)["mode"] == "pager");
  CHECK(lab.call("GET", "/v1/pushes/" + pager).body["mode"] == "pager");

  const auto late = lab.push(kBob, {{"mode", "notify"}, {"deliver_before", "2026-01-01T00:05:00Z"}});
  CHECK(lab.status(late) == "waiting_reachable");
  lab.advance(600s);
  CHECK(lab.status(late) == "expired");
  // Insisted on, and not offered by the application.
  CHECK(lab.delivery(lab.push(kAlice, {{"mode", "msrp"}}))["code"] == 2006);
}

TEST_CASE("sip-push.md 8.4: the order of modes is configuration") {
  PushLab lab(steady("mode_order: [pager, notify]\n"));
  lab.registered(kAlice);
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  lab.push();
  CHECK(lab.messages().size() == 1);
  CHECK(device.notifies().size() == 1);
}

TEST_CASE("section 7: a type that the subscription does not accept: an alternative, else the next mode, else 2005") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const json html{{"type", "text/html"}, {"text", "<b>"}};
  const json plain{{"type", "text/plain"}, {"text", "b"}};
  const auto id = lab.push(kAlice, {{"content", html}, {"alternatives", json::array({plain})}, {"mode", "notify"}});
  CHECK(device.last()->request.body == "b");
  device.answer();
  CHECK(lab.status(id) == "delivered");
  const auto unfit = lab.push(kAlice, {{"content", html}, {"mode", "notify"}});
  CHECK(lab.status(unfit) == "undeliverable");
  CHECK(lab.delivery(unfit)["code"] == 2005);
  lab.registered(kAlice);
  const auto message = lab.push(kAlice, {{"content", html}});
  lab.advance(3s);  // a receiver of whom nothing is known is asked first
  CHECK(lab.messages().size() == 1);
  CHECK(lab.status(message) == "sending");
}

TEST_CASE("section 7: 415 to a NOTIFY chooses the next content that its Accept allows") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.accept = {"text/html", "text/plain"};
  device.begin();
  lab.advance(1s);
  const auto id = lab.push(kAlice, {{"content", {{"type", "text/html"}, {"text", "<b>"}}},
                                    {"alternatives", json::array({{{"type", "text/plain"}, {"text", "b"}}})}});
  CHECK(device.last()->request.body == "<b>");
  device.answer(415, {{"Accept", "text/plain"}});
  lab.advance(10s);
  CHECK(device.last()->request.body == "b");
  device.answer();
  CHECK(lab.status(id) == "delivered");
  CHECK(lab.delivery(id)["attempts"] == 2);
}

TEST_CASE("a batch that is refused for its content is taken apart: each push gets its own NOTIFY and verdict") {
  PushLab lab(steady());
  const auto good = lab.push(kAlice, text("good"));
  const auto bad = lab.push(kAlice, text("bad"));
  SubscriberDevice device(lab);
  REQUIRE(device.subscribe() == 200);
  CHECK(parts_of(device).size() == 2);
  device.answer(415, {{"Accept", "text/plain"}});
  for (int i = 0; i < 8; ++i) {
    const auto before = device.notifies().size();
    lab.advance(5s);
    if (device.notifies().size() == before) continue;
    CHECK(device.header("Content-Type") == "text/plain");
    const bool is_good = device.last()->request.body == "good";
    device.answer(is_good ? 200 : 415);
  }
  CHECK(lab.status(good) == "delivered");
  CHECK(lab.status(bad) == "undeliverable");
  CHECK(lab.delivery(bad)["code"] == 2005);
}

TEST_CASE("PS-24, PS-30, PS-31, F-3: what is too large for a NOTIFY goes as a reference that can be fetched until it expires") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.accept = {"text/plain", "message/external-body", "multipart/mixed"};
  device.begin();
  lab.advance(1s);
  const std::string large(5000, 'L');
  const auto id = lab.push(kAlice, text(large, {{"deliver_before", "2026-01-01T02:00:00Z"}}));
  const auto type = device.header("Content-Type");
  CHECK(type.starts_with("message/external-body;"));
  CHECK(parameter(type, "access-type") == "URL");
  CHECK(parameter(type, "size") == "5000");
  CHECK(parameter(type, "hash") == sha1(large));
  CHECK(parameter(type, "expiration") == "Thu, 01 Jan 2026 02:00:00 GMT");
  const auto& body = device.last()->request.body;
  CHECK(body.find("Content-Type: text/plain\r\n") != std::string::npos);
  CHECK(body.find("Content-Disposition: render\r\n") != std::string::npos);
  CHECK(body.find("Content-ID: <" + id + "@ims.lab>\r\n") != std::string::npos);
  CHECK(body.ends_with("\r\n\r\n"));
  CHECK(device.last()->request.text().size() <= 1300);
  device.answer();
  CHECK(lab.status(id) == "delivered");

  const auto url = parameter(type, "URL");
  constexpr std::string_view kBase = "http://127.0.0.1:8080";
  REQUIRE(url.starts_with(kBase));
  const auto path = url.substr(kBase.size());
  CHECK(path.size() == std::string_view("/content/").size() + 22);  // 128 bits
  const auto fetched = lab.call_raw("GET", path, "", {});
  CHECK(fetched.status == 200);
  CHECK(fetched.text == large);
  CHECK(fetched.headers.at("Content-Type") == "text/plain");
  const auto tag = fetched.headers.at("ETag");
  CHECK(lab.call_raw("GET", path, "", {{"If-None-Match", tag}}).status == 304);
  CHECK(lab.call_raw("GET", path.substr(0, path.size() - 1) + (path.back() == 'A' ? "B" : "A"), "", {}).status == 404);
  CHECK(lab.call_raw("GET", "/content/../../etc", "", {}).status == 404);
  lab.advance(2h);
  CHECK(lab.call_raw("GET", path, "", {}).status == 410);
  lab.advance(24h * 8);  // the push is gone, and its links with it (PS-32)
  CHECK(lab.call_raw("GET", path, "", {}).status == 404);
}

TEST_CASE("PS-32: every link is another one, and content_base_url says where it leads") {
  PushLab lab(steady("content_base_url: https://push.example/x\n"));
  SubscriberDevice device(lab);
  device.accept = {"text/plain", "message/external-body"};
  device.begin();
  std::string before;
  for (int i = 0; i < 2; ++i) {
    lab.advance(1s);
    lab.push(kAlice, text(std::string(3000, 'x')));
    const auto url = parameter(device.header("Content-Type"), "URL");
    CHECK(url.starts_with("https://push.example/x/content/"));
    CHECK(url != before);
    before = url;
    device.answer();
  }
}

TEST_CASE("PS-24: no reference accepted: a smaller alternative, else the next mode, else 2005") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const json large{{"type", "text/plain"}, {"text", std::string(4000, 'x')}};
  const auto id =
      lab.push(kAlice, {{"content", large}, {"alternatives", json::array({{{"type", "text/plain"}, {"text", "short"}}})}});
  CHECK(device.last()->request.body == "short");
  device.answer();
  CHECK(lab.status(id) == "delivered");
  const auto forced = lab.push(kAlice, {{"content", large}, {"mode", "notify"}});
  lab.advance(1s);
  CHECK(lab.status(forced) == "undeliverable");
  CHECK(lab.delivery(forced)["code"] == 2005);
  lab.registered(kAlice);
  const auto pager = lab.push(kAlice, {{"content", large}, {"mode", "pager"}});
  lab.advance(5s);
  CHECK(lab.status(pager) == "undeliverable");
  CHECK(lab.delivery(pager)["code"] == 2005);
  CHECK(lab.messages().empty());
}

TEST_CASE("PS-77: a resumed subscription whose tag is still true gets no body; one with something new does") {
  PushLab lab(steady());
  SubscriberDevice first(lab);
  first.begin();
  const auto tag = first.header("SIP-ETag");
  CHECK_FALSE(tag.empty());
  first.expires = 0;
  REQUIRE(first.subscribe() == 200);
  first.answer();
  SubscriberDevice resumed(lab);
  REQUIRE(resumed.subscribe({{"Suppress-If-Match", tag}}) == 200);
  CHECK(resumed.last()->request.body.empty());
  CHECK(resumed.header("SIP-ETag") == tag);
  resumed.answer();
  resumed.expires = 0;
  REQUIRE(resumed.subscribe() == 200);
  resumed.answer();

  const auto id = lab.push();  // waits
  SubscriberDevice again(lab);
  REQUIRE(again.subscribe({{"Suppress-If-Match", tag}}) == 200);
  CHECK(again.last()->request.body == "Goal!");
  CHECK(again.header("SIP-ETag") != tag);
  again.answer();
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("PS-77: Suppress-If-Match: * spares the body; the push stays queued and goes in a later NOTIFY") {
  PushLab lab(steady());
  const auto id = lab.push();
  SubscriberDevice device(lab);
  REQUIRE(device.subscribe({{"Suppress-If-Match", "*"}}) == 200);
  CHECK(device.last()->request.body.empty());
  device.answer();
  lab.advance(2s);
  CHECK(device.last()->request.body == "Goal!");
  device.answer();
  CHECK(lab.status(id) == "delivered");
  CHECK(lab.delivery(id)["attempts"] == 1);
}

TEST_CASE("PA-2, F-6: a subscription to all applications names each push's; those without consent stay out") {
  PushLab lab(steady());
  SubscriberDevice device(lab, kAlice, "oma-push");
  device.begin();
  lab.advance(1s);
  const auto news = lab.push(kAlice, {{"deliver_before", "2026-01-01T02:00:00Z"}});
  CHECK(device.header("X-Wap-Application-Id") == "news.ua");
  CHECK(device.header("X-Push-Deliver-Before") == "Thu, 01 Jan 2026 02:00:00 GMT");
  device.answer();
  lab.advance(1s);
  CHECK(lab.status(lab.push(kAlice, {{"app", "shut.ua"}})) == "rejected");
  CHECK(lab.status(lab.push(kAlice, {{"app", "quiz.ua"}})) == "waiting_consent");
  const auto mms = lab.push(kAlice, {{"app", "mms.ua"}});
  CHECK(device.header("X-Wap-Application-Id") == "mms.ua");
  CHECK(device.notifies().size() == 3);
  device.answer();
  CHECK(lab.status(news) == "delivered");
  CHECK(lab.status(mms) == "delivered");
}

TEST_CASE("flow F: SUBSCRIBE grants consent to an `ask` application, and what waited for it comes in the first NOTIFY") {
  PushLab lab(steady());
  lab.registered(kAlice, 600, "quiz.ua");
  const auto id = lab.push(kAlice, {{"app", "quiz.ua"}});
  CHECK(lab.status(id) == "waiting_consent");
  SubscriberDevice device(lab, kAlice, "oma-push;appid=quiz.ua");
  REQUIRE(device.subscribe() == 200);
  CHECK(device.last()->request.body == "Goal!");
  device.answer();
  CHECK(lab.status(id) == "delivered");
  CHECK(lab.call("GET", "/v1/consent/sip:alice@ims.lab/quiz.ua", {}, {}, true).body["state"] == "granted");
}

TEST_CASE("PS-72: consent withdrawn ends the subscription; what was still queued is rejected, not sent") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const auto out = lab.push(kAlice, text("out"));
  const auto queued = lab.push(kAlice, text("queued"));
  REQUIRE(lab.call("PUT", "/v1/consent/sip:alice@ims.lab/news.ua", json{{"state", "denied"}}, {}, true).status == 200);
  CHECK(lab.status(queued) == "rejected");
  device.answer();
  CHECK(lab.status(out) == "delivered");
  lab.advance(1s);
  CHECK(device.header("Subscription-State").starts_with("terminated;reason=rejected"));
  CHECK(device.last()->request.body.empty());
}

TEST_CASE("a push that waits in the queue of a subscription can be cancelled, and expires on time") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const auto out = lab.push(kAlice, text("out"));
  const auto cancelled = lab.push(kAlice, text("cancelled"));
  const auto late = lab.push(kAlice, text("late", {{"deliver_before", "2026-01-01T00:00:20Z"}}));
  CHECK(lab.call("DELETE", "/v1/pushes/" + cancelled).status == 200);
  lab.advance(25s);
  CHECK(lab.status(late) == "expired");
  device.answer();
  lab.advance(2s);
  CHECK(device.notifies().size() == 2);
  CHECK(lab.status(out) == "delivered");
  CHECK(lab.status(cancelled) == "cancelled");
}

TEST_CASE("ST-48: after a crash subscriptions and pushes are there: the queue goes on, what was out is repeated") {
  PushLab lab(steady());
  SubscriberDevice device(lab);
  device.begin();
  lab.advance(1s);
  const auto out = lab.push(kAlice, text("out"));
  const auto queued = lab.push(kAlice, text("queued"));
  const auto before = std::stoul(std::string(device.last()->request.headers.get("CSeq").value_or("0")));
  lab.restart();
  CHECK(lab.status(out) == "sending");
  lab.advance(3s);
  REQUIRE_FALSE(device.notifies().empty());
  CHECK(std::stoul(std::string(device.last()->request.headers.get("CSeq").value_or("0"))) > before);
  for (int i = 0; i < 5; ++i) {
    device.answer();
    lab.advance(2s);
  }
  CHECK(lab.status(out) == "delivered");
  CHECK(lab.status(queued) == "delivered");
  CHECK(lab.delivery(out)["attempts"] == 2);
  CHECK(lab.delivery(queued)["attempts"] == 1);
  CHECK(lab.messages().empty());
}

TEST_CASE("PS-62: the 200 never waits for pushes that are still being looked at; the first NOTIFY only so long") {
  PushLab lab(steady());
  lab.sh.silent = true;  // every question lasts its deadline
  const auto id = lab.push();
  SubscriberDevice device(lab, kAlice, "oma-push");
  REQUIRE(device.subscribe() == 200);
  CHECK(device.notifies().empty());
  lab.advance(199ms);
  CHECK(device.notifies().empty());
  lab.advance(1ms);
  REQUIRE(device.notifies().size() == 1);
  CHECK(device.last()->request.body.empty());
  device.answer();
  lab.advance(5s);
  CHECK(device.last()->request.body == "Goal!");
  device.answer();
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("GET /v1/subscriptions: live ones, by user and application, page by page over all shards") {
  auto options = steady();
  options.shards = 2;
  PushLab lab(options);
  std::vector<std::unique_ptr<SubscriberDevice>> devices;
  for (int i = 0; i < 7; ++i) {
    devices.push_back(std::make_unique<SubscriberDevice>(lab, "sip:user" + std::to_string(i) + "@ims.lab",
                                                         i == 6 ? "oma-push;appid=mms.ua" : "oma-push;appid=news.ua"));
    REQUIRE(devices.back()->subscribe({}, static_cast<unsigned>(i % 2)) == 200);
    devices.back()->answer();
  }
  std::vector<std::string> users;
  std::string cursor;
  for (int page = 0; page < 10; ++page) {
    const auto answer = lab.call("GET", "/v1/subscriptions?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor));
    REQUIRE(answer.status == 200);
    CHECK(answer.body["subscriptions"].size() <= 3);
    for (const auto& entry : answer.body["subscriptions"]) users.push_back(entry["user"]);
    if (!answer.body.contains("next")) break;
    cursor = answer.body["next"];
  }
  std::sort(users.begin(), users.end());
  CHECK(users.size() == 7);
  CHECK(std::unique(users.begin(), users.end()) == users.end());

  const auto one = lab.call("GET", "/v1/subscriptions?user=sip:user3@ims.lab").body["subscriptions"];
  REQUIRE(one.size() == 1);
  CHECK(one[0]["app"] == "news.ua");
  CHECK(one[0]["status"] == "active");
  CHECK(one[0]["subscriber"] == "sip:user3@ims.lab");
  CHECK(one[0]["accept"] == json::array({"text/plain", "multipart/mixed"}));
  CHECK(one[0]["created"] == "2026-01-01T00:00:00.000Z");
  CHECK(one[0]["expires"] == "2026-01-01T01:00:00.000Z");
  CHECK(lab.call("GET", "/v1/subscriptions?app=mms.ua").body["subscriptions"].size() == 1);
  // Another initiator sees what he may push to.
  const std::vector<HttpField> mail{{"Authorization", "Bearer mail-token"}};
  CHECK(lab.call("GET", "/v1/subscriptions", {}, mail).body["subscriptions"].size() == 1);
  CHECK(lab.call("GET", "/v1/subscriptions?app=news.ua", {}, mail).status == 403);
  CHECK(lab.call("GET", "/v1/subscriptions", {}, {}).status == 401);
  CHECK(lab.call("GET", "/v1/subscriptions?cursor=9.x").status == 400);
  CHECK(lab.call("GET", "/v1/subscriptions?cursor=nonsense").status == 400);
  CHECK(lab.call("GET", "/v1/subscriptions?user=nobody").status == 400);
  CHECK(lab.call("GET", "/v1/subscriptions?colour=blue").status == 400);
}

TEST_CASE("pushes reach a subscription on another shard than that of HTTP and of its SUBSCRIBE") {
  auto options = steady();
  options.shards = 2;
  PushLab lab(options);
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) {
    const auto user = "sip:user" + std::to_string(i) + "@ims.lab";
    SubscriberDevice device(lab, user);
    REQUIRE(device.subscribe({}, 1) == 200);
    device.answer();
    lab.advance(1s);
    const auto id = lab.push(user);
    CHECK(device.header("Content-ID") == "<" + id + "@ims.lab>");
    device.answer();
    CHECK(lab.status(id) == "delivered");
  }
}
