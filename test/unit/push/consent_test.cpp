// Consent and invitations through the whole module: REST, REFER, SUBSCRIBE, answers to pushes. sip-push.md 3, 4.10, 9.
#include <doctest/doctest.h>

#include "push_lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
constexpr const char* kConsent = "/v1/consent/sip:alice@ims.lab/ask.ua";

PushLab::Options with(std::string config = {}) {
  PushLab::Options options;
  options.config = std::move(config);
  options.apps = {application("news.ua", ConsentDefault::open), application("ask.ua", ConsentDefault::ask),
                  application("shut.ua", ConsentDefault::closed)};
  return options;
}

json about(const char* app) { return {{"app", app}}; }

struct Wish {
  std::string identity = kAlice;
  bool asserted = true;
  int expires = 3600;
  std::string from = "127.0.0.1";
};

// A SUBSCRIBE as the user's S-CSCF brings it.
std::shared_ptr<FakeSipStack::Call> subscribe(PushLab& lab, const std::string& uri, const std::string& app, Wish wish = {}) {
  static int number = 0;
  const auto count = std::to_string(++number);
  std::vector<SipHeaderField> headers{{"From", "<" + wish.identity + ">;tag=ue" + count},
                                      {"To", "<" + uri + ">"},
                                      {"Call-ID", "subscription-" + count},
                                      {"Contact", "<sip:ue@127.0.0.1:6101>"},
                                      {"Event", "oma-push;appid=" + app},
                                      {"Expires", std::to_string(wish.expires)},
                                      {"Accept", "text/plain"},
                                      {"Record-Route", "<sip:127.0.0.1:6060;lr>"}};
  if (wish.asserted) headers.push_back({"P-Asserted-Identity", "<" + wish.identity + ">"});
  auto call = lab.stack().receive(sip_request("SUBSCRIBE", uri, std::move(headers)), {sip::Transport::udp, wish.from, 6060});
  lab.settle();
  return call;
}

std::string state_of(const std::shared_ptr<FakeSipStack::Sent>& notify) {
  return std::string(notify->request.headers.get("Subscription-State").value_or(""));
}

// The URI between <> of Refer-To, without its headers: where the SUBSCRIBE goes.
std::string referred_uri(const std::shared_ptr<FakeSipStack::Sent>& refer) {
  const auto value = NameAddr::parse(refer->request.headers.get("Refer-To").value_or(""));
  REQUIRE(value.has_value());
  auto uri = SipUri::parse(value->uri);
  REQUIRE(uri.has_value());
  uri->headers.clear();
  uri->params.remove("method");
  return uri->text();
}

}  // namespace

TEST_CASE("PUT, GET and DELETE /v1/consent tell who decided what, when and by what means (PA-1)") {
  PushLab lab(with());
  CHECK(lab.call("GET", kConsent).body["state"] == "none");
  auto answer = lab.call("PUT", kConsent, json{{"state", "granted"}, {"expires", 3600}});
  CHECK(answer.status == 200);
  CHECK(answer.body["state"] == "granted");
  CHECK(answer.body["means"] == "rest");
  CHECK(answer.body["who"] == "news");
  CHECK(answer.body["user"] == kAlice);
  CHECK(answer.body["app"] == "ask.ua");
  CHECK(answer.body.contains("expires"));

  lab.restart();  // durable
  CHECK(lab.call("GET", kConsent).body["state"] == "granted");
  lab.advance(3601s);
  answer = lab.call("GET", kConsent);
  CHECK(answer.body["state"] == "none");
  CHECK(answer.body["history"].size() == 1);

  answer = lab.call("PUT", kConsent, json{{"state", "denied"}}, {}, /*admin=*/true);
  CHECK(answer.body["means"] == "admin");
  CHECK(answer.body["who"].is_null());
  answer = lab.call("DELETE", kConsent);
  CHECK(answer.status == 200);
  CHECK(answer.body["state"] == "none");
  CHECK(answer.body["history"].size() == 3);
  CHECK(answer.body["history"][1]["state"] == "denied");
}

