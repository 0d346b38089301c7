// PAP control documents: versions, validation, what is written, result notifications. pap.md 3, 4.
#include <doctest/doctest.h>

#include "pap/pap_info.h"
#include "pap/pap_parser.h"
#include "pap/pap_prolog.h"
#include "pap/pap_result.h"
#include "text/timestamps.h"

using namespace herald;
using namespace herald::push;
using namespace herald::push::pap;

namespace {

std::string doctype(const std::string& version, const std::string& subset = "") {
  return "<?xml version=\"1.0\"?>\n<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP " + version +
         "//EN\" \"http://www.wapforum.org/DTD/pap_" + version + ".dtd\"" + (subset.empty() ? "" : " [" + subset + "]") + ">\n";
}

std::string push_with(const std::string& attributes,
                      const std::string& children = "<address address-value=\"sip:alice@ims.lab\"/>") {
  return "<pap><push-message push-id=\"a@pi\" " + attributes + ">" + children + "</push-message></pap>";
}

BadMessage refusal(const std::string& xml) {
  const auto document = parse_document(xml);
  REQUIRE_MESSAGE(!document.has_value(), xml.substr(0, 200));
  return document.error().answer;
}

template <class T>
T read(const std::string& xml) {
  const auto document = parse_document(xml);
  const auto why = document ? std::string() : document.error().answer.desc;
  REQUIRE_MESSAGE(document.has_value(), why);
  REQUIRE(std::holds_alternative<T>(document->body));
  return std::get<T>(document->body);
}

// Everything we write is read back as the same: our writer and our DTD agree.
std::string rewritten(const Document& document) {
  const auto read_back = parse_document(to_xml(document));
  const auto why = read_back ? std::string() : read_back.error().answer.desc;
  REQUIRE_MESSAGE(read_back.has_value(), why);
  CHECK(read_back->version == document.version);
  return to_xml(*read_back);
}

WallTime at(const char* text) { return *parse_rfc3339(text); }

}  // namespace

TEST_CASE("PAP-41: a push-message with everything in it is read, defaults where nothing is said") {
  const auto push = read<Push>(
      doctype("2.1", "<?wap-pap-ver supported-versions=\"2.1,2.0,1.*\"?>") +
      "<pap product-name=\"x\"><push-message push-id=\"n-1@pi.lab.example\" replace-push-id=\"n-0@pi\" "
      "replace-method=\"pending-only\""
      " deliver-before-timestamp=\"2026-11-23T18:00:00Z\" deliver-after-timestamp=\"2026-11-23T17:00:00Z\" "
      "source-reference=\"news\""
      " progress-notes-requested=\"true\" ppg-notify-requested-to=\"https://pi.lab.example/notify?a=1&amp;b=2\">"
      "<address address-value=\"WAPPUSH=sip%3Aalice%40ims.lab.example/TYPE=USER@ppg.lab.example\"/>\n"
      "<address address-value='tel:+358401234567'></address><!-- two -->"
      "<quality-of-service priority=\"high\" delivery-method=\"preferconfirmed\" network=\"SIP\" network-required=\"true\" "
      "bearer=\"sms\"/></push-message></pap>");
  CHECK(push.push_id == "n-1@pi.lab.example");
  CHECK(push.replaces == "n-0@pi");
  CHECK(push.pending_only);
  CHECK(push.deliver_before == at("2026-11-23T18:00:00Z"));
  CHECK(push.deliver_after == at("2026-11-23T17:00:00Z"));
  CHECK(push.source_reference == "news");
  CHECK(push.progress_notes);
  CHECK(push.notify_to == "https://pi.lab.example/notify?a=1&b=2");
  REQUIRE(push.addresses.size() == 2);
  CHECK(push.addresses[0] == "WAPPUSH=sip%3Aalice%40ims.lab.example/TYPE=USER@ppg.lab.example");
  REQUIRE(push.quality.has_value());
  CHECK(push.quality->priority == Priority::high);
  CHECK(push.quality->method == DeliveryMethod::prefer_confirmed);
  CHECK(push.quality->network_required);
  CHECK_FALSE(push.quality->bearer_required);

  const auto plain = read<Push>(push_with(""));
  CHECK_FALSE(plain.pending_only);
  CHECK_FALSE(plain.progress_notes);
  CHECK_FALSE(plain.quality.has_value());
  const auto quality = read<Push>(push_with("", "<address address-value=\"tel:+1\"/><quality-of-service/>")).quality;
  REQUIRE(quality.has_value());
  CHECK(quality->priority == Priority::medium);
  CHECK(quality->method == DeliveryMethod::not_specified);
}

