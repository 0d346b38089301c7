// What a receiver can take: facts of each source, and which of them win. sip-push.md 8.3, F-9.
#include "capability/capabilities.h"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>

#include "capability/capability_sources.h"

using namespace herald;
using namespace herald::push;
using namespace std::chrono_literals;

namespace {

const WallTime kNow{1767225600s};
constexpr const char* kPhone = "sip:ue@127.0.0.1:6101";
constexpr const char* kWatch = "sip:ue@127.0.0.1:6102";

CapabilityFact fact(FactSource source, bool supported, std::string value = "image/png") {
  CapabilityFact out;
  out.kind = FactKind::type;
  out.value = std::move(value);
  out.supported = supported;
  out.source = source;
  out.learned = kNow;
  return out;
}

Support takes_png(const std::vector<CapabilityFact>& facts, std::string_view contact = {}, std::string_view app = {}) {
  return merge_facts(facts, contact, app, kNow).takes_type("image/png");
}

// Whatever they say, and in whichever order they are known: the word of `higher` counts.
void check_outranks(FactSource higher, FactSource lower) {
  CAPTURE(to_string(higher));
  CAPTURE(to_string(lower));
  for (const bool word : {true, false}) {
    if (word && higher == FactSource::failure) continue;  // (a) is negative only
    const auto above = fact(higher, word);
    const auto below = fact(lower, !word);
    const auto expected = word ? Support::yes : Support::no;
    CHECK(takes_png({above, below}) == expected);
    CHECK(takes_png({below, above}) == expected);
    auto newer = below;  // age does not matter between sources
    newer.learned = kNow + 1h;
    CHECK(takes_png({newer, above}) == expected);
  }
}

bool contains(const std::vector<CapabilityFact>& facts, FactKind kind, std::string_view value, bool supported = true) {
  return std::any_of(facts.begin(), facts.end(),
                     [&](const auto& each) { return each.kind == kind && each.value == value && each.supported == supported; });
}

RegisteredContact contact(std::string uri, std::string_view params) {
  RegisteredContact out;
  out.uri = std::move(uri);
  out.params = *SipParams::parse(params);
  out.expires = kNow + 600s;
  return out;
}

std::vector<CapabilityFact> tags(std::string_view params) {
  Registration registration;
  registration.user = "sip:alice@ims.lab";
  registration.updated = kNow;
  registration.contacts.push_back(contact(kPhone, params));
  return facts_of(registration);
}

SipMessage options_answer(const std::string& headers, const std::string& body = {}) {
  return *SipMessage::parse("SIP/2.0 200 OK\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                            body);
}

CapabilityFailure failure(int status) {
  CapabilityFailure out;
  out.status = status;
  out.type = "image/webp";
  out.size = 900;
  return out;
}

Capabilities after(const CapabilityFailure& what, std::vector<CapabilityFact> others = {}) {
  auto facts = facts_of(what, {}, {}, kNow);
  facts.insert(facts.end(), others.begin(), others.end());
  return merge_facts(facts, {}, "news.ua", kNow);
}

}  // namespace

TEST_CASE("a learned failure outranks registration tags (8.3 a>b, F-9)") {
  check_outranks(FactSource::failure, FactSource::registration);
}
TEST_CASE("registration tags outrank the answer to OPTIONS (8.3 b>c, F-9)") {
  check_outranks(FactSource::registration, FactSource::options);
}
TEST_CASE("the answer to OPTIONS outranks published presence (8.3 c>d, F-9)") {
  check_outranks(FactSource::options, FactSource::published);
}
TEST_CASE("published presence outranks the provisioned profile (8.3 d>e, F-9)") {
  check_outranks(FactSource::published, FactSource::provisioned);
}
TEST_CASE("the provisioned profile outranks what the initiator asserts (8.3 e>f, F-9)") {
  check_outranks(FactSource::provisioned, FactSource::initiator);
}
TEST_CASE("what the initiator asserts outranks the service default (8.3 f>g, F-9)") {
  check_outranks(FactSource::initiator, FactSource::service_default);
}
TEST_CASE("the order of sources is total: every higher one outranks every lower one (8.3, F-9)") {
  constexpr std::array kSources{FactSource::failure,        FactSource::registration, FactSource::options,
                                FactSource::published,      FactSource::provisioned,  FactSource::initiator,
                                FactSource::service_default};
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    for (std::size_t j = i + 1; j < kSources.size(); ++j) check_outranks(kSources.at(i), kSources.at(j));
  }
}

