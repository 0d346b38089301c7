#include "herald/sip_uri.h"

#include <doctest/doctest.h>

using namespace herald;

namespace {
bool equal(const char* a, const char* b) {
  const auto left = SipUri::parse(a);
  const auto right = SipUri::parse(b);
  REQUIRE_MESSAGE(left, a);
  REQUIRE_MESSAGE(right, b);
  CHECK(left->equals(*left));
  CHECK(left->equals(*right) == right->equals(*left));
  return left->equals(*right);
}
}  // namespace

TEST_CASE("a SIP URI is taken apart and put together again") {
  const auto uri = SipUri::parse("sips:al%69ce;day=1:se+cret@[2001:db8::1]:5071;transport=TLS;lr?Subject=hi%20there&a=b");
  REQUIRE(uri);
  CHECK(uri->scheme == "sips");
  CHECK(uri->user == "al%69ce;day=1");
  CHECK(uri->password == "se+cret");
  CHECK(uri->host == "[2001:db8::1]");
  CHECK(uri->port == 5071);
  CHECK(uri->params.get("TRANSPORT") == "TLS");
  CHECK(uri->params.has("lr"));
  CHECK(uri->headers == "Subject=hi%20there&a=b");
  CHECK(uri->text() == "sips:al%69ce;day=1:se+cret@[2001:db8::1]:5071;transport=TLS;lr?Subject=hi%20there&a=b");
}

TEST_CASE("text() of a parsed URI is what was parsed") {
  for (const char* text :
       {"sip:alice@ims.lab", "sip:127.0.0.1:6060;lr", "sip:iscmark@127.0.0.1:6060;lr;s=2;h=0;d=0;a=7369703a616c69",
        "tel:+34-600-1", "tel:7042;phone-context=example.com", "sip:push!.*!@ims.lab", "urn:service:sos",
        "sip:as1.ims.lab;lr;app=push;sess=reg"}) {
    const auto uri = SipUri::parse(text);
    REQUIRE_MESSAGE(uri, text);
    CHECK(uri->text() == text);
  }
}

TEST_CASE("what is no URI is an error, not a guess") {
  for (const char* text : {"",
                           "alice",
                           ":alice@a",
                           "sip:",
                           "sip:@ims.lab",
                           "sip:alice@",
                           "sip:alice@ims.lab@evil.example",
                           "sip:a b@ims.lab",
                           "sip:alice@ims.lab:",
                           "sip:alice@ims.lab:0",
                           "sip:alice@ims.lab:65536",
                           "sip:alice@ims.lab:5060x",
                           "sip:alice@ims.lab:-1",
                           "sip:al%4@ims.lab",
                           "sip:al%zz@ims.lab",
                           "sip:alice@[::1",
                           "sip:alice@[::g]",
                           "sip:alice@ims..lab",
                           "sip:alice@ims.lab?",
                           "sip:alice@ims.lab\r\nRoute: <sip:x>",
                           "sip:alice@ims.lab;x=\"a b\"",
                           "sip:alice<@ims.lab",
                           "sip:alice@ims.lab, tel:+15551000001",
                           "sip:alice@ims.lab;transport=udp;Transport=tcp",
                           "tel:7042;ext=1;ext=2",
                           "tel:",
                           "tel:+",
                           "tel:+1a",
                           "tel:--",
                           "1sip:a@b",
                           "mailto:a b"}) {
    INFO(text);
    CHECK_FALSE(SipUri::parse(text));
  }
  CHECK(SipUri::parse(std::string(9000, 'a')).error().code == ErrorCode::too_large);
  CHECK_FALSE(SipUri::parse(std::string_view("sip:a\0b@c", 9)));
}

