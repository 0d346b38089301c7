#include "herald/sip_message.h"

#include <doctest/doctest.h>

using namespace herald;
using namespace std::string_literals;

TEST_CASE("a torturous but correct message is read. RFC 4475 3.1.1.1") {
  const auto message = SipMessage::parse(
      "\r\nINVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
      "TO :\r\n"
      " sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
      "from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n"
      "  ;\r\n"
      "  tag = 98asjd8\r\n"
      "MaX-fOrWaRdS: 0068\r\n"
      "Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
      "Content-Length   : 5\r\n"
      "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n"
      "  branch  =   z9hG4bK9ikj8  ,\r\n"
      " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n"
      " z9hG4bK30239\r\n"
      "m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n"
      "      newvalue ;\r\n"
      "  secondparam ; q = 0.33\r\n"
      "\r\n"
      "hello, and more");
  REQUIRE(message);
  CHECK(message->is_request());
  CHECK(message->method() == "INVITE");
  CHECK(message->uri() == "sip:vivekg@chair-dnrc.example.com;unknownparam");
  CHECK(message->body == "hello");
  CHECK(message->headers.get("max-forwards") == "0068");
  CHECK(message->headers.list("Via").size() == 2);
  CHECK(message->headers.fields()[5].name == "Via");
  const auto contact = NameAddr::parse(*message->headers.get("Contact"));
  REQUIRE(contact);
  CHECK(contact->params.get("newparam") == "newvalue");
  CHECK(contact->display == "Quoted string \"\"");
  CHECK(NameAddr::parse(*message->headers.get("From"))->params.get("tag") == "98asjd8");
}

TEST_CASE("what is wrong with a message is an error") {
  const std::string head = "MESSAGE sip:a@b SIP/2.0\r\n";
  struct Row {
    std::string text;
    ErrorCode code;
  };
  const std::vector<Row> rows{
      {"", ErrorCode::invalid},
      {"\r\n\r\n", ErrorCode::invalid},
      {"MESSAGE\r\n\r\n", ErrorCode::invalid},
      {"MESSAGE sip:a@b\r\n\r\n", ErrorCode::invalid},
      {"MESSAGE sip:a@b SIP/3.0\r\n\r\n", ErrorCode::invalid},
      {"MESSAGE <sip:a@b> SIP/2.0\r\n\r\n", ErrorCode::invalid},   // RFC 4475 3.1.2.7
      {"MESSAGE sip:a@b  SIP/2.0\r\n\r\n", ErrorCode::invalid},    // RFC 4475 3.1.2.9
      {"MES SAGE sip:a@b SIP/2.0\r\n\r\n", ErrorCode::invalid},    // RFC 4475 3.1.2.8
      {"MESS\x01GE sip:a@b SIP/2.0\r\n\r\n", ErrorCode::invalid},  //
      {"SIP/2.0 99 x\r\n\r\n", ErrorCode::invalid},
      {"SIP/2.0 700 x\r\n\r\n", ErrorCode::invalid},
      {"SIP/2.0 4294967301 better\r\n\r\n", ErrorCode::invalid},  // RFC 4475 3.1.2.19
      {"SIP/2.0 20x x\r\n\r\n", ErrorCode::invalid},
      {head + "Content-Length: 9\r\n\r\nabc", ErrorCode::invalid},    // RFC 4475 3.1.2.2
      {head + "Content-Length: -9\r\n\r\nabc", ErrorCode::invalid},   // RFC 4475 3.1.2.3
      {head + "Content-Length: 3 3\r\n\r\nabc", ErrorCode::invalid},  //
      {head + "Content-Length: 99999999999999999999999\r\n\r\nabc", ErrorCode::invalid},
      {head + "Content-Length: 3\r\nl: 2\r\n\r\nabc", ErrorCode::invalid},
      {head + " folded: first\r\n\r\n", ErrorCode::invalid},
      {head + "no colon\r\n\r\n", ErrorCode::invalid},
      {head + ": no name\r\n\r\n", ErrorCode::invalid},
      {head + "Bad Name: x\r\n\r\n", ErrorCode::invalid},
      {head + "X: a\rRoute: <sip:evil>\r\n\r\n", ErrorCode::invalid},
      {head + "X: a" + std::string(1, '\0') + "b\r\n\r\n", ErrorCode::invalid},
      {head + "X: " + std::string(70000, 'a') + "\r\n\r\n", ErrorCode::too_large},
      {"MESSAGE sip:" + std::string(70000, 'a') + " SIP/2.0\r\n\r\n", ErrorCode::too_large},
  };
  for (const auto& row : rows) {
    INFO(row.text.substr(0, 100));
    const auto message = SipMessage::parse(row.text);
    REQUIRE_FALSE(message);
    CHECK(message.error().code == row.code);
  }
  std::string many = head;
  for (int i = 0; i < 257; ++i) many += "X: y\r\n";
  CHECK(SipMessage::parse(many + "\r\n").error().code == ErrorCode::too_large);
}