TEST_CASE("within a source negative beats positive (8.3, F-9)") {
  auto yes = fact(FactSource::published, true);
  yes.learned = kNow + 1min;
  CHECK(takes_png({yes, fact(FactSource::published, false)}) == Support::no);
  CHECK(takes_png({fact(FactSource::published, false), yes}) == Support::no);
}

TEST_CASE("within a source a fact about the contact beats one about the user (8.3, F-9)") {
  auto mine = fact(FactSource::options, true);
  mine.contact = kPhone;
  const std::vector<CapabilityFact> facts{fact(FactSource::options, false), mine};
  CHECK(takes_png(facts, kPhone) == Support::yes);
  CHECK(takes_png(facts, kWatch) == Support::no);
  CHECK(takes_png(facts) == Support::no);  // a forked request may reach either
}

TEST_CASE("contacts are the same when their URIs are, written in another way (8.3)") {
  auto mine = fact(FactSource::options, true);
  mine.contact = "sip:ue@EXAMPLE.net;transport=udp";
  CHECK(takes_png({mine}, "sip:ue@example.net;Transport=UDP") == Support::yes);
  CHECK(takes_png({mine}, "sip:ue2@example.net") == Support::unknown);
}

TEST_CASE("at equal rank newer beats older, and the winner is the one that is shown (8.3, F-9)") {
  CapabilityFact small = fact(FactSource::provisioned, true, "1000");
  small.kind = FactKind::max_size;
  CapabilityFact large = small;
  large.value = "9000";
  large.learned = kNow + 1min;
  for (const auto& facts : {std::vector{small, large}, std::vector{large, small}}) {
    const auto merged = merge_facts(facts, {}, {}, kNow);
    CHECK(merged.max_size() == 9000);
    CHECK(merged.facts == std::vector{large});
  }
}

TEST_CASE("a fact about the application beats one about any, and does not concern others (8.3)") {
  auto news = fact(FactSource::provisioned, false);
  news.application = "news.*";
  const std::vector<CapabilityFact> facts{fact(FactSource::provisioned, true), news};
  CHECK(takes_png(facts, {}, "news.ua") == Support::no);
  CHECK(takes_png(facts, {}, "mms.ua") == Support::yes);
}

TEST_CASE("a fact that ran out is gone at that moment (PS-106)") {
  auto told = fact(FactSource::published, true);
  told.valid_until = kNow + 60s;
  CHECK(merge_facts({told}, {}, {}, kNow + 60s - 1ms).takes_type("image/png") == Support::yes);
  CHECK(merge_facts({told}, {}, {}, kNow + 60s).takes_type("image/png") == Support::unknown);
}

TEST_CASE("media ranges: the exact type goes before image/*, that before */* (F-9)") {
  const std::vector<CapabilityFact> facts{fact(FactSource::options, false, "*/*"), fact(FactSource::options, true, "image/*"),
                                          fact(FactSource::options, false, "image/tiff")};
  const auto merged = merge_facts(facts, {}, {}, kNow);
  CHECK(merged.takes_type("image/png") == Support::yes);
  CHECK(merged.takes_type("IMAGE/PNG;name=x") == Support::yes);
  CHECK(merged.takes_type("image/tiff") == Support::no);
  CHECK(merged.takes_type("video/mp4") == Support::no);
  CHECK(merged.knows_types());
}

TEST_CASE("text/plain is taken whatever a list leaves out, until it is refused by name (PR-7)") {
  const std::vector<CapabilityFact> list{fact(FactSource::options, true), fact(FactSource::options, false, "*/*")};
  CHECK(merge_facts(list, {}, {}, kNow).takes_type("text/plain;charset=utf-8") == Support::yes);
  CHECK(merge_facts({}, {}, {}, kNow).takes_type("text/plain") == Support::yes);
  CHECK(merge_facts({fact(FactSource::failure, false, "text/plain")}, {}, {}, kNow).takes_type("text/plain") == Support::no);
}

TEST_CASE("the service default is text/plain, identity, pager only, and is no knowledge (8.3 g)") {
  const auto merged = merge_facts(default_facts(1300), {}, "news.ua", kNow);
  CHECK(merged.takes_type("text/plain") == Support::yes);
  CHECK(merged.takes_type("image/png") == Support::unknown);
  CHECK(merged.takes_encoding("identity") == Support::yes);
  CHECK(merged.takes_encoding("gzip") == Support::unknown);
  CHECK(merged.takes_mode(DeliveryMode::pager) == Support::yes);
  CHECK(merged.takes_mode(DeliveryMode::msrp) == Support::unknown);
  CHECK_FALSE(merged.max_size());
  CHECK_FALSE(merged.knows_types());
}