TEST_CASE("PUT /v1/consent refuses what it cannot mean, and initiators that may not use the application (S-4)") {
  PushLab lab(with());
  struct Row {
    json body;
    int status;
  };
  for (const auto& row : std::vector<Row>{{{{"state", "maybe"}}, 400},
                                          {json::object(), 400},
                                          {{{"state", 1}}, 400},
                                          {{{"state", "denied"}, {"expires", 60}}, 400},
                                          {{{"state", "granted"}, {"expires", 0}}, 400},
                                          {{{"state", "granted"}, {"expires", "2001-01-01T00:00:00Z"}}, 400},
                                          {{{"state", "granted"}, {"sender", "sip:push@ims.lab"}}, 400},
                                          {{{"state", "granted"}, {"why", "x"}}, 400},
                                          {{{"state", "denied"}, {"sender", "nobody"}}, 400}}) {
    CAPTURE(row.body.dump());
    const auto answer = lab.call("PUT", kConsent, row.body);
    CHECK(answer.status == row.status);
    CHECK(answer.headers.at("Content-Type") == "application/problem+json");
  }
  CHECK(lab.call("PUT", "/v1/consent/nobody/ask.ua", json{{"state", "granted"}}).status == 400);
  CHECK(lab.call("PUT", "/v1/consent/sip:alice@ims.lab/a%20b", json{{"state", "granted"}}).status == 400);
  CHECK(
      lab.call_raw("PUT", kConsent, "{", {{"Authorization", "Bearer news-token"}, {"Content-Type", "application/json"}}).status ==
      400);
  CHECK(lab.call_raw("PUT", kConsent, "{}", {{"Authorization", "Bearer news-token"}}).status == 415);
  CHECK(lab.call("PUT", kConsent, json{{"state", "granted"}}, {}).status == 401);
  const auto foreign = lab.call("PUT", kConsent, json{{"state", "granted"}}, {{"Authorization", "Bearer mail-token"}});
  CHECK(foreign.status == 403);
  CHECK(foreign.body["code"] == 2001);
  CHECK(lab.call("GET", kConsent).body["state"] == "none");
}

TEST_CASE("a decision wakes the pushes that wait for it: granted sends, denied ends (F-7)") {
  PushLab lab(with("invitation: {invite_on_ask: false}\n"));
  lab.registered(kAlice, 7200, "ask.ua");
  const auto first = lab.push(kAlice, about("ask.ua"));
  CHECK(lab.status(first) == "waiting_consent");
  CHECK(lab.messages("REFER").empty());
  lab.call("PUT", kConsent, json{{"state", "granted"}});
  REQUIRE(lab.messages().size() == 1);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(first) == "delivered");

  lab.call("DELETE", kConsent);
  const auto second = lab.push(kAlice, about("ask.ua"));
  CHECK(lab.status(second) == "waiting_consent");
  lab.call("PUT", kConsent, json{{"state", "denied"}});
  CHECK(lab.status(second) == "rejected");
  CHECK(lab.delivery(second)["code"] == 2001);
  CHECK(lab.delivery(second)["cause"] == "policy:consent");
  CHECK(lab.messages().size() == 1);
}

TEST_CASE("S-9: each recipient of one push is checked by himself") {
  PushLab lab(with());
  lab.registered(kAlice, 7200, "news.ua");
  lab.registered("sip:bob@ims.lab", 7200, "news.ua");
  lab.call("PUT", "/v1/consent/sip:bob@ims.lab/news.ua", json{{"state", "denied"}});
  const auto id = lab.push(kAlice, {{"to", json::array({kAlice, "sip:bob@ims.lab"})}});
  REQUIRE(lab.messages().size() == 1);
  CHECK(lab.last()->request.uri() == kAlice);
  CHECK(lab.status(id, 1) == "rejected");
}