TEST_CASE("PAP-38, PAP-39: every quality of service is read; a word that is none of them is 2000") {
  for (const std::string priority : {"high", "medium", "low"}) {
    for (const std::string method : {"confirmed", "preferconfirmed", "unconfirmed", "notspecified"}) {
      const auto quality = read<Push>(push_with("", "<address address-value=\"tel:+1\"/><quality-of-service priority=\"" +
                                                        priority + "\" delivery-method=\"" + method + "\"/>"))
                               .quality;
      REQUIRE(quality.has_value());
      CHECK(to_string(quality->priority) == priority);
      CHECK(to_string(quality->method) == method);
    }
  }
  const std::string address = "<address address-value=\"tel:+1\"/>";
  for (const auto* wrong : {"priority=\"urgent\"", "priority=\"\"", "delivery-method=\"perhaps\"", "network-required=\"yes\"",
                            "bearer-required=\"1\"", "priority=\"High\""}) {
    const auto bad = refusal(push_with("", address + "<quality-of-service " + wrong + "/>"));
    CHECK(bad.code == 2000);
    CHECK(bad.desc.find("not allowed") != std::string::npos);
  }
  CHECK(refusal(push_with("replace-push-id=\"b\" replace-method=\"some\"")).code == 2000);
  CHECK(refusal(push_with("progress-notes-requested=\"TRUE\"")).code == 2000);
}

TEST_CASE("PAP-20, PAP-21: the version is that of the DOCTYPE; later minor ones are met halfway, other major ones are 3002") {
  struct Row {
    std::string head;
    pap::Version answered;
  };
  const std::string list = "<?wap-pap-ver supported-versions=\"2.5,2.1,1.*\"?>";
  const Row rows[] = {
      {"", pap::Version::v2_1},
      {doctype("1.0"), pap::Version::v1_0},
      {doctype("2.0"), pap::Version::v2_0},
      {doctype("2.1"), pap::Version::v2_1},
      {doctype("2.2"), pap::Version::v2_2},
      {"<!DOCTYPE pap PUBLIC \"-//WAPFORUM//DTD PAP//EN\"\n \"http://www.wapforum.org/DTD/pap_1.0.dtd\">", pap::Version::v1_0},
      {"<!DOCTYPE pap PUBLIC \"-//OMA//DTD PAP 2.1//EN\" \"x\">", pap::Version::v2_1},
      {"<!DOCTYPE pap SYSTEM 'http://www.wapforum.org/DTD/pap_2.0.dtd'>", pap::Version::v2_0},
      {"<!DOCTYPE pap>", pap::Version::v2_1},
      {doctype("2.1", "<?wap-pap-ver supported-versions=\"2.1\"?><!-- and -->"), pap::Version::v2_1},
      {doctype("1.3"), pap::Version::v1_0},
      {doctype("2.5"), pap::Version::v2_2},
      {doctype("2.5", list), pap::Version::v2_1},
      {doctype("2.5", "<?wap-pap-ver supported-versions=\"2.5, 1.*\"?>"), pap::Version::v1_0},
      {doctype("2.5", "<?wap-pap-ver supported-versions=\"2.*\"?>"), pap::Version::v2_2},
      {"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>", pap::Version::v2_1},
  };
  for (const auto& row : rows) {
    const auto document = parse_document(row.head + push_with(""));
    const auto why = document ? std::string() : document.error().answer.desc;
    REQUIRE_MESSAGE(document.has_value(), row.head << ": " << why);
    CHECK_MESSAGE(document->version == row.answered, row.head);
  }
  const auto document = parse_document(doctype("3.0", list) + push_with(""));
  REQUIRE_FALSE(document.has_value());
  CHECK(document.error().answer.code == 3002);
  CHECK(document.error().version == pap::Version::v2_1);  // what both understand
  CHECK(refusal(doctype("4.1") + "<pap/>").code == 3002);
  // A later minor version may say what we do not know; ours may not.
  CHECK(read<Push>(doctype("2.7") + push_with("colour=\"red\"")).push_id == "a@pi");
  CHECK(refusal(doctype("2.2") + push_with("colour=\"red\"")).code == 2000);
  CHECK(refusal(doctype("2.7") + "<pap><sing-message push-id=\"a\"/></pap>").code == 3001);
  // 2.0 brought replacement.
  CHECK(refusal(doctype("1.0") + push_with("replace-push-id=\"b\"")).code == 2000);
  CHECK(read<Push>(doctype("2.0") + push_with("replace-push-id=\"b\"")).replaces == "b");
}

