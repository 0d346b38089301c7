// MIME, addresses, application ids and capability documents of PAP. pap.md 2, 5, 7.
#include "pap/pap_entity.h"

#include <doctest/doctest.h>

#include "pap/pap_address.h"
#include "pap/pap_application.h"
#include "pap/pap_capabilities.h"
#include "pap/pap_submission.h"
#include "text/timestamps.h"

using namespace herald;
using namespace herald::push;
using namespace herald::push::pap;

namespace {

constexpr const char* kType = "multipart/related; boundary=pp7; type=\"application/xml\"";

std::string crlf(std::string text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return out;
}

Entities entities(const std::string& body, const std::string& type = kType, const std::vector<EntityHeader>& outer = {}) {
  auto read = read_entities(type, body, outer);
  const auto why = read ? std::string() : read.error().desc;
  REQUIRE_MESSAGE(read.has_value(), why);
  return std::move(*read);
}
BadEntity refusal(const std::string& body, const std::string& type = kType) {
  const auto read = read_entities(type, body, {});
  REQUIRE_FALSE(read.has_value());
  return read.error();
}

const AddressRules kRules{{"ppg.ims.lab", "ppg.carrier.com"}, "ims.lab", "", 256};

}  // namespace

TEST_CASE("PAP-10: the body of a real client: empty preamble, LF inside the parts, nothing behind the last delimiter") {
  const std::string body =
      "\r\n--asdlfkjiurwghasf\r\nContent-Type: application/xml\r\n\r\n<pap>\n</pap>\n\r\n--asdlfkjiurwghasf\r\n"
      "X-WAP-Application-Id: http://www.wiral.com:wml.ua\r\nContent-Type: text/vnd.wap.si\r\n\r\n<si>\n</si>\n\r\n"
      "--asdlfkjiurwghasf--";
  const auto read = entities(body, "multipart/related; boundary=asdlfkjiurwghasf; type=\"application/xml\"");
  CHECK(read.control == "<pap>\n</pap>\n");
  REQUIRE(read.content.has_value());
  CHECK(read.content->type == "text/vnd.wap.si");
  CHECK(read.content->bytes == "<si>\n</si>\n");
  CHECK(read.application == "http://www.wiral.com:wml.ua");
  CHECK(read.content->headers.empty());
  CHECK_FALSE(read.capabilities.has_value());
}

TEST_CASE("PAP-10: preamble, epilogue, quoted and bare boundary, any case, LF alone, start elsewhere") {
  const std::string plain = "--pp7\ncontent-type: Application/XML\n\n<pap/>\n--pp7\nCONTENT-TYPE: text/plain\n\nhi\n--pp7--\n";
  for (const auto& body : {plain, crlf(plain), "This is MIME.\n\n" + plain, plain + "epilogue\n", "\r\n\r\n" + crlf(plain),
                           crlf(plain).substr(0, crlf(plain).size() - 2)}) {
    const auto read = entities(body);
    CHECK(read.control == "<pap/>");
    REQUIRE(read.content.has_value());
    CHECK(read.content->bytes == "hi");
  }
  for (const auto* type : {"multipart/related; boundary=\"pp7\"; type=\"application/xml\"",
                           "Multipart/Related;type=\"application/xml\";boundary=pp7", "multipart/related ; boundary = pp7",
                           "multipart/related; type=application/xml; boundary=pp7; start-info=x"}) {
    CHECK(entities(plain, type).control == "<pap/>");
  }
  // Characters that clients put into boundaries without quoting them.
  const std::string odd = "----=_Part_7.1/?:(x)";
  std::string body = plain;
  for (std::size_t at = body.find("pp7"); at != std::string::npos; at = body.find("pp7", at + odd.size()))
    body.replace(at, 3, odd);
  CHECK(entities(body, "multipart/related; boundary=" + odd + "; type=\"application/xml\"").control == "<pap/>");
  // RFC 2387: the root may be named.
  const auto read = entities(
      "--pp7\nContent-Type: text/plain\nContent-ID: <c>\n\nhi\n--pp7\nContent-Type: text/xml\nContent-ID: "
      "<r>\n\n<pap/>\n--pp7--",
      "multipart/related; boundary=pp7; start=\"<r>\"");
  CHECK(read.control == "<pap/>");
  CHECK(read.content->bytes == "hi");
  // Without Content-Type.
  CHECK(entities("--pp7\nContent-Type: application/xml\n\n<pap/>\n--pp7\n\n\x01\x02\n--pp7--").content->type ==
        "application/octet-stream");
  // The control entity alone.
  CHECK(entities("<pap/>", "application/xml; charset=utf-8").control == "<pap/>");
  CHECK_FALSE(entities("<pap/>", "text/xml").content.has_value());
}