TEST_CASE("RFC 3261 19.1.4: URIs that are equal") {
  CHECK(equal("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"));
  CHECK(equal("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
  CHECK(equal("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"));
  CHECK(equal("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"));
  CHECK(equal("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
              "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"));
  CHECK(equal("sip:alice@atlanta.com?subject=project%20x&priority=urgent",
              "sip:alice@atlanta.com?priority=urgent&subject=project%20x"));
  CHECK(equal("sip:a@[2001:db8:0::1]", "sip:a@[2001:DB8::1]"));
  CHECK(equal("SIP:a@b.c", "sip:a@b.c"));
}

TEST_CASE("RFC 3261 19.1.4: URIs that differ") {
  CHECK_FALSE(equal("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"));
  CHECK_FALSE(equal("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"));
  CHECK_FALSE(equal("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"));
  CHECK_FALSE(equal("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"));
  CHECK_FALSE(equal("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"));
  CHECK_FALSE(equal("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"));
  CHECK_FALSE(equal("sip:alice@a.com", "sips:alice@a.com"));
  CHECK_FALSE(equal("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"));
  CHECK_FALSE(equal("sip:a@b;user=phone", "sip:a@b"));
  CHECK_FALSE(equal("sip:a@b;maddr=1.2.3.4", "sip:a@b"));
  CHECK_FALSE(equal("sip:a@b;ttl=1", "sip:a@b"));
  CHECK_FALSE(equal("sip:a%40b@c", "sip:a@c"));
  CHECK_FALSE(equal("sip:a%3Bb@c", "sip:a;b@c"));  // reserved: escaped and plain differ
  CHECK_FALSE(equal("sip:a:x@b", "sip:a@b"));
}

TEST_CASE("RFC 3966 5: equality of tel URIs") {
  CHECK(equal("tel:+1-(555).100", "tel:+1555100"));
  CHECK(equal("tel:7042;phone-context=Example.com", "TEL:70-42;phone-context=example.COM"));
  CHECK(equal("tel:1;phone-context=+1-2;ext=3", "tel:1;ext=3;phone-context=+12"));
  CHECK_FALSE(equal("tel:+1555100", "tel:1555100"));
  CHECK_FALSE(equal("tel:+1555100;x=1", "tel:+1555100"));
  CHECK_FALSE(equal("tel:+1555100", "sip:+1555100@ims.lab;user=phone"));
}

TEST_CASE("the canonical form is the key of a user. PA-5, SH-51") {
  const auto canonical = [](const char* text) { return canonical_identity(text); };
  CHECK(canonical("SIP:Alice@IMS.Lab:5060;transport=tcp?x=y") == "sip:Alice@ims.lab");
  CHECK(canonical("sip:%61lice:pw@ims.lab") == "sip:alice@ims.lab");
  CHECK(canonical("sip:al%0aice@ims.lab") == "sip:al%0Aice@ims.lab");
  CHECK(canonical("sip:alice@ims.lab:5070") == "sip:alice@ims.lab:5070");
  CHECK(canonical("sips:alice@ims.lab:5061") == "sips:alice@ims.lab");
  CHECK(canonical("tel:+1 555") == "tel:+1 555");  // no URI: left as it is
  CHECK(canonical("tel:+1-555-100.1;x=y") == "tel:+15551001");
  CHECK(canonical("tel:70-42;phone-context=Example.com") == "tel:7042;phone-context=example.com");
  CHECK(canonical(" sip:alice@ims.lab ") == "sip:alice@ims.lab");
  CHECK(canonical("sip:ims.lab.") == "sip:ims.lab");
}

TEST_CASE("parameters keep order, quotes and the difference between no value and an empty one") {
  auto params = SipParams::parse(";lr ; tag = 98asjd8;+sip.instance=\"<urn:uuid:1;2>\";e=;;q=0.5;");
  REQUIRE(params);
  CHECK(params->text() == ";lr;tag=98asjd8;+sip.instance=\"<urn:uuid:1;2>\";e=;q=0.5");
  CHECK(params->get("LR") == "");
  CHECK_FALSE(params->all()[0].value);
  CHECK(params->all()[3].value == "");
  CHECK_FALSE(params->get("x"));
  params->set("TAG", "1");
  params->set("new");
  CHECK(params->remove("lr"));
  CHECK_FALSE(params->remove("lr"));
  CHECK(params->text() == ";tag=1;+sip.instance=\"<urn:uuid:1;2>\";e=;q=0.5;new");
  for (const char* bad : {"x", ";=1", ";a=\"b", ";a=b c", ";a=b,c", ";a=<b>", ";a=\"\x01\"", ";a\x01=b"}) {
    INFO(bad);
    CHECK_FALSE(SipParams::parse(bad));
  }
  std::string many;
  for (int i = 0; i < 200; ++i) many += ";a";
  CHECK(SipParams::parse(many).error().code == ErrorCode::too_large);
}

TEST_CASE("a name-addr in all its spellings") {
  auto address = NameAddr::parse("\"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com> ; tag = 98asjd8");  // RFC 4475 3.1.1.1
  REQUIRE(address);
  CHECK(address->display == "J Rosenberg \\\"");
  CHECK(address->uri == "sip:jdrosen@example.com");
  CHECK(address->params.get("tag") == "98asjd8");
  CHECK(address->text() == "\"J Rosenberg \\\\\\\"\" <sip:jdrosen@example.com>;tag=98asjd8");

  address = NameAddr::parse("Alice in Chains <sip:a@b;lr>;x");
  REQUIRE(address);
  CHECK(address->display == "Alice in Chains");
  CHECK(address->uri == "sip:a@b;lr");
  CHECK(address->params.has("x"));

  address = NameAddr::parse("sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n");
  REQUIRE(address);
  CHECK(address->uri == "sip:vivekg@chair-dnrc.example.com");
  CHECK(address->params.get("tag") == "1918181833n");

  address = NameAddr::parse("*");
  REQUIRE(address);
  CHECK(address->text() == "*");

  for (const char* bad : {"", "<>", "< >", "<sip:a@b", "\"x <sip:a@b>", "\"x\" sip:a@b", "<sip:a@b> x", "<sip:a@b, tel:+1>",
                          "sip:a@b?x=y", "<sip:a@b>;=", "<sip:a\r\n@b>"}) {
    INFO(bad);
    CHECK_FALSE(NameAddr::parse(bad));
  }
}

TEST_CASE("commas inside quotes and brackets do not separate") {
  const auto parts = split_header_list(" \"a, \\\" b\" <sip:x,y@z> , <sip:b>;p=\"1,2\",, sip:c ,");
  REQUIRE(parts.size() == 3);
  CHECK(parts[0] == "\"a, \\\" b\" <sip:x,y@z>");
  CHECK(parts[1] == "<sip:b>;p=\"1,2\"");
  CHECK(parts[2] == "sip:c");
  CHECK(split_header_list("").empty());
  CHECK(split_header_list("a, \"b, c").size() == 2);
  CHECK(split_header_list("<a, b").size() == 1);
  const auto list = NameAddr::parse_list("<sip:127.0.0.1:5065;lr>, <sip:iscmark@127.0.0.1:6060;lr;s=2;h=0;d=0;a=73>");
  REQUIRE(list);
  CHECK(list->at(1).raw == "<sip:iscmark@127.0.0.1:6060;lr;s=2;h=0;d=0;a=73>");
}

TEST_CASE("P-Associated-URI is read also as a lab S-CSCF malforms it. AS-17") {
  using List = std::vector<std::string>;
  CHECK(parse_associated_uris("<sip:alice@ims.lab, tel:+15551000001>") == List{"sip:alice@ims.lab", "tel:+15551000001"});
  CHECK(parse_associated_uris("<sip:alice@ims.lab>, \"A, B\" <tel:+15551000001>;x=y") ==
        List{"sip:alice@ims.lab", "tel:+15551000001"});
  CHECK(parse_associated_uris("<sip:alice@ims.lab>") == List{"sip:alice@ims.lab"});
  CHECK(parse_associated_uris("<sip:alice@ims.lab;user=phone, junk, tel:+1>;x") ==
        List{"sip:alice@ims.lab;user=phone", "tel:+1"});
  CHECK(parse_associated_uris("\"unterminated <sip:a@b>").empty());
  CHECK(parse_associated_uris("").empty());
  CHECK(parse_associated_uris("<,,<>,>").empty());
}