TEST_CASE("PAP-20: nothing is declared, fetched or expanded") {
  const std::string laughs =
      "<?xml version=\"1.0\"?><!DOCTYPE pap [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;\">]>"
      "<pap><push-message push-id=\"&c;\"><address address-value=\"tel:+1\"/></push-message></pap>";
  const std::string file =
      "<!DOCTYPE pap [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><pap><push-message push-id=\"&x;\"><address "
      "address-value=\"tel:+1\"/></push-message></pap>";
  for (const auto& xml : {laughs, file, std::string("<!DOCTYPE pap [<!ELEMENT pap ANY>]>") + push_with(""),
                          std::string("<!DOCTYPE pap [<!ATTLIST push-message push-id CDATA 'x'>]>") + push_with(""),
                          std::string("<!DOCTYPE pap [%remote;]>") + push_with(""),
                          std::string("<!DOCTYPE pap []><!DOCTYPE pap []>") + push_with(""),
                          std::string("<!DOCTYPE html>") + push_with(""), push_with("") + "<!DOCTYPE pap>"}) {
    const auto bad = refusal(xml);
    CHECK(bad.code == 2000);
    CHECK_FALSE(bad.desc.empty());
    CHECK(bad.fragment.size() <= 128);
  }
}

TEST_CASE("PAP-32: what is not well-formed, not valid or not text is 2000 and says where") {
  const std::string rows[] = {
      "",
      "   ",
      "<",
      "<pap>",
      "<pap/>",
      "hello",
      "<pap><push-message push-id=\"a\">",
      "<pap><push-message><address address-value=\"tel:+1\"/></push-message></pap>",
      "<pap><push-message push-id=\"a\"/></pap>",
      "<pap><push-message push-id=\"\"><address address-value=\"tel:+1\"/></push-message></pap>",
      push_with("push-id=\"b\""),
      push_with("", "<address/>"),
      push_with("", "<address address-value=\"tel:+1\">x</address>"),
      push_with("", "<address address-value=\"tel:+1\"/><address-x/>"),
      push_with("", "<address address-value=\"tel:+1\"/><quality-of-service/><quality-of-service/>"),
      push_with("", "words <address address-value=\"tel:+1\"/>"),
      push_with("surprise=\"1\""),
      push_with("deliver-before-timestamp=\"tomorrow\""),
      push_with("deliver-after-timestamp=\"2026-13-01T00:00:00Z\""),
      push_with("source-reference=\"&#0;\""),
      push_with("source-reference=\"&#1;\""),
      push_with("source-reference=\"&nbsp;\""),
      push_with("source-reference=\"a&b\""),
      push_with("source-reference=\"&#x110000;\""),
      push_with("source-reference=\"&#13;\""),
      push_with("source-reference=\"\x80\""),
      push_with("source-reference=\"\xc0\xaf\""),
      push_with("source-reference=\"\xed\xa0\x80\""),
      push_with("source-reference=\"" + std::string(2049, 'x') + "\""),
      push_with("") + push_with(""),
      "<pap><push-message push-id=\"a\"><address address-value=\"tel:+1\"/></push-message><cancel-message "
      "push-id=\"a\"/></pap>",
      "<pap x=\"1\"><cancel-message push-id=\"a\"/></pap>",
      "<pap>text<cancel-message push-id=\"a\"/></pap>",
      "<wap><cancel-message push-id=\"a\"/></wap>",
      "<pap><dance-message push-id=\"a\"/></pap>",
      "<pap><statusquery-message/></pap>",
      "<pap><ccq-message/></pap>",
      "<pap><ccq-message><address address-value=\"tel:+1\"/><address address-value=\"tel:+2\"/></ccq-message></pap>",
      "<?xml version=\"1.0\" encoding=\"UTF-16\"?><pap><cancel-message push-id=\"a\"/></pap>",
      std::string("<pap><cancel-message push-id=\"a\0b\"/></pap>", 41),
  };
  for (const auto& row : rows) {
    const auto bad = refusal(row);
    CHECK_MESSAGE(bad.code == 2000, row.substr(0, 100));
    CHECK_FALSE(bad.desc.empty());
  }
  // 10 KiB of push-id.
  const auto bad = refusal("<pap><cancel-message push-id=\"" + std::string(10240, 'x') + "\"/></pap>");
  CHECK(bad.code == 2000);
  CHECK(bad.fragment == "<pap><cancel-message push-id=\"" + std::string(128 - 30, 'x'));
}

