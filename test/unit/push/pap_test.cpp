// POST /pap: push-message and everything around it, through the whole module. pap.md 1, 3, 4, 9, 10.
#include "pap_client.h"
#include "text/timestamps.h"

using namespace herald;
using namespace herald::push;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kAlice = "sip:alice@ims.lab";
constexpr const char* kWapAlice = "WAPPUSH=sip%3Aalice%40ims.lab/TYPE=USER@ppg.ims.lab";

std::string header(const FakeSipStack::Sent& sent, std::string_view name) {
  return std::string(sent.request.headers.get(name).value_or("(none)"));
}

}  // namespace

TEST_CASE("PAP-01: Basic credentials are needed; those in the query are taken only when configured") {
  PushLab lab;
  PapClient pap(lab);
  pap.credentials = {};
  const std::string query = "<pap><statusquery-message push-id=\"x\"/></pap>";
  CHECK(pap.post(query, "application/xml").status == 401);
  CHECK(pap.http.headers.at("WWW-Authenticate").find("Basic") != std::string::npos);
  CHECK(pap.post(query, "application/xml", {{"Authorization", "Basic KG51bGwpOg=="}}).status == 401);  // (null):
  CHECK(pap.post(query, "application/xml", {{"Authorization", "Basic bmV3czpvdGhlcg=="}}).status == 401);
  CHECK(pap.post(query, "application/xml", {}, "/pap?username=news&password=news-token").status == 401);
  CHECK(pap.post(query, "application/xml", {{"Authorization", "Basic bmV3czpuZXdzLXRva2Vu"}}).status == 202);

  PushLab open(pap_options("pap: {credentials_in_query: true}\n"));
  PapClient client(open);
  client.credentials = {};
  CHECK(client.post(query, "application/xml", {}, "/pap?username=news&password=news-token").status == 202);
  CHECK(client.post(query, "application/xml", {}, "/pap?username=mail&password=news-token").status == 401);
  CHECK(client.post(query, "application/xml", {}, "/pap?username=news").status == 401);
  // The header wins.
  CHECK(
      client
          .post(query, "application/xml", {{"Authorization", "Basic bmV3czpvdGhlcg=="}}, "/pap?username=news&password=news-token")
          .status == 401);
}

TEST_CASE("PAP-31, PAP-54: a push is 1001 at once and delivered later, to the address as it was written") {
  PushLab lab;
  PapClient pap(lab);
  lab.registered(kAlice);
  auto wanted = pap_push("n-1@pi", {kWapAlice});
  wanted.quality = pap::Quality{};
  wanted.quality->priority = Priority::high;
  wanted.quality->method = pap::DeliveryMethod::unconfirmed;
  wanted.deliver_before = lab.clock.wall() + 1h;
  const auto answer = pap.push(wanted);
  CHECK(answer.push_id == "n-1@pi");
  CHECK(answer.code == 1001);
  CHECK(answer.notes.empty());  // PAP-40: test_ppg does not survive one
  CHECK(answer.sender_address == "ppg.ims.lab");
  CHECK(pap.version == pap::Version::v2_1);
  auto state = pap.status("n-1@pi", kWapAlice);
  CHECK(state.state == "pending");
  CHECK(state.code == 1000);
  CHECK(state.addresses == std::vector<std::string>{kWapAlice});
  REQUIRE(lab.messages().size() == 1);
  const auto& sent = *lab.last();
  CHECK(sent.request.uri() == kAlice);
  CHECK(sent.request.body == "Goal!");
  CHECK(header(sent, "Content-Type") == "text/plain");
  CHECK(header(sent, "Priority") == "urgent");
  CHECK(header(sent, "Expires") == "3600");
  CHECK(header(sent, "P-Asserted-Identity").find("sip:push-news@ims.lab") != std::string::npos);
  lab.answer(lab.last(), 200);
  state = pap.status("n-1@pi", kWapAlice);
  CHECK(state.state == "delivered");
  CHECK(state.code == 1000);
  REQUIRE(state.quality.has_value());
  CHECK(state.quality->priority == Priority::high);
}