// -- (b) -----------------------------------------------------------------------------------------------------------------------

TEST_CASE("feature tags of a registered contact become facts until it expires (PS-100, PS-101)") {
  const auto facts = tags(
      ";methods=\"MESSAGE,INVITE,!BYE\";events=\"oma-push\";type=\"<image/png>\";schemes=\"sip,tel\";extensions=\"pref\""
      ";+g.oma.pusheventapp=\"News.ua,mms.ua\";mobility=\"mobile\";automata;audio=\"FALSE\";message;q=0.5;expires=600"
      ";+sip.instance=\"<urn:uuid:1>\";reg-id=1");
  CHECK(contains(facts, FactKind::method, "MESSAGE"));
  CHECK(contains(facts, FactKind::method, "BYE", false));
  CHECK(contains(facts, FactKind::event, "oma-push"));
  CHECK(contains(facts, FactKind::type, "image/png"));
  CHECK(contains(facts, FactKind::scheme, "tel"));
  CHECK(contains(facts, FactKind::extension, "pref"));
  CHECK(contains(facts, FactKind::application, "news.ua"));
  CHECK(contains(facts, FactKind::application, "mms.ua"));
  CHECK(contains(facts, FactKind::feature, "mobility=mobile"));  // PS-13
  CHECK(contains(facts, FactKind::feature, "automata"));
  CHECK(contains(facts, FactKind::feature, "audio", false));
  CHECK(contains(facts, FactKind::mode, "pager"));
  CHECK(contains(facts, FactKind::mode, "msrp"));
  CHECK(contains(facts, FactKind::mode, "indirection", false));  // message/external-body is not among its types
  for (const auto& each : facts) {
    CHECK(each.source == FactSource::registration);
    CHECK(each.contact == kPhone);
    CHECK(each.valid_until == kNow + 600s);
    CHECK(each.value.find("uuid") == std::string::npos);
  }
  const auto merged = merge_facts(facts, kPhone, "news.ua", kNow);
  CHECK(merged.takes_method("message") == Support::yes);
  CHECK(merged.takes_method("REFER") == Support::no);  // a list names all there is
  CHECK(merged.takes_event("oma-push") == Support::yes);
  CHECK(merged.takes_event("presence") == Support::no);
  CHECK(merged.takes_application("ulp.ua") == Support::no);
  CHECK(merged.takes_type("image/jpeg") == Support::no);
}

TEST_CASE("methods without MESSAGE rule the pager mode out; no tags say nothing (PS-100)") {
  CHECK(merge_facts(tags(";methods=\"INVITE,BYE\""), kPhone, {}, kNow).takes_mode(DeliveryMode::pager) == Support::no);
  CHECK(tags(";expires=600;q=1.0").empty());
}

TEST_CASE("feature tags that are nonsense are left out, and there is an end to how many are kept (PS-100, S-10)") {
  const auto odd = tags(";methods=\"\";type=\"png,a/b/c,/x,x/\";events=\",,\";+g.x=\"<>\";schemes");
  CHECK(std::none_of(odd.begin(), odd.end(), [](const auto& each) { return each.kind == FactKind::type; }));
  std::string many = ";events=\"";
  for (int i = 0; i < 5000; ++i) many += "e" + std::to_string(i) + ",";
  CHECK(tags(many + "z\"").size() <= kMaxFacts);
  CHECK(tags(";events=\"" + std::string(kMaxFactValue + 1, 'x') + "\"").empty());
}

// -- (c) -----------------------------------------------------------------------------------------------------------------------

TEST_CASE("the 200 to OPTIONS: Accept, Accept-Encoding, Allow, Supported, Allow-Events and Contact tags (PS-104)") {
  const auto answer = options_answer(
      "Accept: text/plain, image/*;q=0.8, video/mp4;q=0, message/external-body\r\nAccept-Encoding: gzip\r\n"
      "Allow: INVITE, ACK, MESSAGE\r\nSupported: gruu\r\nAllow-Events: oma-push, presence\r\n"
      "Contact: <sip:ue@127.0.0.1:6101>;+g.oma.pusheventapp=\"news.ua\";message\r\n");
  const auto facts = facts_of_options(answer, kPhone, kNow);
  const auto merged = merge_facts(facts, kPhone, "news.ua", kNow);
  CHECK(merged.takes_type("image/png") == Support::yes);
  CHECK(merged.takes_type("video/mp4") == Support::no);
  CHECK(merged.takes_type("audio/amr") == Support::no);
  CHECK(merged.takes_encoding("gzip") == Support::yes);
  CHECK(merged.takes_encoding("deflate") == Support::no);
  CHECK(merged.takes_method("MESSAGE") == Support::yes);
  CHECK(merged.takes_method("REFER") == Support::no);
  CHECK(merged.takes_extension("gruu") == Support::yes);
  CHECK(merged.takes_extension("timer") == Support::no);
  CHECK(merged.takes_event("presence") == Support::yes);
  CHECK(merged.takes_event("reg") == Support::unknown);  // Allow-Events is about its notifier's side
  CHECK(merged.takes_application("news.ua") == Support::yes);
  CHECK(merged.takes_mode(DeliveryMode::pager) == Support::yes);
  CHECK(merged.takes_mode(DeliveryMode::indirection) == Support::yes);
  CHECK(merged.takes_mode(DeliveryMode::msrp) == Support::yes);
  CHECK(merged.knows_types());
  for (const auto& each : facts) {
    CHECK(each.source == FactSource::options);
    CHECK(each.contact == kPhone);
    CHECK(each.valid_until == kNow + 24h);  // 8.3 c
  }
}