TEST_CASE("PAP-20: ISO-8859-1 is understood, as older clients send it") {
  const auto push = read<Push>("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" + push_with("source-reference=\"Z\xfcrich\""));
  CHECK(push.source_reference == "Z\xc3\xbcrich");
}

TEST_CASE("PAP-20: a hundred addresses and ten thousand are read; deep nesting is not followed") {
  for (const std::size_t count : {std::size_t{100}, std::size_t{10000}}) {
    std::string addresses;
    for (std::size_t i = 0; i < count; ++i) addresses += "<address address-value=\"sip:u" + std::to_string(i) + "@ims.lab\"/>";
    CHECK(read<Push>(push_with("", addresses)).addresses.size() == count);
  }
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "<address>";
  CHECK(refusal("<pap>" + deep).code == 2000);
  for (int i = 0; i < 10000; ++i) deep += "</address>";
  CHECK(refusal("<pap>" + deep + "</pap>").code == 2000);
}

TEST_CASE("PAP-21: every document we can write is valid by our own DTD, in each version") {
  const auto time = at("2026-11-23T12:00:01Z");
  const Quality quality{Priority::low, DeliveryMethod::confirmed, "SIP", true, "SIP", false};
  const Body bodies[] = {
      Push{"p@pi", {"tel:+1", "sip:a@b"}, "", false, time, time, "ref", true, "http://pi/x?a=b&c", quality},
      Cancel{"p@pi", {"tel:+1"}},
      StatusQuery{"p@pi", {}},
      CapabilityQuery{"q1", "", "tel:+1"},
      NotificationAnswer{"p@pi", 1000, "", "tel:+1"},
      PushAnswer{"p@pi", 1001, "", "ppg.ims.lab", "push-as", time, {{"parsed", "", time}, {"queued", "n", time}}},
      CancelAnswer{"p@pi", {{1000, "", {"tel:+1"}}, {2008, "too late", {"tel:+2", "tel:+3"}}}},
      StatusAnswer{"p@pi", {{"pending", 1000, "", {"tel:+1"}, time, quality}, {"unknown", 2004, "", {}, {}, {}}}},
      CapabilityAnswer{"q1", 3008, "", "tel:+1"},
      Notification{"p@pi", "ppg", "as", time, time, "delivered", 1000, "sip:200", "tel:+1", quality},
      BadMessage{2000, "no <pap>", "<pap \"x\" & 'y'>"},
  };
  for (const auto version : {pap::Version::v1_0, pap::Version::v2_0, pap::Version::v2_1, pap::Version::v2_2}) {
    for (const auto& body : bodies) {
      const Document document{version, body};
      CHECK(rewritten(document) == to_xml(document));
      CHECK(to_xml(document).find("//DTD PAP " + std::string(to_string(version)) + "//EN") != std::string::npos);
    }
  }
  // A 1.0 peer gets nothing that 1.0 does not have.
  const auto old = to_xml({pap::Version::v1_0, bodies[5]});
  CHECK(old.find("wap-pap-ver") == std::string::npos);
  CHECK(to_xml({pap::Version::v2_0, bodies[5]}).find("<?wap-pap-ver supported-versions=\"2.2,2.1,2.0,1.*\"?>") !=
        std::string::npos);
  // Markup and control characters from outside stay text.
  const auto xml = to_xml({pap::Version::v2_1, BadMessage{2000,
                                                          "a\x01"
                                                          "b",
                                                          "<&>\"\n"}});
  CHECK(xml.find("a?b") != std::string::npos);
  CHECK(xml.find("&lt;&amp;&gt;&quot;&#10;") != std::string::npos);
}