TEST_CASE("PAP-21: each version is answered in itself") {
  PushLab lab;
  PapClient pap(lab);
  int number = 0;
  for (const auto version : {pap::Version::v1_0, pap::Version::v2_0, pap::Version::v2_1, pap::Version::v2_2}) {
    CHECK(pap.push(pap_push("v" + std::to_string(++number)), version).code == 1001);
    CHECK(pap.version == version);
  }
  const auto bad = pap.push_xml<pap::BadMessage>(
      "<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP 3.0//EN\" \"x\" [<?wap-pap-ver supported-versions=\"3.0,2.0\"?>]><pap/>");
  CHECK(bad.code == 3002);
  CHECK(pap.version == pap::Version::v2_0);
}

TEST_CASE("PAP-40: progress notes come when asked for, one for each stage that was reached") {
  PushLab lab;
  PapClient pap(lab);
  const auto stages = [](const pap::PushAnswer& answer) {
    std::string out;
    for (const auto& note : answer.notes) out += note.stage + " ";
    return out;
  };
  auto wanted = pap_push("a");
  wanted.progress_notes = true;
  CHECK(stages(pap.push(wanted)) == "parsed authorised queued ");
  wanted.push_id = "b";
  wanted.addresses = {"nobody"};
  CHECK(stages(pap.push(wanted)).empty());
  wanted = pap_push("c");
  wanted.progress_notes = true;
  wanted.deliver_before = lab.clock.wall() - 1s;
  CHECK(stages(pap.push(wanted)) == "parsed authorised ");
}

TEST_CASE(
    "PAP-30: a push-id is used once by an initiator: 2007; the same bytes at once are the same push; others have their own") {
  PushLab lab;
  PapClient pap(lab);
  const auto first = pap.push(pap_push("once"));
  REQUIRE(first.code == 1001);
  lab.advance(1s);
  const auto again = pap.push(pap_push("once"));
  CHECK(again.code == 1001);
  CHECK(again.time == first.time);
  CHECK(pap.push(pap_push("once", {"sip:bob@ims.lab"})).code == 2007);
  lab.advance(61s);
  CHECK(pap.push(pap_push("once")).code == 2007);
  CHECK(lab.call("GET", "/v1/pushes").body["pushes"].size() == 1);
  pap.credentials = {{"Authorization", "Bearer mail-token"}};
  CHECK(pap.push(pap_push("once"), pap::Version::v2_1, "Content-Type: text/plain\r\nX-Wap-Application-Id: mms.ua\r\n").code ==
        1001);
}

TEST_CASE("PAP-41: one submission to a hundred addresses is a hundred deliveries with a status each") {
  PushLab lab;
  PapClient pap(lab);
  std::vector<std::string> addresses;
  for (int i = 0; i < 100; ++i) addresses.push_back("WAPPUSH=u" + std::to_string(i) + "%40ims.lab/TYPE=USER@ppg.ims.lab");
  CHECK(pap.push(pap_push("many", addresses)).code == 1001);
  const auto all = pap.ask<pap::StatusAnswer>(pap::StatusQuery{"many", {}});
  REQUIRE(all.results.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) CHECK(all.results[i].addresses == std::vector<std::string>{addresses[i]});
  const auto two = pap.ask<pap::StatusAnswer>(pap::StatusQuery{"many", {addresses[7], "sip:u8@ims.lab", "sip:nobody@ims.lab"}});
  REQUIRE(two.results.size() == 3);
  CHECK(two.results[0].state == "pending");
  CHECK(two.results[1].addresses == std::vector<std::string>{"sip:u8@ims.lab"});  // as this request wrote it
  CHECK(two.results[1].state == "pending");
  CHECK(two.results[2].state == "unknown");
  CHECK(two.results[2].code == 2003);
}

