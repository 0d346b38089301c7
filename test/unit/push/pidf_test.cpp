// PIDF with SIP capabilities and OMA's service description, as it comes in PUBLISH and NOTIFY. PS-102.
#include "capability/pidf.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace herald;
using namespace herald::push;
using namespace std::chrono_literals;

namespace {

const WallTime kNow{1767225600s};
constexpr const char* kAlice = "sip:alice@ims.lab";

std::string presence(const std::string& inner) {
  return R"(<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:c="urn:ietf:params:xml:ns:pidf:caps" )"
         R"(xmlns:op="urn:oma:xml:prs:pidf:oma-pres" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" )"
         R"(xmlns:x="urn:example:other" entity="sip:alice@ims.lab">)" +
         inner + "</presence>";
}

std::string tuple(const std::string& inner, const std::string& basic = "open") {
  return "<tuple id=\"t1\"><status><basic>" + basic + "</basic></status>" + inner + "</tuple>";
}

std::vector<CapabilityFact> facts(const std::string& text) {
  const auto document = parse_pidf(text);
  REQUIRE(document);
  return facts_of(*document, kAlice, kNow, kNow + 600s);
}

Capabilities merged(const std::string& text, std::string_view contact = {}) {
  return merge_facts(facts(text), contact, "news.ua", kNow);
}

const std::string kFull = presence(
    tuple("<c:servcaps><c:audio>false</c:audio><c:message>true</c:message>"
          "<c:methods><c:supported><c:MESSAGE/><c:INVITE/></c:supported><c:notsupported><c:REFER/></c:notsupported></c:methods>"
          "<c:event-packages><c:supported><c:oma-push/></c:supported></c:event-packages>"
          "<c:extensions><c:supported><c:rel100/><c:gruu/></c:supported></c:extensions>"
          "<c:schemes><c:supported><c:s>sip</c:s></c:supported></c:schemes>"
          "<c:type><c:supported><c:t> text/plain </c:t><c:t>image/png</c:t></c:supported>"
          "<c:notsupported><c:t>video/*</c:t></c:notsupported></c:type>"
          "<c:duplex><c:supported><c:full/></c:supported></c:duplex><c:description>a phone</c:description></c:servcaps>"
          "<op:service-description><op:service-id>org.openmobilealliance:Push</op:service-id><op:version>1.0</op:version>"
          "</op:service-description><x:mood>good</x:mood>"
          "<contact priority=\"0.8\">sip:ue@127.0.0.1:6101</contact><timestamp>2025-12-31T23:00:00Z</timestamp>"));

}  // namespace

TEST_CASE("servcaps of RFC 5196 and the OMA service description become facts until the publication ends (PS-102, PS-103)") {
  const auto all = facts(kFull);
  const auto has = [&](FactKind kind, std::string_view value, bool supported = true) {
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& fact) { return fact.kind == kind && fact.value == value && fact.supported == supported; });
  };
  CHECK(has(FactKind::availability, "open"));
  CHECK(has(FactKind::feature, "audio", false));
  CHECK(has(FactKind::feature, "message"));
  CHECK(has(FactKind::method, "MESSAGE"));
  CHECK(has(FactKind::method, "REFER", false));
  CHECK(has(FactKind::event, "oma-push"));
  CHECK(has(FactKind::extension, "100rel"));
  CHECK(has(FactKind::extension, "gruu"));
  CHECK(has(FactKind::scheme, "sip"));
  CHECK(has(FactKind::type, "text/plain"));
  CHECK(has(FactKind::type, "image/png"));
  CHECK(has(FactKind::type, "video/*", false));
  CHECK(has(FactKind::feature, "duplex=full"));
  CHECK(has(FactKind::service, "org.openmobilealliance:Push/1.0"));
  CHECK(has(FactKind::mode, "pager"));
  CHECK(has(FactKind::mode, "msrp"));
  for (const auto& fact : all) {
    CHECK(fact.source == FactSource::published);
    CHECK(fact.contact == "sip:ue@127.0.0.1:6101");
    CHECK(fact.valid_until == kNow + 600s);
    CHECK(fact.learned == kNow - 1h);  // what the tuple says of itself
  }
  const auto known = merged(kFull, "sip:ue@127.0.0.1:6101");
  CHECK(known.takes_type("image/png") == Support::yes);
  CHECK(known.takes_type("video/mp4") == Support::no);
  CHECK(known.takes_type("audio/amr") == Support::no);
  CHECK(known.takes_mode(DeliveryMode::indirection) == Support::no);
  CHECK(known.knows_types());
}

TEST_CASE("a closed tuple says that the service is away, and nothing about what it could do (PS-102)") {
  const auto all = facts(presence(tuple("<c:servcaps><c:message>true</c:message></c:servcaps>", "closed")));
  REQUIRE(all.size() == 1);
  CHECK(all.front().kind == FactKind::availability);
  CHECK_FALSE(all.front().supported);
}

