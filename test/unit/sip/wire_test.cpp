#include "sip/wire.h"

#include "doctest/doctest.h"

using namespace herald;

namespace {

const std::string kFields =
    "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\n"
    "Route: <sip:as@127.0.0.1:5065;lr>, <sip:iscmark@127.0.0.1:6060;lr;s=2;h=0;d=0;a=7369703a616c69636540696d732e6c6162>\r\n"
    "From: \"A. Lice\"  <sip:al%69ce@ims.lab;x=y>;tag=1;p\r\n"
    "To: <tel:+1-555-1000001>\r\n"
    "Call-ID: abc@127.0.0.1\r\n"
    "CSeq: 4711 MESSAGE\r\n"
    "Max-Forwards: 70\r\n"
    "P-Asserted-Identity: <sip:alice@ims.lab>, <tel:+15551000001>\r\n"
    "Accept-Contact: *;+g.oma.pusheventapp=\"mms.ua\";require;explicit\r\n"
    "P-Associated-URI: <sip:alice@ims.lab, tel:+15551000001>\r\n"
    "X-Empty: \r\n";

Expected<sip::ReceivedMessage> parsed(const std::string& text) { return sip::parse_wire(text); }

}  // namespace

TEST_CASE("a request survives the way through Sofia byte for byte, order kept") {
  const auto text = "MESSAGE sip:a%6cice@ims.lab;gr=urn:uuid:1;X=Y SIP/2.0\r\n" + kFields + "Content-Length: 5\r\n\r\nhe";
  const std::string full = text + std::string("\0lo", 3);
  const auto received = parsed(full);
  REQUIRE(received);
  const auto& message = received->message;
  CHECK(message.uri() == "sip:a%6cice@ims.lab;gr=urn:uuid:1;X=Y");
  CHECK(message.body == std::string("he\0lo", 5));
  CHECK(message.text() == full);
  CHECK(received->bytes == full.size());
}

TEST_CASE("a response likewise") {
  const auto text = "SIP/2.0 480 Temporarily not available\r\n" + kFields + "Content-Length: 0\r\n\r\n";
  const auto received = parsed(text);
  REQUIRE(received);
  CHECK(received->message.status() == 480);
  CHECK(received->message.reason() == "Temporarily not available");
  CHECK(received->message.text() == text);
}

TEST_CASE("folds are joined by one space, compact names expanded, values trimmed") {
  const auto received = parsed(
      "MESSAGE sip:b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\nt: <sip:a@b>\r\ni: 1\r\n"
      "CSeq: 1 MESSAGE\r\ns:   two \r\n \t words  \r\nk: a\r\nK: b\r\nl: 0\r\n\r\n");
  REQUIRE(received);
  const auto& headers = received->message.headers;
  CHECK(headers.get("Subject") == "two words");
  CHECK(headers.all("Supported").size() == 2);
  CHECK(headers.fields()[0].name == "Via");
  CHECK(headers.fields()[3].name == "Call-ID");
}

TEST_CASE("what Sofia would not send is an error: missing essentials, two of them, a lying length, no start line") {
  const std::string start = "MESSAGE sip:b SIP/2.0\r\n";
  CHECK(parsed(start + kFields + "Content-Length: 0\r\n\r\n"));
  for (const char* gone : {"Via:", "From:", "To:", "Call-ID:", "CSeq:"}) {
    CAPTURE(gone);
    auto fields = kFields;
    const auto at = fields.find(gone);
    fields.erase(at, fields.find("\r\n", at) + 2 - at);
    CHECK_FALSE(parsed(start + fields + "Content-Length: 0\r\n\r\n"));
  }
  CHECK_FALSE(parsed(start + kFields + "Call-ID: 2\r\nContent-Length: 0\r\n\r\n"));
  CHECK_FALSE(parsed(start + kFields + "Content-Length: 10\r\n\r\nshort"));
  CHECK_FALSE(parsed(kFields + "Content-Length: 0\r\n\r\n"));
  CHECK_FALSE(parsed("x"));
  CHECK_FALSE(parsed(std::string(3, '\0')));
}

TEST_CASE("256 header fields are taken, 257 are too many") {
  const auto with = [](int fields) {
    std::string text = "MESSAGE sip:b SIP/2.0\r\n" + kFields;
    for (int i = 12; i < fields; ++i) text += "X: y\r\n";
    return parsed(text + "Content-Length: 0\r\n\r\n");
  };
  CHECK(with(256));
  const auto over = with(257);
  REQUIRE_FALSE(over);
}