TEST_CASE("SM-1: every status has its message-state, every code its words") {
  struct Row {
    Status status;
    const char* state;
  };
  const Row rows[] = {
      {Status::accepted, "pending"},
      {Status::scheduled, "pending"},
      {Status::waiting_reachable, "pending"},
      {Status::waiting_consent, "pending"},
      {Status::sending, "pending"},
      {Status::retrying, "pending"},
      {Status::network_accepted, "pending"},
      {Status::delivered, "delivered"},
      {Status::displayed, "delivered"},
      {Status::rejected, "rejected"},
      {Status::undeliverable, "undeliverable"},
      {Status::expired, "expired"},
      {Status::aborted, "aborted"},
      {Status::timeout, "timeout"},
      {Status::cancelled, "cancelled"},
      {Status::unknown, "unknown"},
  };
  for (const auto& row : rows) CHECK(message_state(row.status) == row.state);
  CHECK(std::size(rows) == 16);
  for (const int code : {1000, 1001, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 2007, 2008, 3000, 3001,
                         3002, 3003, 3004, 3005, 3006, 3007, 3008, 3009, 3010, 3011, 4000, 4001, 5000}) {
    CHECK(code_text(code) != "unknown");
  }
  // By the first digit.
  CHECK(code_text(5026) == "mobile client aborted");
  CHECK(code_text(2999) == "client error");
  CHECK(code_text(9000) == "unknown");
}

TEST_CASE("PAP-36, PAP-54: a result notification names push, address as given, state, code and times") {
  PushJob job;
  job.id = "01HERALD";
  job.external_id = "n-1@pi.lab.example";
  job.created = at("2026-11-23T12:00:00Z");
  Info info;
  info.version = pap::Version::v2_0;
  info.quality = Quality{Priority::high, DeliveryMethod::prefer_confirmed, "", false, "", false};
  info.sender_address = "ppg.ims.lab";
  info.sender_name = "push-as";
  job.external_info = to_text(info);
  Delivery delivery;
  delivery.address = "sip:alice@ims.lab";
  delivery.given = "WAPPUSH=sip%3Aalice%40ims.lab/TYPE=USER@ppg.ims.lab";
  delivery.move_to(Status::sending, 1001, "", at("2026-11-23T12:00:01Z"));
  delivery.move_to(Status::delivered, 1000, "sip:200", at("2026-11-23T12:00:02Z"));
  delivery.updated = at("2026-11-23T13:00:00Z");  // a later report
  const auto document = parse_document(pap_result_notification(job, delivery));
  REQUIRE(document.has_value());
  CHECK(document->version == pap::Version::v2_0);
  const auto& note = std::get<Notification>(document->body);
  CHECK(note.push_id == "n-1@pi.lab.example");
  CHECK(note.address == delivery.given);
  CHECK(note.state == "delivered");
  CHECK(note.code == 1000);
  CHECK(note.desc == "sip:200");
  CHECK(note.received == job.created);
  CHECK(note.at == at("2026-11-23T12:00:02Z"));
  CHECK(note.sender_address == "ppg.ims.lab");
  REQUIRE(note.quality.has_value());
  CHECK(note.quality->method == DeliveryMethod::unconfirmed);  // what it came to

  delivery.evidence = Evidence::receiver;
  CHECK(pap_result_notification(job, delivery).find("delivery-method=\"confirmed\"") != std::string::npos);
  // A push of REST with PAP notifications has neither.
  job.external_id.clear();
  job.external_info = "not json";
  delivery.given.clear();
  const auto plain = pap_result_notification(job, delivery);
  CHECK(plain.find("push-id=\"01HERALD\"") != std::string::npos);
  CHECK(plain.find("address-value=\"sip:alice@ims.lab\"") != std::string::npos);
}