TEST_CASE("PAP-11: base64 and quoted-printable are undone, everything else is the same bytes") {
  const auto content = [](const std::string& encoding, const std::string& body) {
    return entities("--pp7\r\nContent-Type: application/xml\r\n\r\n<pap/>\r\n--pp7\r\nContent-Transfer-Encoding: " + encoding +
                    "\r\nContent-Type: application/octet-stream\r\n\r\n" + body + "\r\n--pp7--\r\n")
        .content->bytes;
  };
  CHECK(content("base64", "R29h\r\nbCE=\r\n") == "Goal!");
  CHECK(content("BASE64", "R29hbCE=") == "Goal!");
  CHECK(content("quoted-printable", "caf=C3=A9 =\r\nau lait=0A  \r\nnext") == "caf\xc3\xa9 au lait\n\r\nnext");
  CHECK(content("Quoted-Printable", "a=3Db\nc") == "a=b\nc");
  const std::string bytes("\x00\x80\xff\r\n\r\n--pp\n \x1a", 14);
  for (const auto* encoding : {"binary", "8bit", "7bit", ""}) CHECK(content(encoding, bytes) == bytes);
  for (const auto& [encoding, body] : {std::pair<std::string, std::string>{"base64", "R29h!"},
                                       {"base64", "R29"},
                                       {"quoted-printable", "a=G1"},
                                       {"quoted-printable", "a=4"},
                                       {"x-uuencode", "begin"}}) {
    const auto bad = refusal("--pp7\nContent-Type: application/xml\n\n<pap/>\n--pp7\nContent-Transfer-Encoding: " + encoding +
                             "\n\n" + body + "\n--pp7--");
    CHECK(bad.http == 202);
    CHECK(bad.code == 2000);
  }
}

TEST_CASE("PAP-11: content is kept byte by byte, with the headers that concern the receiver") {
  const auto read = entities(
      "--pp7\r\nContent-Type: application/xml\r\n\r\n<pap/>\r\n--pp7\r\nContent-Type: application/vnd.wap.mms-message\r\n"
      "Content-Language: en\r\nX-Wap-Initiator-URI: http://pi/\r\nX-Oma-Thing: 1\r\nContent-Location: http://x/y\r\n"
      "Content-ID: <mine>\r\nX-Mailer: no\r\nContent-Length: 3\r\nX-Wap-Application-Id: 4\r\n\r\n\x8c\x82\x98\r\n--pp7--",
      kType, {{"X-Wap-Initiator-URI", "http://outer/"}, {"X-Wap-Content-URI", "http://c/"}, {"X-Forwarded-For", "10.0.0.1"}});
  REQUIRE(read.content.has_value());
  CHECK(read.content->bytes == "\x8c\x82\x98");
  CHECK(read.application == "4");
  std::string kept;
  for (const auto& header : read.content->headers) kept += header.name + "=" + header.value + ";";
  CHECK(kept ==
        "Content-Language=en;X-Wap-Initiator-URI=http://pi/;X-Oma-Thing=1;Content-Location=http://x/y;X-Wap-Content-URI=http://c/"
        ";");
}