TEST_CASE("PA-5: what was decided under one identity counts for all identities of the implicit set") {
  PushLab lab(with());
  const auto inner =
      "REGISTER sip:ims.lab SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6101;branch=z9hG4bKue\r\nFrom: <sip:alice@ims.lab>;"
      "tag=ue\r\nTo: <sip:alice@ims.lab>\r\nCall-ID: ue\r\nCSeq: 1 REGISTER\r\nContact: <sip:ue@127.0.0.1:6101>;"
      "expires=7200;+g.oma.pusheventapp=\"news.ua\"\r\nContent-Length: 0\r\n\r\n";
  const auto outer =
      "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:6101;branch=z9hG4bKue\r\nFrom: <sip:alice@ims.lab>;tag=ue\r\n"
      "To: <sip:alice@ims.lab>;tag=s\r\nCall-ID: ue\r\nCSeq: 1 REGISTER\r\nContact: <sip:ue@127.0.0.1:6101>;"
      "expires=7200\r\nP-Associated-URI: <sip:alice@ims.lab>, <tel:+15551000001>\r\nContent-Length: 0\r\n\r\n";
  const auto body = std::string("--b\r\nContent-Type: message/sip\r\n\r\n") + inner +
                    "\r\n--b\r\nContent-Type: message/sip\r\n\r\n" + outer + "\r\n--b--\r\n";
  lab.call("PUT", "/v1/consent/tel:+1-555-100-0001/news.ua", json{{"state", "denied"}});
  const auto before = lab.push();  // nobody knows yet that it is alice
  CHECK(lab.status(before) == "waiting_reachable");
  const auto call = lab.stack().receive(sip_request("REGISTER", "sip:127.0.0.1:5065",
                                                    {{"From", "<sip:127.0.0.1:6060>;tag=scscf"},
                                                     {"To", "<sip:alice@ims.lab>"},
                                                     {"Contact", "<sip:127.0.0.1:6060>"},
                                                     {"Expires", "7200"},
                                                     {"Content-Type", "multipart/mixed;boundary=b"}},
                                                    body));
  lab.settle();
  REQUIRE(call->final() == 200);
  CHECK(lab.status(before) == "rejected");
  CHECK(lab.call("GET", "/v1/consent/sip:alice@ims.lab/news.ua").body["state"] == "denied");
  lab.call("PUT", "/v1/consent/sip:alice@ims.lab/news.ua", json{{"state", "granted"}});
  const auto byNumber = lab.push("tel:+15551000001");
  CHECK(lab.status(byNumber) == "sending");
}

TEST_CASE("PS-95, PA-2: a push that waits for consent has the user asked by REFER; his SUBSCRIBE grants, and the push goes") {
  PushLab lab(with());
  lab.registered(kAlice, 7200, "ask.ua");
  const auto id = lab.push(kAlice, about("ask.ua"));
  CHECK(lab.status(id) == "waiting_consent");
  REQUIRE(lab.messages("REFER").size() == 1);
  const auto refer = lab.messages("REFER").front();
  CHECK(refer->request.uri() == kAlice);
  CHECK(refer->request.headers.get("P-Asserted-Identity") == "<sip:push-news@ims.lab>");  // S-3
  CHECK(refer->request.headers.get("From").value_or("").starts_with("<sip:push-news@ims.lab>;tag="));
  CHECK(refer->request.headers.get("P-Charging-Vector").value_or("").starts_with("icid-value="));
  CHECK(refer->request.headers.get("Route").value_or("").find("sip:127.0.0.1:6060") != std::string_view::npos);
  CHECK(refer->request.headers.get("Require") == "nosub");  // PS-92
  CHECK(refer->request.headers.has("Contact"));             // PS-97
  CHECK(lab.call("GET", kConsent).body["state"] == "pending");
  lab.answer(refer, 202);
  CHECK(lab.status(id) == "waiting_consent");

  const auto call = subscribe(lab, referred_uri(refer), "ask.ua");
  CHECK(call->final() == 200);
  const auto consent = lab.call("GET", kConsent);
  CHECK(consent.body["state"] == "granted");
  CHECK(consent.body["means"] == "subscribe");
  CHECK(consent.body["who"] == kAlice);
  // PA-2: for this application only.
  CHECK(lab.call("GET", "/v1/consent/sip:alice@ims.lab/shut.ua").body["state"] == "none");
  for (const auto& notify : lab.messages("NOTIFY")) {
    if (!notify->done) lab.answer(notify, 200);
  }
  lab.advance(2s);
  for (const auto& notify : lab.messages("NOTIFY")) {
    if (!notify->done) lab.answer(notify, 200);
  }
  CHECK(lab.status(id) == "delivered");
  CHECK(lab.messages("REFER").size() == 1);
}

