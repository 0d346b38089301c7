// Push events through the whole node: SUBSCRIBE, NOTIFYs over the wire, content over HTTP, a restart between.
#include <doctest/doctest.h>

#include "herald/sip_message.h"
#include "lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";

Lab::Options steady(bool sqlite = false) {
  Lab::Options options;
  options.push = "subscriptions: {expiry_jitter: 0}\n";
  options.sqlite = sqlite;
  return options;
}

// Alice's device behind the S-CSCF: one dialog.
struct Device {
  explicit Device(Lab& lab_in, std::string accept_in = "text/plain, multipart/mixed")
      : lab(lab_in), accept(std::move(accept_in)) {}

  Heard subscribe(int expires) {
    ++cseq;
    const bool in_dialog = !contact.empty();
    const auto before = lab.scscf.responses.size();
    lab.send(lab.scscf,
             "SUBSCRIBE " + (in_dialog ? contact : "sip:push@ims.lab") + " SIP/2.0\r\nVia: SIP/2.0/UDP " +
                 lab.scscf.socket.host_port() + ";branch=z9hG4bKsub" + std::to_string(cseq) +
                 "\r\nMax-Forwards: 70\r\nFrom: <sip:alice@ims.lab>;tag=ue\r\nTo: " +
                 (in_dialog ? to : std::string("<sip:push@ims.lab>")) + "\r\nCall-ID: events\r\nCSeq: " + std::to_string(cseq) +
                 " SUBSCRIBE\r\nContact: <sip:alice@" + lab.scscf.socket.host_port() +
                 ">\r\nP-Asserted-Identity: <sip:alice@ims.lab>\r\nEvent: oma-push;appid=news.ua\r\nAccept: " + accept +
                 "\r\nExpires: " + std::to_string(expires) + "\r\nContent-Length: 0\r\n\r\n");
    lab.until([&] { return lab.scscf.responses.size() > before; });
    auto response = lab.scscf.responses.back();
    if (response.status() == 200 && !in_dialog) {
      to = response.header("To");
      const auto address = NameAddr::parse(response.header("Contact"));
      REQUIRE(address.has_value());
      contact = address->uri;
    }
    return response;
  }
  [[nodiscard]] std::vector<Heard> notifies() const { return lab.scscf.transactions("NOTIFY"); }
  void wait_for(std::size_t count) const {
    lab.until([&] { return notifies().size() >= count; });
  }

  Lab& lab;
  std::string accept;
  std::string to, contact;
  unsigned cseq = 0;
};

}  // namespace

TEST_CASE("flow E: SUBSCRIBE, first NOTIFY, a push as NOTIFY, a batch, un-SUBSCRIBE, then MESSAGE again (PS-60, PS-65, PS-81)") {
  Lab lab(steady());
  lab.registers(kAlice);
  Device device(lab);
  const auto accepted = device.subscribe(600);
  CHECK(accepted.status() == 200);
  CHECK(accepted.header("Expires") == "600");
  device.wait_for(1);
  CHECK(device.notifies().back().header("Subscription-State").starts_with("active;expires="));
  CHECK(device.notifies().back().header("Content-Length") == "0");

  lab.advance(1s);
  const auto one = lab.push(kAlice);
  REQUIRE(device.notifies().size() == 2);
  const auto notify = device.notifies().back();
  CHECK(notify.header("Content-Type") == "text/plain");
  CHECK(notify.header("Content-ID") == "<" + one + "@ims.lab>");
  CHECK(notify.header("Event").starts_with("oma-push"));
  CHECK(notify.body() == "Goal!");
  CHECK(lab.status(one) == "delivered");
  CHECK(lab.delivery(one)["mode"] == "notify");

  // Within one second of the last: they go together when the rate allows (AS-64).
  const auto two = lab.push(kAlice);
  const auto three = lab.push(kAlice);
  CHECK(device.notifies().size() == 2);
  lab.advance(1s);
  REQUIRE(device.notifies().size() == 3);
  const auto batch = device.notifies().back();
  const auto parts = parse_multipart(batch.header("Content-Type"), batch.body());
  REQUIRE(parts.has_value());
  REQUIRE(parts->size() == 2);
  CHECK((*parts)[0].headers.get("Content-ID") == "<" + two + "@ims.lab>");
  CHECK((*parts)[1].headers.get("Content-ID") == "<" + three + "@ims.lab>");
  CHECK(lab.status(two) == "delivered");
  CHECK(lab.status(three) == "delivered");
  CHECK(lab.scscf.transactions("MESSAGE").empty());

  CHECK(device.subscribe(0).status() == 200);
  device.wait_for(4);
  CHECK(device.notifies().back().header("Subscription-State").starts_with("terminated"));
  const auto four = lab.push(kAlice);
  CHECK(lab.scscf.transactions("MESSAGE").size() == 1);
  CHECK(device.notifies().size() == 4);
  CHECK(lab.status(four) == "delivered");
  CHECK(lab.delivery(four)["mode"] == "pager");
}

TEST_CASE("PS-24, PS-32: a reference in a NOTIFY leads to the content over HTTP, without token of an initiator") {
  Lab lab(steady());
  Device device(lab, "text/plain, message/external-body");
  CHECK(device.subscribe(600).status() == 200);
  device.wait_for(1);
  lab.advance(1s);
  const std::string large(20000, 'L');
  const auto id = lab.push(kAlice, {{"content", {{"type", "text/plain"}, {"text", large}}}});
  REQUIRE(device.notifies().size() == 2);
  const auto type = device.notifies().back().header("Content-Type");
  CHECK(type.starts_with("message/external-body"));
  CHECK(device.notifies().back().text.size() <= 1300);
  CHECK(lab.status(id) == "delivered");
  const auto path_at = type.find("/content/");
  REQUIRE(path_at != std::string::npos);
  CHECK(type.find("URL=\"http://127.0.0.1:" + std::to_string(lab.node().http_endpoint().port) + "/content/") !=
        std::string::npos);
  const auto path = type.substr(path_at, type.find('"', path_at) - path_at);
  const auto fetched = lab.call("GET", path, {}, {}, "");
  CHECK(fetched.status == 200);
  CHECK(fetched.text == large);
  CHECK(fetched.headers.at("content-type") == "text/plain");
  CHECK(lab.call("GET", "/content/AAAAAAAAAAAAAAAAAAAAAA", {}, {}, "").status == 404);
}

TEST_CASE("subscriptions in SQLite outlive the process; a push that waits for one finds it after the restart (ST-40, ST-48)") {
  Lab lab(steady(/*sqlite=*/true));
  Device device(lab);
  CHECK(device.subscribe(3600).status() == 200);
  device.wait_for(1);
  const auto before = std::stoul(device.notifies().back().header("CSeq"));
  lab.restart();
  const auto id = lab.push(kAlice, {{"mode", "notify"}});
  lab.advance(2s);
  device.wait_for(2);
  CHECK(device.notifies().back().header("Content-ID") == "<" + id + "@ims.lab>");
  CHECK(std::stoul(device.notifies().back().header("CSeq")) > before);
  lab.until([&] { return lab.status(id) == "delivered"; });
  const auto listed = lab.admin("GET", "/v1/subscriptions?user=sip:alice@ims.lab").body["subscriptions"];
  REQUIRE(listed.size() == 1);
  CHECK(listed[0]["app"] == "news.ua");
}