TEST_CASE("PAP-12: no root, a root that is no XML, four parts, deep nesting, a long boundary are refused") {
  const std::string root = "--pp7\nContent-Type: application/xml\n\n<pap/>\n";
  const std::string part = "--pp7\nContent-Type: text/plain\n\nx\n";
  CHECK(refusal("").code == 2000);
  CHECK(refusal("--pp7--").code == 2000);
  CHECK(refusal("no delimiter at all").code == 2000);
  CHECK(refusal(part + root + "--pp7--").desc == "the first entity is not application/xml");
  CHECK(refusal(root + part + part + part + "--pp7--").desc == "more than three entities");
  CHECK(refusal(root + part).code == 2000);  // cut off
  CHECK(refusal(root + "--pp7--", "multipart/related; type=\"application/xml\"").code == 2000);
  const std::string mark(71, 'b');
  CHECK(
      refusal("--" + mark + "\nContent-Type: application/xml\n\n<pap/>\n--" + mark + "--", "multipart/related; boundary=" + mark)
          .code == 2000);
  // The client that forgets the empty line between header and body.
  CHECK(refusal(root + "--pp7\nContent-Type: text/vnd.wap.si\nContent-transfer-encoding: base64\nContent-Language: "
                       "en\nPD94bWwgdmVyc2lvbj0iMS4wIj8+\n--pp7--")
            .code == 2000);
  for (int levels = 1; levels <= 7; ++levels) {
    std::string body = "text";
    std::string type = "text/plain";
    for (int i = 1; i < levels; ++i) {
      const auto name = "n" + std::to_string(i);
      body = "--" + name + "\nContent-Type: " + type + "\n\n" + body + "\n--" + name + "--\n";
      type = "multipart/mixed; boundary=" + name;
    }
    const auto read = read_entities(kType, root + "--pp7\nContent-Type: " + type + "\n\n" + body + "\n--pp7--", {});
    CHECK_MESSAGE(read.has_value() == (levels <= 5), levels);
  }
  // What is not PAP at all is HTTP's business.
  for (const auto* type : {"", "nonsense", "application/json", "text/plain", "application/x-www-form-urlencoded"}) {
    CHECK(refusal("x", type).http == 415);
  }
}