TEST_CASE("PS-97: 603 to the REFER denies the application; the push ends and the user is left in peace") {
  PushLab lab(with());
  lab.registered(kAlice, 86400 * 40, "ask.ua");
  const auto id = lab.push(kAlice, about("ask.ua"));
  REQUIRE(lab.messages("REFER").size() == 1);
  lab.answer(lab.messages("REFER").front(), 603);
  CHECK(lab.status(id) == "rejected");
  CHECK(lab.delivery(id)["code"] == 2001);
  const auto consent = lab.call("GET", kConsent);
  CHECK(consent.body["state"] == "denied");
  CHECK(consent.body["means"] == "refer");
  CHECK(consent.body["detail"] == "sip:603");
  CHECK(consent.body.contains("ask_again"));
  CHECK(lab.status(lab.push(kAlice, about("ask.ua"))) == "rejected");
  CHECK(lab.call("POST", "/v1/invitations", json{{"to", kAlice}, {"app", "ask.ua"}}).status == 403);
  CHECK(lab.messages("REFER").size() == 1);
  lab.advance(24h * 31);  // reask_after has passed
  const auto later = lab.push(kAlice, about("ask.ua"));
  CHECK(lab.status(later) == "waiting_consent");
  CHECK(lab.messages("REFER").size() == 2);
}

TEST_CASE("one question at a time: many waiting pushes, one REFER; a failed question is not repeated at once") {
  PushLab lab(with());
  lab.registered(kAlice, 86400, "ask.ua");
  for (int i = 0; i < 5; ++i) lab.push(kAlice, about("ask.ua"));
  REQUIRE(lab.messages("REFER").size() == 1);
  lab.answer(lab.messages("REFER").front(), 405);
  CHECK(lab.call("GET", kConsent).body["state"] == "none");
  lab.push(kAlice, about("ask.ua"));
  lab.advance(1h);
  CHECK(lab.messages("REFER").size() == 1);
  lab.advance(24h);
  lab.push(kAlice, about("ask.ua"));
  CHECK(lab.messages("REFER").size() == 2);
}

TEST_CASE("an absent user is asked when he registers, a few times at most") {
  PushLab lab(with());
  const auto id = lab.push(kAlice, about("ask.ua"));
  CHECK(lab.status(id) == "waiting_consent");
  REQUIRE(lab.messages("REFER").size() == 1);
  lab.answer(lab.messages("REFER").back(), 480);
  CHECK(lab.call("GET", kConsent).body["state"] == "pending");
  lab.registered(kAlice, 7200, "ask.ua");
  REQUIRE(lab.messages("REFER").size() == 2);
  lab.answer(lab.messages("REFER").back(), 202);
  CHECK(subscribe(lab, "sip:push-news@ims.lab", "ask.ua")->final() == 200);  // PS-95: without the token as well
  CHECK(lab.call("GET", kConsent).body["state"] == "granted");
}