TEST_CASE("PAP-32: what is wrong is said in the order of the checks, and nothing is accepted") {
  PushLab lab(pap_options("max_recipients: 3\n"));
  PapClient pap(lab);
  const auto now = lab.clock.wall();
  struct Row {
    const char* what;
    std::function<void(pap::Push&)> change;
    int code;
    std::string content = PapClient::kPlain;
  };
  const auto past = [&](pap::Push& push) { push.deliver_before = now - 1s; };
  const Row rows[] = {
      {"address", [](pap::Push& p) { p.addresses = {"WAPPUSH=1.2.3.4/TYPE=IPv4@ppg.ims.lab"}; }, 2002},
      {"gateway", [](pap::Push& p) { p.addresses = {"WAPPUSH=+1/TYPE=PLMN@ppg.elsewhere"}; }, 2002},
      {"one of two", [](pap::Push& p) { p.addresses.push_back("nobody"); }, 2002},
      {"twice", [](pap::Push& p) { p.addresses.push_back("sip:alice@IMS.lab"); }, 2002},
      {"too many",
       [](pap::Push& p) {
         p.addresses = {"tel:+1", "tel:+2", "tel:+3", "tel:+4"};
       },
       3005},
      {"over", past, 2001},
      {"times", [&](pap::Push& p) { p.deliver_after = now + 2h, p.deliver_before = now + 1h; }, 2000},
      {"network",
       [](pap::Push& p) { p.quality = pap::Quality{Priority::low, pap::DeliveryMethod::unconfirmed, "gsm", true, "", false}; },
       3009},
      {"bearer",
       [](pap::Push& p) { p.quality = pap::Quality{Priority::low, pap::DeliveryMethod::unconfirmed, "gsm", true, "sms", true}; },
       3010},
      {"replaces nothing", [](pap::Push& p) { p.replaces = "never"; }, 2004},
      {"notify", [](pap::Push& p) { p.notify_to = "https://elsewhere.example/"; }, 2001},  // PAP-37
      {"notify scheme", [](pap::Push& p) { p.notify_to = "file:///etc/passwd"; }, 2000},
      {"application", [](pap::Push&) {}, 2000, "Content-Type: text/plain\r\nX-Wap-Application-Id: two words\r\n"},
      {"content type", [](pap::Push&) {}, 2000, "Content-Type: text\r\n"},
      // The earlier check speaks.
      {"address before time",
       [&](pap::Push& p) {
         p.addresses = {"nobody"};
         past(p);
       },
       2002},
      {"notify before time",
       [&](pap::Push& p) {
         p.notify_to = "https://elsewhere.example/";
         past(p);
         p.quality = pap::Quality{Priority::low, pap::DeliveryMethod::unconfirmed, "", false, "sms", true};
       },
       2001},
  };
  int number = 0;
  for (const auto& row : rows) {
    auto wanted = pap_push("bad-" + std::to_string(++number));
    row.change(wanted);
    const auto xml = pap::to_xml({pap::Version::v2_1, wanted});
    pap.post("--pp7\r\nContent-Type: application/xml\r\n\r\n" + xml + "\r\n--pp7\r\n" + row.content + "\r\nGoal!\r\n--pp7--\r\n",
             PapClient::kMultipart);
    REQUIRE(pap.http.status == 202);
    const auto document = pap::parse_document(pap.http.text);
    REQUIRE(document.has_value());
    if (const auto* answer = std::get_if<pap::PushAnswer>(&document->body)) {
      CHECK_MESSAGE(answer->code == row.code, row.what << ": " << answer->code << " " << answer->desc);
      CHECK(answer->push_id == wanted.push_id);
      CHECK_FALSE(answer->desc.empty());
    } else {
      const auto* bad = std::get_if<pap::BadMessage>(&document->body);
      REQUIRE(bad != nullptr);
      CHECK_MESSAGE(bad->code == row.code, row.what);
    }
  }
  CHECK(lab.call("GET", "/v1/pushes").body["pushes"].empty());
  CHECK(lab.memory.records() == 0);
}

TEST_CASE("PAP-37: results are notified only where the account may be called") {
  PushLab lab(pap_options("  - {name: pi, token: pi-token-1, callbacks: [\"https://pi.example/notify\"]}\n"));
  PapClient pap(lab);
  pap.credentials = {{"Authorization", "Bearer pi-token-1"}};
  int number = 0;
  const auto code = [&](const char* url) {
    auto wanted = pap_push("n" + std::to_string(++number));
    wanted.notify_to = url;
    return pap.push(wanted).code;
  };
  CHECK(code("https://pi.example/notify?x=1") == 1001);
  CHECK(code("https://pi.example/notify/below") == 1001);
  CHECK(code("https://pi.example/other") == 2001);
  CHECK(code("http://pi.example/notify") == 2001);
  CHECK(code("https://pi.example@evil.example/notify") == 2000);
  CHECK(code("https://127.0.0.1/notify") == 2001);
  CHECK(code("gopher://pi.example/notify") == 2000);
  CHECK(code("notify") == 2000);
  pap.credentials = {{"Authorization", "Bearer news-token"}};
  CHECK(code("https://pi.example/notify") == 2001);
}

