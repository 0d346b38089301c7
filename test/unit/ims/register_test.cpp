#include <doctest/doctest.h>

#include "ims/register_body.h"
#include "ims/third_party_register.h"

using namespace herald;
using namespace herald::ims;
using namespace std::chrono_literals;

namespace {

const WallTime kNow{1767225600000ms};

const char* const kUeRegister =
    "REGISTER sip:ims.lab SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:6101;branch=z9hG4bK1\r\n"
    "From: <sip:alice@ims.lab>;tag=1\r\nTo: <sip:alice@ims.lab>\r\nCall-ID: ue\r\nCSeq: 2 REGISTER\r\n"
    "Contact: <sip:alice@127.0.0.1:6101>;+sip.instance=\"<urn:uuid:0c67446e-0000-4000-8000-000000000001>\";reg-id=1;"
    "+g.oma.pusheventapp=\"news.ua,MMS.ua\"\r\n"
    "Authorization: Digest username=\"alice@ims.lab\", response=\"secret\"\r\n"
    "Path: <sip:127.0.0.1:6101;lr>\r\n"
    "Expires: 600\r\nContent-Length: 0\r\n\r\n";
const char* const kOk =
    "SIP/2.0 200 OK\r\nFrom: <sip:alice@ims.lab>;tag=1\r\nTo: <sip:alice@ims.lab>;tag=2\r\nCall-ID: ue\r\nCSeq: 2 REGISTER\r\n"
    "P-Associated-URI: <sip:alice@ims.lab>, <tel:+15551000001>\r\nContent-Length: 0\r\n\r\n";
const char* const kInfo = "<ims-3gpp version=\"1\"><service-info>profile=push-basic;v=3</service-info></ims-3gpp>";

// What Kamailio 5.6.3 sends, header by header.
SipMessage kamailio(std::string type = "message/sip", std::string body = kUeRegister, std::string expires = "720") {
  auto parsed = SipMessage::parse(
      "REGISTER sip:127.0.0.1:5065 SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 127.0.0.1:6060;branch=z9hG4bK7\r\n"
      "To: <sip:alice@ims.lab>\r\n"
      "From: <sip:127.0.0.1:6060>;tag=533cb9e91f4b999cf76861cbb9ed54ed-1\r\n"
      "CSeq: 10 REGISTER\r\n"
      "Call-ID: 4adf762d2368fc51-15604@127.0.0.1\r\n"
      "User-Agent: kamailio\r\n"
      "Event: registration\r\n"
      "Max-Forwards: 10\r\n"
      "Path: <sip:127.0.0.1:6060;lr>,<sip:127.0.0.1:6101;lr>\r\n"
      "Contact: <sip:127.0.0.1:6060>\r\n"
      "P-Visited-Network-ID: \"ims.lab\"\r\n"
      "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1\r\n"
      "P-Charging-Vector: icid-value=\"x\";icid-generated-at=127.0.0.1\r\n"
      "P-Associated-URI: <sip:alice@ims.lab, tel:+15551000001>\r\n"
      "\r\n");
  REQUIRE(parsed.has_value());
  parsed->headers.add("Expires", std::move(expires));
  if (!body.empty()) {
    parsed->headers.add("Content-Type", std::move(type));
    parsed->body = std::move(body);
  }
  return *parsed;
}

std::string multipart(const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string body;
  for (const auto& [type, content] : parts) body += "--b1\r\nContent-Type: " + type + "\r\n\r\n" + content + "\r\n";
  return body + "--b1--\r\n";
}

RegistrationChange read(const SipMessage& request) {
  auto change = read_third_party_register(request, kNow, "trace");
  REQUIRE(change.has_value());
  return *change;
}

}  // namespace

TEST_CASE("the REGISTER that Kamailio sends is understood, malformed P-Associated-URI and all (AS-10..AS-13)") {
  const auto change = read(kamailio());
  const auto& registration = change.registration;
  CHECK_FALSE(change.deregistered);
  CHECK(change.malformed_parts == 0);
  CHECK(registration.user == "sip:alice@ims.lab");
  CHECK(registration.scscf == "sip:127.0.0.1:6060");
  CHECK(registration.associated == std::vector<std::string>{"tel:+15551000001"});
  CHECK(registration.path == std::vector<std::string>{"<sip:127.0.0.1:6060;lr>", "<sip:127.0.0.1:6101;lr>"});
  CHECK(registration.expires == kNow + 720s);
  CHECK(registration.contacts_known);
  REQUIRE(registration.contacts.size() == 1);
  const auto& contact = registration.contacts[0];
  CHECK(contact.uri == "sip:alice@127.0.0.1:6101");
  CHECK(contact.applications == std::vector<std::string>{"news.ua", "mms.ua"});
  CHECK(contact.params.get("+sip.instance") == "\"<urn:uuid:0c67446e-0000-4000-8000-000000000001>\"");
  CHECK(contact.expires == kNow + 720s);
}

TEST_CASE("the 200 echoes Expires and Contact (AS-11)") {
  const auto response = accept_third_party_register(kamailio());
  CHECK(response.status() == 200);
  CHECK(response.headers.get("Expires") == "720");
  CHECK(response.headers.get("Contact") == "<sip:127.0.0.1:6060>");
}