TEST_CASE("POST /v1/invitations: pending, accepted, subscribed (PS-95)") {
  PushLab lab(with());
  lab.registered(kAlice, 7200, "news.ua");
  const auto made = lab.call("POST", "/v1/invitations", json{{"to", kAlice}, {"app", "news.ua"}, {"expires", 600}});
  REQUIRE(made.status == 202);
  CHECK(made.body["status"] == "pending");
  CHECK(made.body["to"] == kAlice);
  CHECK(made.body["app"] == "news.ua");
  const auto path = made.headers.at("Location");
  CHECK(path == "/v1/invitations/" + made.body["id"].get<std::string>());
  REQUIRE(lab.messages("REFER").size() == 1);
  const auto refer = lab.messages("REFER").front();
  const auto refer_to = std::string(refer->request.headers.get("Refer-To").value_or(""));
  CHECK(refer->request.headers.list("Refer-To").size() == 1);  // PS-90
  CHECK(refer_to.starts_with("<sip:push-news@ims.lab;"));
  CHECK(refer_to.find(";method=SUBSCRIBE?Event=oma-push%3Bappid%3Dnews.ua&Expires=600>") != std::string::npos);
  // An open application's pushes do not wait for the answer.
  CHECK(lab.status(lab.push()) == "sending");

  SUBCASE("the SUBSCRIBE arrives") {
    lab.answer(refer, 200);
    CHECK(lab.call("GET", path).body["status"] == "accepted");
    // Another initiator's call sees nothing, and cannot open a second one.
    CHECK(lab.call("GET", path, {}, {{"Authorization", "Bearer mail-token"}}).status == 404);
    CHECK(lab.call("DELETE", path).status == 409);
    CHECK(subscribe(lab, referred_uri(refer), "news.ua")->final() == 200);
    CHECK(lab.call("GET", path).body["status"] == "subscribed");
    CHECK(lab.call("GET", path).body["final"] == true);
  }
  SUBCASE("before the answer") {
    CHECK(subscribe(lab, referred_uri(refer), "news.ua")->final() == 200);
    lab.answer(refer, 202);
    CHECK(lab.call("GET", path).body["status"] == "subscribed");
  }
  SUBCASE("the same again is the same invitation") {
    const auto again = lab.call("POST", "/v1/invitations", json{{"to", kAlice}, {"app", "news.ua"}});
    CHECK(again.status == 202);
    CHECK(again.body["id"] == made.body["id"]);
    CHECK(lab.call("POST", "/v1/invitations", json{{"to", kAlice}, {"app", "news.ua"}}, {}, /*admin=*/true).status == 409);
    CHECK(lab.messages("REFER").size() == 1);
  }
  SUBCASE("refused (PS-97)") {
    lab.answer(refer, 403);
    CHECK(lab.call("GET", path).body["status"] == "refused");
    CHECK(lab.call("GET", path).body["cause"] == "sip:403");
    CHECK(lab.call("GET", "/v1/consent/sip:alice@ims.lab/news.ua").body["state"] == "denied");
  }
  SUBCASE("nobody there, or nobody answers") {
    lab.fail(refer, 408, ResponseOrigin::timer);
    CHECK(lab.call("GET", path).body["status"] == "failed");
    CHECK(lab.call("GET", "/v1/consent/sip:alice@ims.lab/news.ua").body["state"] == "none");
  }
  SUBCASE("accepted, but nobody subscribes") {
    lab.answer(refer, 202);
    lab.advance(1h + 1s);
    CHECK(lab.call("GET", path).body["status"] == "failed");
    CHECK(lab.call("GET", path).body["cause"] == "timer:answer");
  }
  SUBCASE("cancelled in time") {
    CHECK(lab.call("DELETE", path).body["status"] == "cancelled");
    CHECK(lab.call("DELETE", path).status == 200);
    lab.answer(refer, 202);
    CHECK(lab.call("GET", path).body["status"] == "cancelled");
  }
  SUBCASE("over a restart an unanswered one is sent once more, an accepted one waits on") {
    lab.restart();
    REQUIRE(lab.messages("REFER").size() == 1);
    const auto repeated = lab.messages("REFER").front();
    CHECK(referred_uri(repeated).find(";token=") != std::string::npos);
    SUBCASE("a second restart ends it") {
      lab.restart();
      CHECK(lab.messages("REFER").empty());
      CHECK(lab.call("GET", path).body["status"] == "failed");
      CHECK(lab.call("GET", path).body["cause"] == "restart");
    }
    SUBCASE("accepted") {
      lab.answer(repeated, 202);
      lab.restart();
      CHECK(lab.messages("REFER").empty());
      CHECK(lab.call("GET", path).body["status"] == "accepted");
      CHECK(subscribe(lab, referred_uri(repeated), "news.ua")->final() == 200);
      CHECK(lab.call("GET", path).body["status"] == "subscribed");
    }
  }
}