TEST_CASE("a 200 to OPTIONS that says nothing gives no facts; an empty Accept-Encoding means identity (PS-104)") {
  CHECK(facts_of_options(options_answer("Server: x\r\n"), kPhone, kNow).empty());
  const auto facts = facts_of_options(options_answer("Accept-Encoding: \r\n"), kPhone, kNow);
  CHECK(merge_facts(facts, kPhone, {}, kNow).takes_encoding("gzip") == Support::no);
}

TEST_CASE("a session description with MSRP in the 200 to OPTIONS means that sessions are taken (PS-104)") {
  const auto facts =
      facts_of_options(options_answer("Content-Type: application/sdp\r\n", "v=0\r\nm=message 2855 TCP/MSRP *\r\n"), kPhone, kNow);
  CHECK(merge_facts(facts, kPhone, {}, kNow).takes_mode(DeliveryMode::msrp) == Support::yes);
}

// -- (e) -----------------------------------------------------------------------------------------------------------------------

TEST_CASE("the profile in the HSS tells types, size and pager mode of an application (PS-105, 8.3 e)") {
  const auto profile = parse_push_profile(
      R"(<push-profile xmlns="urn:example:push-profile:1" version="1"><consent state="granted"/>)"
      R"(<application id="news.ua" max-bytes="500" modes="msrp"><content-type>text/html</content-type></application>)"
      R"(</push-profile>)");
  REQUIRE(profile);
  const auto facts = facts_of(*profile);
  const auto news = merge_facts(facts, {}, "news.ua", kNow);
  CHECK(news.takes_type("text/html") == Support::yes);
  CHECK(news.takes_type("image/png") == Support::no);
  CHECK(news.max_size() == 500);
  CHECK(news.takes_mode(DeliveryMode::pager) == Support::no);
  CHECK(merge_facts(facts, {}, "mms.ua", kNow).facts.empty());
}

// -- (a) -----------------------------------------------------------------------------------------------------------------------

TEST_CASE("415 with Accept: what it does not list is refused, what it lists is not (section 7, F-9)") {
  auto what = failure(415);
  what.accept = {"image/jpeg", "text/*"};
  const auto merged = after(what);
  CHECK(merged.takes_type("image/webp") == Support::no);
  CHECK(merged.takes_type("image/png") == Support::no);
  CHECK(merged.takes_type("image/jpeg") == Support::yes);
  CHECK(merged.takes_type("text/html") == Support::yes);
  CHECK(merged.takes_type("text/plain") == Support::yes);
  CHECK(merged.knows_types());
}

TEST_CASE("the list of a refusal never turns another source's no into a yes: (a) is negative only (8.3 a)") {
  auto what = failure(415);
  what.accept = {"image/jpeg"};
  CHECK(after(what, {fact(FactSource::registration, false, "image/jpeg")}).takes_type("image/jpeg") == Support::no);
  CHECK(after(what, {fact(FactSource::registration, true, "image/jpeg")}).takes_type("image/jpeg") == Support::yes);
  CHECK(after(what, {fact(FactSource::registration, true, "image/png")}).takes_type("image/png") == Support::no);
}

TEST_CASE("415 without Accept refuses that type alone, and does not count as knowing types (section 7, 8.6)") {
  const auto merged = after(failure(415));
  CHECK(merged.takes_type("image/webp") == Support::no);
  CHECK(merged.takes_type("image/png") == Support::unknown);
  CHECK_FALSE(merged.knows_types());
}