TEST_CASE("PAP-50, SM-6: whatever a delivery ended as is notified with its own state and code") {
  struct Row {
    Status status;
    int code;
    const char* state;
  };
  const Row rows[] = {
      {Status::delivered, 1000, "delivered"},
      {Status::displayed, 1000, "delivered"},
      {Status::rejected, 2001, "rejected"},
      {Status::undeliverable, 2002, "undeliverable"},
      {Status::undeliverable, 2003, "undeliverable"},
      {Status::undeliverable, 2005, "undeliverable"},
      {Status::undeliverable, 2006, "undeliverable"},
      {Status::undeliverable, 3000, "undeliverable"},
      {Status::undeliverable, 3006, "undeliverable"},
      {Status::undeliverable, 3007, "undeliverable"},
      {Status::expired, 4000, "expired"},
      {Status::timeout, 4000, "timeout"},
      {Status::undeliverable, 4001, "undeliverable"},
      {Status::aborted, 5000, "aborted"},
      {Status::cancelled, 1000, "cancelled"},
  };
  for (const auto& row : rows) {
    PushJob job;
    job.external_id = "p";
    Delivery delivery;
    delivery.address = "tel:+1";
    delivery.move_to(row.status, row.code, "why", at("2026-11-23T12:00:02Z"));
    const auto document = parse_document(pap_result_notification(job, delivery));
    REQUIRE(document.has_value());
    const auto& note = std::get<Notification>(document->body);
    CHECK(note.state == row.state);
    CHECK(note.code == row.code);
    CHECK(note.desc == "why");
  }
  // Expired without a try: "accepted for processing" is not what became of it.
  Delivery delivery;
  delivery.address = "tel:+1";
  delivery.move_to(Status::expired, 1001, "deliver-before", at("2026-11-23T12:00:02Z"));
  CHECK(pap_result_notification(PushJob{}, delivery).find("code=\"4000\"") != std::string::npos);
}

TEST_CASE("PAP-36: the initiator's answer ends the notification, or asks for another try") {
  const auto answer = [](int code) { return to_xml({pap::Version::v2_1, NotificationAnswer{"p", code, "", "tel:+1"}}); };
  const auto bad = [](int code) { return to_xml({pap::Version::v2_1, BadMessage{code, "", "x"}}); };
  struct Row {
    int http;
    std::string body;
    bool taken;
  };
  const Row rows[] = {
      {200, answer(1000), true},
      {202, answer(1000), true},
      {202, answer(2000), true},
      {202, answer(2004), true},
      {202, answer(3000), false},
      {202, answer(4000), false},
      {202, answer(4001), false},
      {202, bad(2000), true},
      {202, bad(3001), true},
      {202, bad(4001), false},
      {202, "", true},
      {204, "", true},
      {200, "<html>ok", true},
      {202, "<pap><resultnotification-response push-id=\"p\" code=\"1000\"/></pap>", true},
      {500, "", false},
      {503, answer(1000), false},
      {404, "", false},
      {401, "", false},
      {302, "", false},
      {0, "", false},
      {202, "<pap><resultnotification-response push-id=\"p\" code=\"4000\"/></pap>", false},
  };
  for (const auto& row : rows) CHECK_MESSAGE(pap_result_taken(row.http, row.body) == row.taken, row.http << " " << row.body);
}

TEST_CASE("PAP-54: what is kept of a submission comes back, and rubbish is harmless") {
  Info info;
  info.version = pap::Version::v1_0;
  info.quality = Quality{Priority::low, DeliveryMethod::unconfirmed, "gsm", false, "sms", true};
  info.source_reference = "n\xc3\xb6tig \"x\"";
  info.refused = {"WAPPUSH=1/TYPE=IPv4", "x"};
  const auto back = parse_info(to_text(info));
  CHECK(back.version == pap::Version::v1_0);
  REQUIRE(back.quality.has_value());
  CHECK(back.quality->bearer == "sms");
  CHECK(back.quality->bearer_required);
  CHECK(back.source_reference == info.source_reference);
  CHECK(back.refused == info.refused);
  for (const auto* text : {"", "[]", "{", "{\"version\":7,\"quality\":[],\"refused\":[1]}", "null"}) {
    CHECK(parse_info(text).version == pap::Version::v2_1);
    CHECK(parse_info(text).refused.empty());
  }
}