TEST_CASE("PS-92, PS-94: the variants of REFER are tried in turn, and a report of a refusal is one (PS-97)") {
  PushLab lab(with());
  lab.registered(kAlice, 7200, "ask.ua");
  const auto made = lab.call("POST", "/v1/invitations", json{{"to", kAlice}, {"app", "ask.ua"}});
  const auto path = made.headers.at("Location");
  lab.answer(lab.messages("REFER").back(), 420, {{"Unsupported", "nosub"}});
  REQUIRE(lab.messages("REFER").size() == 2);
  CHECK(lab.messages("REFER").back()->request.headers.get("Refer-Sub") == "false");
  lab.answer(lab.messages("REFER").back(), 202);  // without Refer-Sub: false: reports follow
  CHECK(lab.call("GET", path).body["status"] == "accepted");
  CHECK(lab.call("GET", path).body["variant"] == "norefersub");
  const auto& refer = lab.messages("REFER").back()->request;
  auto tag_of_refer = std::string(refer.headers.get("From").value_or(""));
  const auto notify = lab.stack().receive(sip_request("NOTIFY", "sip:push-news@127.0.0.1:5065",
                                                      {{"From", "<sip:alice@ims.lab>;tag=peer-tag"},
                                                       {"To", tag_of_refer},
                                                       {"Call-ID", std::string(refer.headers.get("Call-ID").value_or(""))},
                                                       {"CSeq", "1 NOTIFY"},
                                                       {"Contact", "<sip:ue@127.0.0.1:6101>"},
                                                       {"Event", "refer"},
                                                       {"Subscription-State", "terminated;reason=noresource"},
                                                       {"Content-Type", "message/sipfrag"}},
                                                      "SIP/2.0 603 Decline\r\n"));
  lab.settle();
  CHECK(notify->final() == 200);
  CHECK(lab.call("GET", path).body["status"] == "refused");
  CHECK(lab.call("GET", path).body["cause"] == "report:603");
  CHECK(lab.call("GET", kConsent).body["state"] == "denied");
}

TEST_CASE("POST /v1/invitations refuses closed applications, foreign identities and bodies it does not know (S-4)") {
  PushLab lab(with());
  const auto post = [&](json body) { return lab.call("POST", "/v1/invitations", std::move(body)); };
  CHECK(post({{"to", kAlice}, {"app", "shut.ua"}}).status == 403);
  const auto spoofed = post({{"to", kAlice}, {"app", "news.ua"}, {"from", "sip:bank@ims.lab"}});
  CHECK(spoofed.status == 403);
  CHECK(spoofed.body["code"] == 2001);
  CHECK(post({{"to", json::array({kAlice})}, {"app", "news.ua"}}).status == 400);  // S-9: one at a time
  CHECK(post({{"to", "mailto:alice@ims.lab"}, {"app", "news.ua"}}).status == 400);
  CHECK(post({{"to", kAlice}}).status == 400);
  CHECK(post({{"app", "news.ua"}}).status == 400);
  CHECK(post({{"to", kAlice}, {"app", "news.ua"}, {"expires", 5}}).status == 400);
  CHECK(post({{"to", kAlice}, {"app", "news.ua"}, {"x", 5}}).status == 400);
  CHECK(lab.call("GET", "/v1/invitations/nothing").status == 404);
  CHECK(lab.call("DELETE", "/v1/invitations/nothing").status == 404);
  CHECK(lab.messages("REFER").empty());
}

TEST_CASE("S-4: a sender identity of somebody else is 403 with 2001, and nothing is sent") {
  PushLab lab(with());
  lab.registered(kAlice);
  const auto answer = lab.call("POST", "/v1/pushes",
                               json{{"to", json::array({kAlice})},
                                    {"app", "news.ua"},
                                    {"from", "sip:push-mail@ims.lab"},
                                    {"content", {{"type", "text/plain"}, {"text", "x"}}}});
  CHECK(answer.status == 403);
  CHECK(answer.body["code"] == 2001);
  CHECK(lab.messages().empty());
}

TEST_CASE("S-1, S-2, S-5: who subscribes is whom a trusted peer asserts; nobody is challenged") {
  PushLab lab(with());
  const auto never_challenged = [](const FakeSipStack::Call& call) {
    for (const auto& response : call.responses) {
      CHECK(response.status() != 401);
      CHECK(response.status() != 407);
    }
    return call.final();
  };
  Wish wish;
  CHECK(never_challenged(*subscribe(lab, "sip:push-news@ims.lab", "news.ua", wish)) == 200);
  wish.asserted = false;  // From alone proves nothing
  CHECK(never_challenged(*subscribe(lab, "sip:push-news@ims.lab", "news.ua", wish)) == 403);
  CHECK(never_challenged(*subscribe(lab, kAlice, "news.ua", wish)) == 403);
  wish.asserted = true;
  wish.from = "192.0.2.9";  // not in trusted_peers: what it asserts is not believed
  CHECK(never_challenged(*subscribe(lab, "sip:push-news@ims.lab", "news.ua", wish)) == 403);
  wish.from = "127.0.0.1";
  wish.identity = "sip:mallory@ims.lab";  // somebody else's pushes
  CHECK(never_challenged(*subscribe(lab, kAlice, "news.ua", wish)) == 403);
}