TEST_CASE("415 whose Accept names the refused type: the refusal is what happened (section 7)") {
  auto what = failure(415);
  what.accept = {"image/webp", "image/png"};
  CHECK(after(what).takes_type("image/webp") == Support::no);
  CHECK(after(what).takes_type("image/png") == Support::yes);
}

TEST_CASE("415 with Accept-Encoding is about the encoding, not the type (section 7)") {
  auto what = failure(415);
  what.accept_encoding = {"identity"};
  const auto merged = after(what);
  CHECK(merged.takes_encoding("gzip") == Support::no);
  CHECK(merged.takes_encoding("identity") == Support::yes);
  CHECK(merged.takes_type("image/webp") == Support::unknown);
}

TEST_CASE("415 to an external body: without it in Accept the mode is refused, with it the inner type (PS-33)") {
  auto what = failure(415);
  what.mode = DeliveryMode::indirection;
  what.accept = {"text/plain"};
  CHECK(after(what).takes_mode(DeliveryMode::indirection) == Support::no);
  what.accept = {"message/external-body", "text/plain"};
  CHECK(after(what).takes_mode(DeliveryMode::indirection) == Support::unknown);
  CHECK(after(what).takes_type("image/webp") == Support::no);
}

TEST_CASE("413 and 513 lower the known size below what was refused; the smallest refusal counts (section 7, PS-33)") {
  for (const int status : {413, 513}) CHECK(after(failure(status)).max_size() == 899);
  auto smaller = failure(413);
  smaller.size = 400;
  CHECK(after(failure(413), facts_of(smaller, {}, {}, kNow)).max_size() == 399);
  CapabilityFact told = fact(FactSource::provisioned, true, "600");
  told.kind = FactKind::max_size;
  CHECK(after(failure(413), {told}).max_size() == 600);
}

TEST_CASE("488 and 606 to an INVITE refuse sessions, to a MESSAGE that content (section 7)") {
  for (const int status : {488, 606}) {
    auto what = failure(status);
    what.mode = DeliveryMode::msrp;
    CHECK(after(what).takes_mode(DeliveryMode::msrp) == Support::no);
    CHECK(after(what).takes_type("image/webp") == Support::unknown);
    CHECK(after(failure(status)).takes_type("image/webp") == Support::no);
    CHECK(after(failure(status)).takes_mode(DeliveryMode::pager) == Support::unknown);
  }
}

TEST_CASE("420 refuses the extensions that Unsupported names; 405 and 501 the method (8.3 a)") {
  auto what = failure(420);
  what.unsupported = {"recipient-list-message"};
  CHECK(after(what).takes_extension("recipient-list-message") == Support::no);
  CHECK(after(failure(405)).takes_mode(DeliveryMode::pager) == Support::no);
  CHECK(after(failure(501)).takes_mode(DeliveryMode::pager) == Support::no);
}

TEST_CASE("answers that are no capability errors teach nothing (8.3 a)") {
  for (const int status : {200, 403, 404, 480, 486, 500, 503, 603}) CHECK(facts_of(failure(status), {}, {}, kNow).empty());
}

TEST_CASE("what a failure teaches holds 24 h, for its contact and application (8.3 a, section 7)") {
  const auto facts = facts_of(failure(415), kPhone, "news.ua", kNow);
  REQUIRE(facts.size() == 1);
  CHECK(facts.front().valid_until == kNow + 24h);
  CHECK(takes_png(facts_of(failure(415), kPhone, "news.ua", kNow), kPhone, "news.ua") == Support::unknown);
  const auto type = [&](std::string_view contact_uri, std::string_view app) {
    return merge_facts(facts, contact_uri, app, kNow).takes_type("image/webp");
  };
  CHECK(type(kPhone, "news.ua") == Support::no);
  CHECK(type(kWatch, "news.ua") == Support::unknown);
  CHECK(type(kPhone, "mms.ua") == Support::unknown);
}

TEST_CASE("a contact is found by its URI and by its GRUUs (PS-101, PS-104)") {
  Registration registration;
  registration.contacts.push_back(contact(kPhone, ";pub-gruu=\"sip:alice@ims.lab;gr=1\";temp-gruu=\"sip:t1@ims.lab;gr\""));
  registration.contacts.push_back(contact(kWatch, ""));
  REQUIRE(find_contact(registration, "sip:alice@ims.lab;gr=1") != nullptr);
  CHECK(find_contact(registration, "sip:alice@ims.lab;gr=1")->uri == kPhone);
  CHECK(find_contact(registration, "sip:t1@ims.lab;gr")->uri == kPhone);
  CHECK(find_contact(registration, kWatch)->uri == kWatch);
  CHECK(find_contact(registration, "sip:alice@ims.lab") == nullptr);
}