TEST_CASE(
    "a tuple whose contact is the user or an alias speaks about the user, one with a device's contact about that (PS-102)") {
  const auto contact_of = [](const std::string& uri) {
    return facts(presence(tuple("<contact>" + uri + "</contact>"))).front().contact;
  };
  CHECK(contact_of("sip:alice@ims.lab").empty());
  CHECK(contact_of("sip:alice@IMS.LAB;user=phone").empty());
  CHECK(contact_of("tel:+15551000001").empty());
  CHECK(contact_of("sip:alice@ims.lab;gr=urn:uuid:1") == "sip:alice@ims.lab;gr=urn:uuid:1");
  CHECK(contact_of("sip:alice@192.0.2.1:5060") == "sip:alice@192.0.2.1:5060");
  CHECK(facts(presence(tuple(""))).front().contact.empty());
}

TEST_CASE("several tuples: what one takes and the other leaves out is taken; an explicit no counts (PS-102, 8.3)") {
  const auto types = [](const std::string& list) { return tuple("<c:servcaps><c:type>" + list + "</c:type></c:servcaps>"); };
  const auto known = merged(presence(types("<c:supported><c:t>image/png</c:t><c:t>image/gif</c:t></c:supported>") +
                                     types("<c:supported><c:t>image/jpeg</c:t></c:supported>"
                                           "<c:notsupported><c:t>image/gif</c:t></c:notsupported>")));
  CHECK(known.takes_type("image/png") == Support::yes);
  CHECK(known.takes_type("image/jpeg") == Support::yes);
  CHECK(known.takes_type("image/gif") == Support::no);
  CHECK(known.takes_type("image/tiff") == Support::no);
}

TEST_CASE("device capabilities outside of tuples are about the user (PS-102)") {
  const auto all =
      facts(presence("<dm:device id=\"d\"><c:devcaps><c:mobility><c:supported><c:mobile/></c:supported></c:mobility>"
                     "</c:devcaps></dm:device>"));
  REQUIRE(all.size() == 1);
  CHECK(all.front().value == "mobility=mobile");
  CHECK(all.front().contact.empty());
}

TEST_CASE("any prefix is as good as another, and elements of other namespaces are left alone (PS-102)") {
  const std::string text =
      "<p:presence xmlns:p=\"urn:ietf:params:xml:ns:pidf\" entity=\"pres:alice@ims.lab\"><p:tuple id=\"1\"><p:status>"
      "<p:basic>open</p:basic></p:status><servcaps xmlns=\"urn:ietf:params:xml:ns:pidf:caps\"><text>true</text></servcaps>"
      "<servcaps xmlns=\"urn:example:else\"><video>true</video></servcaps></p:tuple></p:presence>";
  const auto all = facts(text);
  REQUIRE(all.size() == 2);
  CHECK(all.back().value == "text");
}

TEST_CASE("the namespace of OMA's service description is configuration (PS-102)") {
  const auto text = presence(tuple("<x:service-description><x:service-id>push</x:service-id></x:service-description>"));
  CHECK(parse_pidf(text)->tuples.front().capabilities.empty());
  CHECK(parse_pidf(text, "urn:example:other")->tuples.front().capabilities.front().value == "push");
}

TEST_CASE("what is no PIDF is refused: Error{invalid}, never more (PS-102, S-10)") {
  const auto bad = [](const std::string& text) {
    const auto document = parse_pidf(text);
    REQUIRE_FALSE(document);
    return document.error().code == ErrorCode::invalid;
  };
  CHECK(bad(""));
  CHECK(bad("hello"));
  CHECK(bad("<presence entity=\"sip:alice@ims.lab\"/>"));
  CHECK(bad("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"/>"));
  CHECK(bad(presence("<tuple><status/></tuple>")));
  CHECK(bad(presence("<tuple id=\"1\"/>")));
  CHECK(bad(presence(tuple("", "perhaps"))));
  CHECK(bad(presence("<tuple id=\"1\">")));
  CHECK(bad("<!DOCTYPE presence [<!ENTITY a \"b\">]>" + presence("")));
  CHECK(bad(presence(std::string(70000, ' '))));
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "<x:a>";
  for (int i = 0; i < 40; ++i) deep += "</x:a>";
  CHECK(bad(presence(deep)));
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "<x:a/>";
  CHECK(bad(presence(many)));
  std::string tuples;
  for (int i = 0; i < 33; ++i) tuples += tuple("");
  CHECK(bad(presence(tuples)));
  CHECK(bad(presence(tuple("<contact>sip:" + std::string(600, 'a') + "</contact>"))));
}

TEST_CASE("a presence document of many capabilities gives a bounded number of facts (S-10)") {
  std::string list;
  for (int i = 0; i < 2000; ++i) list += "<c:t>image/x" + std::to_string(i) + "</c:t>";
  const auto all = facts(presence(tuple("<c:servcaps><c:type><c:supported>" + list + "</c:supported></c:type></c:servcaps>")));
  CHECK(all.size() <= kMaxFacts);
  std::string tuples;
  for (int i = 0; i < 30; ++i) {
    list.clear();
    for (int j = 0; j < 50; ++j) list += "<c:t>image/x" + std::to_string(100 * i + j) + "</c:t>";
    tuples += tuple("<c:servcaps><c:type><c:supported>" + list + "</c:supported></c:type></c:servcaps>");
  }
  CHECK(facts(presence(tuples)).size() == kMaxFacts);
}