TEST_CASE("PAP-51, PAP-52, PAP-53, PAP-54: address values become Request-URIs and are remembered as written") {
  struct Row {
    const char* value;
    const char* uri;
  };
  const Row good[] = {
      {"WAPPUSH=+358401234567/TYPE=PLMN@ppg.ims.lab", "tel:+358401234567"},
      {"WAPPUSH=+358408201681/TYPE=PLMN@ppg.carrier.com", "tel:+358408201681"},
      {"WAPPUSH=+358401234567/TYPE=PLMN@PPG.IMS.LAB:80", "tel:+358401234567"},
      {"WAPPUSH=%2B358401234567/TYPE=PLMN@ppg.ims.lab", "tel:+358401234567"},
      {"WAPPUSH=+358-40.123(4567)/TYPE=PLMN", "tel:+358401234567"},
      {"WAPPUSH=0401234567/TYPE=PLMN@ppg.ims.lab", "tel:0401234567;phone-context=ims.lab"},
      {"WAPPUSH=sip%3Aalice%40ims.lab.example/TYPE=USER@ppg.ims.lab", "sip:alice@ims.lab.example"},
      {"WAPPUSH=alice%40ims.lab.example/TYPE=USER@ppg.ims.lab", "sip:alice@ims.lab.example"},
      {"WAPPUSH=alice/TYPE=USER@ppg.ims.lab", "sip:alice@ims.lab"},
      {"WAPPUSH=tel%3A%2B358401234567/TYPE=USER@ppg.ims.lab", "tel:+358401234567"},
      {"WAPPUSH=a%2525b%40ims.lab/TYPE=USER@ppg.ims.lab", "sip:a%25b@ims.lab"},
      {"sip:alice@ims.lab.example", "sip:alice@ims.lab.example"},
      {"sips:alice@ims.lab.example", "sips:alice@ims.lab.example"},
      {"tel:+358401234567", "tel:+358401234567"},
  };
  for (const auto& row : good) {
    const auto read = read_address(row.value, kRules);
    const auto why = read ? std::string() : read.error().detail;
    REQUIRE_MESSAGE(read.has_value(), row.value << ": " << why);
    CHECK(read->address == row.uri);
    CHECK(read->given == (std::string(row.value) == row.uri ? "" : row.value));
    CHECK_FALSE(read->user.empty());
  }
  const std::string bad[] = {
      "",
      "alice",
      "mailto:alice@ims.lab",
      "WAPPUSH=",
      "WAPPUSH=+358401234567",
      "WAPPUSH=+358401234567/TYPE=PLMN@ppg.elsewhere.example",  // PAP-51
      "WAPPUSH=+358401234567/TYPE=PLMN@",
      "wappush=+358401234567/TYPE=PLMN@ppg.ims.lab",
      "WAPPUSH=+358401234567/type=PLMN@ppg.ims.lab",
      "WAPPUSH=10.0.0.1/TYPE=IPv4@ppg.ims.lab",
      "WAPPUSH=fe80%3A%3A1/TYPE=IPv6@ppg.ims.lab",
      "WAPPUSH=+358401234567/TYPE=GSM@ppg.ims.lab",
      "WAPPUSH=/TYPE=USER@ppg.ims.lab",
      "WAPPUSH=/TYPE=PLMN@ppg.ims.lab",
      "WAPPUSH=12x4/TYPE=PLMN@ppg.ims.lab",
      "WAPPUSH=" + std::string(30, '1') + "/TYPE=PLMN@ppg.ims.lab",
      "WAPPUSH=a%4/TYPE=USER@ppg.ims.lab",
      "WAPPUSH=a%zz/TYPE=USER@ppg.ims.lab",
      "WAPPUSH=a%00b%40ims.lab/TYPE=USER@ppg.ims.lab",  // PAP-53
      "WAPPUSH=a%0d%0aRoute%3A x%40ims.lab/TYPE=USER@ppg.ims.lab",
      "WAPPUSH=alice%40ims.lab%3FRoute%3Devil/TYPE=USER@ppg.ims.lab",
      "sip:alice@ims.lab?Route=evil",
      "sip:alice@ims.lab\r\nX: y",
      "WAPPUSH=" + std::string(257, 'a') + "/TYPE=USER@ppg.ims.lab",
      "sip:" + std::string(300, 'a') + "@ims.lab",
      "sip:a:secret@ims.lab",
      "sip:ims.lab",
      "WAPPUSH=http%3A%2F%2Fx/TYPE=USER@ppg.ims.lab",
  };
  for (const auto& value : bad) {
    const auto read = read_address(value, kRules);
    REQUIRE_MESSAGE(!read.has_value(), value << " became " << read->address);
    CHECK(read.error().code == 2002);
  }
  auto rules = kRules;
  rules.phone_domain = "phones.lab";
  CHECK(read_address("WAPPUSH=+358401234567/TYPE=PLMN@ppg.ims.lab", rules)->address == "sip:+358401234567@phones.lab;user=phone");
}

TEST_CASE("PAP-32: one bad address refuses all, unless partial acceptance is configured; too many are 3005") {
  const std::vector<std::string> values{"sip:a@ims.lab", "WAPPUSH=1.2.3.4/TYPE=IPv4", "sip:b@ims.lab", "sip:a@IMS.lab"};
  const auto all = read_addresses(values, kRules, 10, false);
  REQUIRE_FALSE(all.has_value());
  CHECK(all.error().code == 2002);
  CHECK(all.error().detail.find("WAPPUSH=1.2.3.4") != std::string::npos);
  const auto some = read_addresses(values, kRules, 10, true);
  REQUIRE(some.has_value());
  CHECK(some->to.size() == 2);
  CHECK(some->refused == std::vector<std::string>{"WAPPUSH=1.2.3.4/TYPE=IPv4", "sip:a@IMS.lab"});
  CHECK(read_addresses({"nobody"}, kRules, 10, true).error().code == 2002);
  CHECK(read_addresses(values, kRules, 3, true).error().code == 3005);
  CHECK(read_addresses(values, kRules, 1, false).error().detail == "one address only");
}