TEST_CASE("PAP-32: authorisation matrix: applications of the account, identities of the account") {
  PushLab lab;
  PapClient pap(lab);
  struct Row {
    const char* token;
    const char* application;
    int code;
  };
  const Row rows[] = {{"news-token", "news.ua", 1001},
                      {"news-token", "mms.ua", 1001},
                      {"mail-token", "news.ua", 2001},
                      {"mail-token", "4", 1001},
                      {"mail-token", "", 2001},
                      {"mail-token", "x-wap-application:mail.new", 1001},
                      {"mail-token", "http://x:mms.ua", 1001}};
  int number = 0;
  for (const auto& row : rows) {
    pap.credentials = {{"Authorization", std::string("Bearer ") + row.token}};
    const auto answer = pap.push(pap_push("m" + std::to_string(++number)), pap::Version::v2_1,
                                 std::string("Content-Type: text/plain\r\nX-Wap-Application-Id: ") + row.application + "\r\n");
    CHECK_MESSAGE(answer.code == row.code, row.token << " " << row.application << " " << answer.desc);
    lab.advance(1s);
  }
}

TEST_CASE("PAP-32: with partial acceptance the good addresses are served, the others are rejected by name") {
  PushLab lab(pap_options("pap: {partial_acceptance: true}\n"));
  PapClient pap(lab);
  const auto answer = pap.push(pap_push("some", {kAlice, "WAPPUSH=1.2.3.4/TYPE=IPv4@ppg.ims.lab"}));
  CHECK(answer.code == 1001);
  CHECK(answer.desc.find("1 address") != std::string::npos);
  const auto all = pap.ask<pap::StatusAnswer>(pap::StatusQuery{"some", {}});
  REQUIRE(all.results.size() == 2);
  CHECK(all.results[0].state == "pending");
  CHECK(all.results[1].state == "rejected");
  CHECK(all.results[1].code == 2002);
  CHECK(all.results[1].addresses == std::vector<std::string>{"WAPPUSH=1.2.3.4/TYPE=IPv4@ppg.ims.lab"});
  CHECK(pap.status("some", "WAPPUSH=1.2.3.4/TYPE=IPv4@ppg.ims.lab").state == "rejected");
  CHECK(pap.push(pap_push("none", {"nobody"})).code == 2002);
}

TEST_CASE("PAP-33: deliver-after is scheduled, deliver-before ends what waits") {
  PushLab lab;
  PapClient pap(lab);
  lab.registered(kAlice);
  auto later = pap_push("later");
  later.deliver_after = lab.clock.wall() + 60s;
  REQUIRE(pap.push(later).code == 1001);
  CHECK(lab.messages().empty());
  auto soon = pap_push("soon", {"sip:absent@ims.lab"});
  soon.deliver_before = lab.clock.wall() + 30s;
  REQUIRE(pap.push(soon).code == 1001);
  lab.advance(61s);
  CHECK(lab.messages().size() == 1);
  const auto state = pap.status("soon", "sip:absent@ims.lab");
  CHECK(state.state == "expired");
  CHECK(state.code == 4000);
}

TEST_CASE("PAP-02, PAP-10, PAP-12: what is no PAP message gets HTTP's answer, what is a bad one a badmessage-response") {
  PushLab lab;
  PapClient pap(lab);
  CHECK(pap.post("{}", "application/json").status == 415);
  CHECK(pap.post("x", "text/plain").status == 415);
  // Kannel hangs on the first of these, and answers the others like this.
  struct Row {
    const char* body;
    const char* type;
  };
  const Row rows[] = {
      {"<pap", "application/xml"},
      {"", "application/xml"},
      {"application/xml", "application/xml"},
      {"", PapClient::kMultipart},
      {"--pp7\r\nContent-Type: text/plain\r\n\r\nx\r\n--pp7--", PapClient::kMultipart},
      {"<pap><push-message push-id=\"x\"/></pap>", "application/xml"},
      {"<!DOCTYPE pap [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><pap><cancel-message push-id=\"&a;\"/></pap>",
       "application/xml"},
  };
  for (const auto& row : rows) {
    pap.post(row.body, row.type);
    const auto bad = pap.read<pap::BadMessage>();
    CHECK_MESSAGE(bad.code == 2000, row.body);
    CHECK(pap.http.text.find("<pap>") != std::string::npos);
  }
  const auto bad = pap.ask<pap::BadMessage>("<pap><push-message push-id=\"x\"/></pap>");
  CHECK(bad.fragment == "<pap><push-message push-id=\"x\"/></pap>");
  // The message is one, but has no content: its push-id can be named.
  const auto answer = pap.ask<pap::PushAnswer>(pap_push("lonely"));
  CHECK(answer.push_id == "lonely");
  CHECK(answer.code == 2000);
}