TEST_CASE("third-party REGISTER body matrix: none, one, two or three parts in any order (isc-as.md 14)") {
  struct Row {
    const char* name;
    std::string type, body;
    bool request, response;
    std::string info;
    unsigned malformed, ignored;
  };
  const std::string xml = "application/3gpp-ims+xml", sip = "message/sip", mixed = "multipart/mixed;boundary=b1";
  const std::vector<Row> rows{
      {"none", "", "", false, false, "", 0, 0},
      {"service information", xml, kInfo, false, false, "profile=push-basic;v=3", 0, 0},
      {"CDATA, no version", xml, "<ims-3gpp><service-info><![CDATA[<a>&]]></service-info></ims-3gpp>", false, false, "<a>&", 0,
       0},
      {"escaped text", xml, "<ims-3gpp><service-info>a&lt;b</service-info></ims-3gpp>", false, false, "a<b", 0, 0},
      {"markup inside", xml, "<i:ims-3gpp xmlns:i='x'><i:service-info><p q='1'/></i:service-info></i:ims-3gpp>", false, false,
       "<p q=\"1\"/>", 0, 0},
      {"REGISTER", sip, kUeRegister, true, false, "", 0, 0},
      {"200", sip, kOk, false, true, "", 0, 0},
      {"info, REGISTER", mixed, multipart({{xml, kInfo}, {sip, kUeRegister}}), true, false, "profile=push-basic;v=3", 0, 0},
      {"200, REGISTER", mixed, multipart({{sip, kOk}, {sip, kUeRegister}}), true, true, "", 0, 0},
      {"REGISTER, 200, info", mixed, multipart({{sip, kUeRegister}, {sip, kOk}, {xml, kInfo}}), true, true,
       "profile=push-basic;v=3", 0, 0},
      {"rubbish in one part", mixed, multipart({{sip, "nonsense"}, {sip, kUeRegister}}), true, false, "", 1, 0},
      {"DTD", xml, "<!DOCTYPE x [<!ENTITY e 'e'>]><ims-3gpp><service-info>&e;</service-info></ims-3gpp>", false, false, "", 1, 0},
      {"unclosed XML", xml, "<ims-3gpp><service-info>", false, false, "", 1, 0},
      {"no boundary", "multipart/mixed", "--b1", false, false, "", 1, 0},
      {"unknown type (AS-16)", "text/plain", "hello", false, false, "", 0, 1},
      {"no SIP", sip, std::string("\0\xff\n", 3), false, false, "", 1, 0},
      {"another method", sip, "OPTIONS sip:a SIP/2.0\r\n\r\n", false, false, "", 1, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto body = read_register_body(row.type, row.body);
    CHECK(body.request.has_value() == row.request);
    CHECK(body.response.has_value() == row.response);
    CHECK(body.service_info == row.info);
    CHECK(body.malformed == row.malformed);
    CHECK(body.ignored == row.ignored);
    const auto change = read(kamailio(row.type, row.body));  // AS-15: the user is registered all the same
    CHECK(change.registration.contacts_known == row.request);
    CHECK(change.registration.expires == kNow + 720s);
  }
}

TEST_CASE("with the response only no contact is known, but the identities are") {
  const auto change = read(kamailio("message/sip", kOk));
  CHECK_FALSE(change.registration.contacts_known);
  CHECK(change.registration.associated == std::vector<std::string>{"tel:+15551000001"});
}

TEST_CASE("Expires 0 ends the registration; one device that leaves does not (AS-12, AS-14)") {
  CHECK(read(kamailio("message/sip", kUeRegister, "0")).deregistered);
  std::string leaving = kUeRegister;
  leaving.replace(leaving.find("Expires: 600"), 12, "Expires: 0");
  const auto one = read(kamailio("message/sip", leaving));
  CHECK_FALSE(one.deregistered);
  CHECK(one.removed.size() == 1);
  CHECK(one.registration.contacts.empty());
  std::string all = kUeRegister;
  const auto start = all.find("Contact: ");
  all.replace(start, all.find("\r\n", start) - start, "Contact: *");
  CHECK(read(kamailio("message/sip", all)).all_contacts_unsure);
}

TEST_CASE("what is no third-party REGISTER is refused (AS-10)") {
  const auto refused = [](std::string_view header, std::string value) {
    auto request = kamailio();
    request.headers.set(header, std::move(value));
    const auto change = read_third_party_register(request, kNow, "");
    return change ? std::optional<ErrorCode>() : change.error().code;
  };
  CHECK(refused("From", "<sip:alice@ims.lab>;tag=1") == ErrorCode::forbidden);
  CHECK(refused("From", "<tel:+1>;tag=1") == ErrorCode::forbidden);
  CHECK(refused("To", "nobody") == ErrorCode::invalid);
  CHECK_FALSE(refused("To", "<tel:+15551000001>").has_value());
}

TEST_CASE("a missing or absurd Expires has a bound") {
  auto request = kamailio();
  request.headers.remove("Expires");
  CHECK(read(request).registration.expires == kNow + 3600s);
  CHECK(read(kamailio("message/sip", kUeRegister, "4294967296000")).registration.expires == kNow + 7 * 24h);
  CHECK(read(kamailio("message/sip", kUeRegister, "soon")).registration.expires == kNow + 3600s);
}