TEST_CASE("PAP-33: deliver-after not before deliver-before is 2000, a deliver-before that is over is 2001") {
  const auto now = *parse_rfc3339("2026-11-23T12:00:00Z");
  Push push;
  CHECK(check_times(push, now).has_value());
  push.deliver_before = now + std::chrono::seconds(1);
  CHECK(check_times(push, now).has_value());
  push.deliver_after = now + std::chrono::seconds(1);
  CHECK(check_times(push, now).error().code == 2000);
  push.deliver_after = now - std::chrono::hours(1);
  CHECK(check_times(push, now).has_value());
  push.deliver_before = now;
  CHECK(check_times(push, now).error().code == 2001);
}

TEST_CASE("PAP-38: a required bearer or network that is not SIP is 3010 or 3009; one that is only wished for is nothing") {
  Quality quality;
  CHECK(check_network(std::nullopt).has_value());
  quality.network = "gsm";
  quality.bearer = "sms";
  CHECK(check_network(quality).has_value());
  quality.network_required = true;
  CHECK(check_network(quality).error().code == 3009);
  quality.bearer_required = true;
  CHECK(check_network(quality).error().code == 3010);
  quality.network = "IMS";
  quality.bearer = "sip";
  CHECK(check_network(quality).has_value());
}

TEST_CASE("PAP-39: the delivery-method asks for its evidence") {
  const auto asked = [](DeliveryMethod method, ReportLevel level) {
    Submission out;
    Quality quality;
    quality.method = method;
    quality.priority = Priority::high;
    apply_quality(quality, level, out);
    CHECK(out.priority == Priority::high);
    return std::pair{out.report, out.report_if_possible};
  };
  using P = std::pair<Report, bool>;
  CHECK(asked(DeliveryMethod::confirmed, ReportLevel::none) == P{Report::delivery, false});
  CHECK(asked(DeliveryMethod::prefer_confirmed, ReportLevel::none) == P{Report::delivery, true});
  CHECK(asked(DeliveryMethod::unconfirmed, ReportLevel::display) == P{Report::network, false});
  CHECK(asked(DeliveryMethod::not_specified, ReportLevel::network).first == Report::network);
  CHECK(asked(DeliveryMethod::not_specified, ReportLevel::none).first == Report::none);
  CHECK(asked(DeliveryMethod::not_specified, ReportLevel::delivery) == P{Report::delivery, true});
  CHECK(asked(DeliveryMethod::not_specified, ReportLevel::display) == P{Report::display, true});
}

TEST_CASE("PAP-60: application ids in every form are one URN; nothing is wml.ua") {
  struct Row {
    const char* written;
    const char* urn;
    const char* token;
  };
  const Row rows[] = {
      {"", "x-wap-application:wml.ua", "wml.ua"},
      {"mms.ua", "x-wap-application:mms.ua", "mms.ua"},
      {"x-wap-application:mms.ua", "x-wap-application:mms.ua", "mms.ua"},
      {"X-WAP-Application:mms.ua", "x-wap-application:mms.ua", "mms.ua"},
      {"urn:x-wap-application:mms.ua", "x-wap-application:mms.ua", "mms.ua"},
      {"x-oma-application:ulp.ua", "x-oma-application:ulp.ua", "ulp.ua"},
      {"http://www.wiral.com:wml.ua", "x-wap-application:wml.ua", "wml.ua"},
      {"4", "x-wap-application:mms.ua", "mms.ua"},
      {"0x10", "x-wap-application:ulp.ua", "ulp.ua"},
      {"2", "x-wap-application:wml.ua", "wml.ua"},
      {"0", "x-wap-application:*", "*"},
      {"*", "x-wap-application:*", "*"},
      {"9000", "x-wap-application:9000", "9000"},
      {"x-wap-microsoft:thing", "x-wap-microsoft:thing", "x-wap-microsoft%3Athing"},
      {"mms.ua; q=1", "x-wap-application:mms.ua", "mms.ua"},
  };
  for (const auto& row : rows) {
    const auto read = read_application(row.written);
    REQUIRE_MESSAGE(read.has_value(), row.written);
    CHECK(read->urn == row.urn);
    CHECK(read->token == row.token);
  }
  for (const auto& bad : {std::string("two words"), std::string("http://host"), std::string("http://host:"), std::string("a\"b"),
                          std::string(65, 'a'), std::string("99999999999999"), std::string("x-wap-application:")}) {
    CHECK_MESSAGE(!read_application(bad).has_value(), bad);
  }
}