TEST_CASE("PAP-20: what only a gateway sends is 3001") {
  PushLab lab;
  PapClient pap(lab);
  const pap::Body foreign[] = {pap::PushAnswer{"x", 1001, "", "", "", {}, {}},
                               pap::Notification{"x", "", "", {}, {}, "delivered", 1000, "", "tel:+1", {}},
                               pap::CapabilityAnswer{"q", 1000, "", "tel:+1"}, pap::NotificationAnswer{"x", 1000, "", "tel:+1"},
                               pap::BadMessage{2000, "", "x"}};
  for (const auto& body : foreign) CHECK(pap.ask<pap::BadMessage>(body).code == 3001);
}

TEST_CASE("PAP-50: the store in trouble is 4001 with a time to come back, a node that ends is 503") {
  PushLab lab;
  PapClient pap(lab);
  lab.store.unavailable(true);
  const auto answer = pap.push(pap_push("x"));
  CHECK(answer.code / 1000 == 4);
  lab.store.unavailable(false);
  PushLab small(pap_options("max_waiting: 1\n"));
  PapClient client(small);
  CHECK(client.push(pap_push("a")).code == 1001);
  const auto full = client.push(pap_push("b", {"sip:bob@ims.lab"}));
  CHECK(full.code == 4001);
  CHECK(client.http.headers.contains("Retry-After"));
  // The account's rate.
  client.credentials = {{"Authorization", "Bearer mail-token"}};
  int refused = 0;
  for (int i = 0; i < 5; ++i) {
    const auto one = client.push(pap_push("r" + std::to_string(i)), pap::Version::v2_1,
                                 "Content-Type: text/plain\r\nX-Wap-Application-Id: mms.ua\r\n");
    if (one.code == 4001) ++refused;
  }
  CHECK(refused >= 3);
}

TEST_CASE("PAP-60: without an application id it is wml.ua; the receiver is told the URN, and what the content came with") {
  PushLab lab(pap_options({}, {application("wml.ua", ConsentDefault::open), application("mms.ua", ConsentDefault::open)}));
  PapClient pap(lab);
  lab.registered(kAlice, 600, "wml.ua");
  REQUIRE(pap.push(pap_push("a"), pap::Version::v1_0, "Content-Type: text/plain\r\nContent-Language: en\r\n").code == 1001);
  REQUIRE(lab.messages().size() == 1);
  CHECK(header(*lab.last(), "Accept-Contact").find("wml.ua") != std::string::npos);
  const auto seen = lab.call("GET", "/v1/pushes").body["pushes"][0];
  CHECK(seen["app"] == "wml.ua");
}

namespace {

// What kannel-extras' test_ppg puts on the wire, byte by byte; its options change one thing each.
struct PpgForm {
  std::string preamble = "\r\n";
  std::string end = "\r\n";  // of lines outside the parts
  std::string part = "X-WAP-Application-Id: http://www.wiral.com:wml.ua\r\nContent-Type: text/vnd.wap.si\r\n\r\n";
  std::string content = "<?xml version=\"1.0\"?>\n<si>\n    <indication href=\"http://www.gni.ch\"/>\n</si>\n";
  std::string epilogue{};
};
constexpr const char* kPpgType = "multipart/related; boundary=asdlfkjiurwghasf; type=\"application/xml\"";

std::string ppg_control(const std::string& push_id, const std::string& quality = "delivery-method=\"unconfirmed\"") {
  return "<?xml version=\"1.0\"?>\n<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP//EN\"\n          "
         "\"http://www.wapforum.org/DTD/pap_1.0.dtd\">\n<pap>\n  <push-message push-id=\"" +
         push_id +
         "\"\n  deliver-after-timestamp=\"2001-02-28T06:45:00Z\"\n  progress-notes-requested=\"false\">\n    <address "
         "address-value=\"WAPPUSH=+358408201681/TYPE=PLMN@ppg.carrier.com\">\n    </address>\n    <quality-of-service\n    "
         "priority=\"low\"\n    " +
         quality + ">\n    </quality-of-service>\n  </push-message>\n</pap>\n";
}

std::string ppg_body(const PpgForm& form, const std::string& control) {
  const std::string mark = "--asdlfkjiurwghasf";
  return form.preamble + mark + form.end + "Content-Type: application/xml" + form.end + form.end + control + form.end + mark +
         form.end + form.part + form.content + form.end + mark + "--" + form.epilogue;
}

}  // namespace