TEST_CASE("PR-16: 607 or 603 to a push refuses its sender, not the others") {
  PushLab lab(with());
  lab.registered(kAlice, 7200, "news.ua");
  const auto id = lab.push();
  lab.answer(lab.last(), 607);
  CHECK(lab.status(id) == "rejected");
  const auto blocked = lab.push();
  CHECK(lab.status(blocked) == "rejected");
  CHECK(lab.delivery(blocked)["cause"] == "policy:consent");
  CHECK(lab.messages().size() == 1);
  const auto other = lab.push(kAlice, {{"from", "sip:push-sport@ims.lab"}});
  CHECK(lab.status(other) == "sending");
  const auto consent = lab.call("GET", "/v1/consent/sip:alice@ims.lab/news.ua");
  CHECK(consent.body["state"] == "none");
  REQUIRE(consent.body["blocked"].size() == 1);
  CHECK(consent.body["blocked"][0]["sender"] == "sip:push-news@ims.lab");
  CHECK(consent.body["blocked"][0]["detail"] == "sip:607");
  lab.call("PUT", "/v1/consent/sip:alice@ims.lab/news.ua", json{{"state", "granted"}});
  lab.answer(lab.last(), 200);
  CHECK(lab.status(lab.push()) == "sending");
}

TEST_CASE("PA-4: 470 makes consent pending and keeps Trigger-Consent; a grant lets the push go") {
  PushLab lab(with());
  lab.registered(kAlice, 7200, "news.ua");
  const auto id = lab.push();
  lab.answer(lab.last(), 470, {{"Trigger-Consent", "sip:consent@ims.lab;target-uri=\"sip:alice@ims.lab\""}});
  CHECK(lab.status(id) == "waiting_consent");
  const auto consent = lab.call("GET", "/v1/consent/sip:alice@ims.lab/news.ua");
  CHECK(consent.body["state"] == "pending");
  CHECK(consent.body["detail"].get<std::string>().find("Trigger-Consent sip:consent@ims.lab") != std::string::npos);
  CHECK(lab.status(lab.push()) == "waiting_consent");
  CHECK(lab.messages().size() == 1);
  lab.call("PUT", "/v1/consent/sip:alice@ims.lab/news.ua", json{{"state", "granted"}});
  lab.advance(1s);
  REQUIRE(lab.messages().size() == 2);
  lab.answer(lab.last(), 200);
  CHECK(lab.status(id) == "delivered");
}

TEST_CASE("PA-3: an application that bypasses consent is sent whatever the user said") {
  auto options = with();
  auto emergency = application("emergency.ua", ConsentDefault::closed);
  emergency.bypass_consent = true;
  options.apps.push_back(emergency);
  PushLab lab(options);
  lab.registered(kAlice, 7200, "emergency.ua");
  lab.call("PUT", "/v1/consent/sip:alice@ims.lab/emergency.ua", json{{"state", "denied"}});
  CHECK(lab.status(lab.push(kAlice, about("emergency.ua"))) == "sending");
}

TEST_CASE("a withdrawn consent ends the live subscription with reason rejected (PS-72)") {
  PushLab lab(with());
  lab.registered(kAlice, 7200, "ask.ua");
  CHECK(subscribe(lab, "sip:push-news@ims.lab", "ask.ua")->final() == 200);
  REQUIRE(lab.messages("NOTIFY").size() == 1);
  CHECK(state_of(lab.messages("NOTIFY").back()).starts_with("active"));
  lab.answer(lab.messages("NOTIFY").back(), 200);
  lab.call("PUT", kConsent, json{{"state", "denied"}});
  REQUIRE(lab.messages("NOTIFY").size() == 2);
  CHECK(state_of(lab.messages("NOTIFY").back()) == "terminated;reason=rejected");
  CHECK(subscribe(lab, "sip:push-news@ims.lab", "ask.ua")->final() == 403);
}