TEST_CASE("a sipfrag may end anywhere after its start line. RFC 3420") {
  auto message = SipMessage::parse("SIP/2.0 200 OK");
  REQUIRE(message);
  CHECK(message->status() == 200);
  CHECK(message->reason() == "OK");
  message = SipMessage::parse("SIP/2.0 603\r\nContent-Length: 12\r\n");
  REQUIRE(message);
  CHECK(message->status() == 603);
  CHECK(message->reason().empty());
  CHECK(message->body.empty());
  message = SipMessage::parse("REGISTER sip:ims.lab SIP/2.0\nTo: <sip:a@b>\n\nbody");  // lone LF
  REQUIRE(message);
  CHECK(message->body == "body");
}

TEST_CASE("text() of a message parses back to itself") {
  SipMessage message{SipRequestLine{"MESSAGE", "sip:alice@ims.lab"}, {}, "a\0b\r\n\r\nc"s};
  message.headers.add("To", "<sip:alice@ims.lab>");
  message.headers.add("Content-Length", "4711");
  CHECK(message.text() ==
        "MESSAGE sip:alice@ims.lab SIP/2.0\r\nTo: <sip:alice@ims.lab>\r\nContent-Length: 8\r\n\r\na\0b\r\n\r\nc"s);
  const auto again = SipMessage::parse(message.text());
  REQUIRE(again);
  CHECK(again->body == message.body);
  CHECK(again->text() == message.text());
  CHECK(SipMessage{SipStatusLine{404, "Not Found"}, {}, ""}.text() == "SIP/2.0 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("a line break in a value of ours cannot begin another header") {
  SipMessage message{SipRequestLine{"MESSAGE", "sip:a@b"}, {}, ""};
  message.headers.add("Subject", "x\r\nRoute: <sip:evil>");
  const auto again = SipMessage::parse(message.text());
  REQUIRE(again);
  CHECK_FALSE(again->headers.has("Route"));
  CHECK(again->headers.get("Subject") == "x  Route: <sip:evil>");
}

TEST_CASE("header names compare without case and in compact form") {
  SipHeaders headers;
  headers.add("o", "oma-push");
  headers.add("Route", "<sip:b>");
  headers.add("Route", "<sip:c>,<sip:d>");
  CHECK(headers.get("Event") == "oma-push");
  CHECK(headers.get("O") == "oma-push");
  CHECK_FALSE(headers.has("Allow-Events"));
  headers.add_first("route", "<sip:a>");
  CHECK(headers.list("ROUTE") == std::vector<std::string_view>{"<sip:a>", "<sip:b>", "<sip:c>", "<sip:d>"});
  CHECK(headers.all("Route").size() == 3);
  headers.set("Route", "<sip:e>");
  CHECK(headers.all("Route") == std::vector<std::string_view>{"<sip:e>"});
  headers.set("New", "1");
  CHECK(headers.get("new") == "1");
  CHECK(headers.remove("event") == 1);
  CHECK(headers.fields().size() == 2);
  headers.add_first("First", "x");
  CHECK(headers.fields().back().name == "First");
  for (const char c : std::string_view("abcdefijklmnorstuvxy")) {
    const auto full = expand_compact_name(std::string_view(&c, 1));
    CHECK(full.size() > 1);
    CHECK(same_header_name(full, std::string_view(&c, 1)));
  }
  CHECK(expand_compact_name("i") == "Call-ID");
  CHECK(expand_compact_name("z") == "z");
}

TEST_CASE("reason phrases") {
  CHECK(sip_reason_phrase(200) == "OK");
  CHECK(sip_reason_phrase(489) == "Bad Event");
  CHECK(sip_reason_phrase(499) == "Unknown");
}