TEST_CASE("PAP-10, PAP-11, PAP-60: every form that test_ppg sends is accepted as it is, in PAP 1.0, and its defects are 2000") {
  PushLab lab(pap_options("pap: {names: [ppg.carrier.com]}\n",
                          {application("wml.ua", ConsentDefault::open), application("mms.ua", ConsentDefault::open),
                           application("*", ConsentDefault::open)}));
  PapClient pap(lab);
  int number = 0;
  const auto send = [&](const PpgForm& form, const std::string& quality = "delivery-method=\"unconfirmed\"") -> int {
    pap.post(ppg_body(form, ppg_control("ppg-" + std::to_string(++number), quality)), kPpgType, {{"Connection", "keep-alive"}});
    REQUIRE(pap.http.status == 202);
    const auto document = pap::parse_document(pap.http.text);
    REQUIRE(document.has_value());
    CHECK(pap.http.text.find("<progress-note") == std::string::npos);
    if (const auto* answer = std::get_if<pap::PushAnswer>(&document->body)) {
      CHECK(document->version == pap::Version::v1_0);
      return answer->code;
    }
    return std::get<pap::BadMessage>(document->body).code;
  };
  const std::string type = "Content-Type: text/vnd.wap.si\r\n\r\n";
  CHECK(send({}) == 1001);
  CHECK(send({.preamble = "the parser should discard this\r\n"}) == 1001);
  CHECK(send({.epilogue = "\r\nthe parser should discard this"}) == 1001);
  CHECK(send({.preamble = "\n", .end = "\n"}) == 1001);                                      // -d lf
  CHECK(send({.preamble = "\r\n\r\n", .epilogue = "\r\n\r\n"}) == 1001);                     // -H
  CHECK(send({.part = type}) == 1001);                                                       // -a nil
  CHECK(send({.part = "X-WAP-Application-Id: http://www.wiral.com:*\r\n" + type}) == 1001);  // -a any
  CHECK(send({.part = "X-WAP-Application-Id: 0\r\n" + type}) == 1001);                       // -n -a any
  CHECK(send({.part = "X-WAP-Application-Id: mms.ua\r\n" + type}) == 1001);
  CHECK(send({.part = "X-WAP-Application-Id: 4\r\n" + type}) == 1001);
  CHECK(send({.part = "x-wap-application-id:mms.ua\r\n" + type}) == 1001);                              // -s
  CHECK(send({.part = "X-WAP-Application-Id: http://www.wiral.com:wml.ua\r\n\r\n"}) == 1001);           // -c nil, -c scrap
  CHECK(send({.part = "Content-Type: multipart/related; boundary=fsahgwruijkfldsa\r\n\r\n"}) == 1001);  // which it is not
  CHECK(send({.part = "Content-Type: text/vnd.wap.si\r\nContent-transfer-encoding: base64\r\n\r\n",
              .content = "PD94bWwgdmVyc2lvbj0iMS4wIj8+CjwhRE9DVFlQRSBzaSBQVUJMSUMgIi0vL1dBUEZPUlVNLy9E\r\nVEQ=\r\n"}) == 1001);
  // The empty line is missing.
  CHECK(send({.part = "Content-Type: text/vnd.wap.si\r\nContent-transfer-encoding: base64\r\nContent-Language: en\r\n",
              .content = "PD94bWwgdmVyc2lvbj0iMS4wIj8+CjwhRE9DVFlQRSBzaSBQVUJMSUMgIi0vL1dBUEZPUlVNLy9E\r\nVEQ=\r\n"}) == 2000);
  CHECK(send({.part = "X-WAP-Application-Id: no appid at all\r\n" + type}) == 2000);  // -a scrap
  // Its sample for SMS.
  CHECK(send({}, "network-required=\"true\"\n    network=\"gsm\"\n    bearer-required=\"true\"\n    bearer=\"sms\"") == 3010);
  CHECK(send({}, "network-required=\"true\" network=\"gsm\"") == 3009);
  const auto stored = lab.call("GET", "/v1/pushes?limit=50").body["pushes"];
  CHECK(stored.size() == 14);
}