TEST_CASE("subscribe_grants off: a subscription is pending until the portal decides (PS-62)") {
  PushLab lab(with("consent: {subscribe_grants: false}\n"));
  lab.registered(kAlice, 7200, "ask.ua");
  CHECK(subscribe(lab, "sip:push-news@ims.lab", "ask.ua")->final() == 200);
  REQUIRE(lab.messages("NOTIFY").size() == 1);
  CHECK(state_of(lab.messages("NOTIFY").back()).starts_with("pending"));
  lab.answer(lab.messages("NOTIFY").back(), 200);
  lab.call("PUT", kConsent, json{{"state", "granted"}});
  REQUIRE(lab.messages("NOTIFY").size() == 2);
  CHECK(state_of(lab.messages("NOTIFY").back()).starts_with("active"));
}

TEST_CASE("polite blocking: a refused user is accepted and never told anything (PS-63)") {
  PushLab lab(with("consent: {polite_blocking: true}\n"));
  lab.registered(kAlice, 7200, "news.ua");
  lab.call("PUT", "/v1/consent/sip:alice@ims.lab/news.ua", json{{"state", "denied"}});
  CHECK(subscribe(lab, "sip:push-news@ims.lab", "news.ua")->final() == 200);
  REQUIRE(lab.messages("NOTIFY").size() == 1);
  CHECK(lab.messages("NOTIFY").back()->request.body.empty());
  lab.answer(lab.messages("NOTIFY").back(), 200);
  CHECK(lab.status(lab.push()) == "rejected");
  lab.advance(5s);
  CHECK(lab.messages("NOTIFY").size() == 1);
  CHECK(lab.call("GET", "/v1/consent/sip:alice@ims.lab/news.ua").body["state"] == "denied");
}

TEST_CASE("several shards: a decision reaches a user wherever he is at home") {
  auto options = with("invitation: {invite_on_ask: false}\n");
  options.shards = 4;
  PushLab lab(options);
  for (const auto* user : {"sip:u1@ims.lab", "sip:u2@ims.lab", "sip:u3@ims.lab", "sip:u4@ims.lab", "sip:u5@ims.lab"}) {
    CAPTURE(user);
    const auto id = lab.push(user, about("ask.ua"));
    CHECK(lab.status(id) == "waiting_consent");
    const auto answer = lab.call("PUT", std::string("/v1/consent/") + user + "/ask.ua", json{{"state", "denied"}});
    CHECK(answer.status == 200);
    CHECK(lab.status(id) == "rejected");
    CHECK(lab.call("GET", std::string("/v1/consent/") + user + "/ask.ua").body["state"] == "denied");
    const auto invited = lab.call("POST", "/v1/invitations", json{{"to", user}, {"app", "news.ua"}});
    CHECK(invited.status == 202);
    CHECK(lab.call("DELETE", invited.headers.at("Location")).body["status"] == "cancelled");
  }
}

TEST_CASE("S-7: an anonymous push hides its sender from receivers, not from the trust domain") {
  PushLab lab(with());
  lab.registered(kAlice);
  const auto id = lab.push(kAlice, {{"anonymous", true}});
  const auto& request = lab.last()->request;
  CHECK(request.headers.get("From").value_or("").starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="));
  CHECK(request.headers.get("Privacy") == "id");
  CHECK(request.headers.get("P-Asserted-Identity") == "<sip:push-news@ims.lab>");
  CHECK(request.text().find("push-news") == request.text().rfind("push-news"));  // nowhere else
  lab.crash();
  lab.boot();
  lab.advance(2s);
  REQUIRE(lab.messages().size() == 1);  // repeated after the restart, as anonymous as before
  CHECK(lab.last()->request.headers.get("Privacy") == "id");
  CHECK(lab.call("POST", "/v1/pushes",
                 json{{"to", json::array({kAlice})},
                      {"app", "news.ua"},
                      {"anonymous", "yes"},
                      {"content", {{"type", "text/plain"}, {"text", "x"}}}})
            .status == 400);
}

TEST_CASE("S-3: the identity that is asserted is the one in From, and one that the account may use") {
  PushLab lab(with());
  lab.registered(kAlice);
  lab.push(kAlice, {{"from", "sip:push-sport@ims.lab"}});
  CHECK(lab.last()->request.headers.get("From").value_or("").starts_with("<sip:push-sport@ims.lab>;tag="));
  CHECK(lab.last()->request.headers.get("P-Asserted-Identity") == "<sip:push-sport@ims.lab>");
}