namespace {

CapabilityReport known() {
  CapabilityReport report;
  report.user = "sip:alice@ims.lab";
  report.application = "news.ua";
  const auto fact = [&](FactKind kind, const char* value, bool supported = true) {
    CapabilityFact out;
    out.kind = kind;
    out.value = value;
    out.supported = supported;
    out.source = FactSource::registration;
    report.facts.push_back(out);
  };
  fact(FactKind::type, "text/plain");
  fact(FactKind::type, "image/png");
  fact(FactKind::type, "*/*", false);
  fact(FactKind::encoding, "gzip");
  fact(FactKind::max_size, "5000");
  fact(FactKind::application, "news.ua");
  fact(FactKind::application, "*", false);
  return report;
}

std::string profile(const std::string& properties) {
  return "<?xml version=\"1.0\"?><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns:prf=\"http://x#\">"
         "<rdf:Description rdf:ID=\"P\"><prf:component><rdf:Description rdf:ID=\"PushCharacteristics\">" +
         properties + "</rdf:Description></prf:component></rdf:Description></rdf:RDF>";
}

int code_of(const std::string& xml, const CapabilityReport& report) {
  const auto assumed = read_profile(xml);
  if (!assumed) return assumed.error().code;
  const auto compared = compare(*assumed, report);
  return compared ? 1000 : compared.error().code;
}

}  // namespace

TEST_CASE("PAP-50: assumed capabilities against what is known: 2005, 2006, 3004, 3008") {
  const auto bag = [](const std::string& name, const std::string& value) {
    return "<prf:" + name + "><rdf:Bag><rdf:li>" + value + "</rdf:li></rdf:Bag></prf:" + name + ">";
  };
  const auto report = known();
  CHECK(code_of(profile(bag("Push-Accept", "image/png")), report) == 1000);
  CHECK(code_of(profile(bag("CcppAccept", "text/plain; charset=utf-8")), report) == 1000);
  CHECK(code_of(profile(bag("Push-Accept", "*/*")), report) == 1000);
  CHECK(code_of(profile(bag("Push-Accept", "video/mp4")), report) == 2005);
  CHECK(code_of(profile(bag("Push-Accept-Encoding", "gzip") + bag("CcppAccept-Encoding", "base64")), report) == 1000);
  CHECK(code_of(profile("<prf:Push-MsgSize>5000</prf:Push-MsgSize>"), report) == 1000);
  CHECK(code_of(profile("<prf:Push-MsgSize>5001</prf:Push-MsgSize>"), report) == 2005);
  CHECK(code_of(profile(bag("Push-Accept-AppID", "x-wap-application:news.ua")), report) == 1000);
  CHECK(code_of(profile(bag("Push-Accept-AppID", "x-wap-application:mms.ua")), report) == 2006);
  CHECK(code_of(profile("<prf:ScreenSize>1x1</prf:ScreenSize>"), report) == 3004);
  CHECK(code_of("<profile/>", report) == 3004);
  CHECK(code_of("<rdf:RDF>", report) == 2000);
  CHECK(code_of("<!DOCTYPE x [<!ENTITY a \"b\">]>" + profile(bag("Push-Accept", "&a;")), report) == 2000);
  CapabilityReport nothing;
  CHECK(code_of(profile(bag("Push-Accept", "image/png")), nothing) == 3008);
}

TEST_CASE("PAP-50: what we tell about a receiver is a profile that we read ourselves") {
  const auto report = known();
  const auto assumed = read_profile(write_profile(report));
  REQUIRE(assumed.has_value());
  CHECK(assumed->types == std::vector<std::string>{"text/plain", "image/png"});
  CHECK(assumed->encodings == std::vector<std::string>{"gzip"});
  CHECK(assumed->applications == std::vector<std::string>{"x-wap-application:news.ua"});
  CHECK(assumed->max_size == 5000);
  CHECK(compare(*assumed, report).has_value());
}
