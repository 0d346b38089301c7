#include "ims/reginfo.h"

#include <doctest/doctest.h>

#include "ims/registration_view_impl.h"

using namespace herald;
using namespace herald::ims;
using namespace std::chrono_literals;

namespace {

const WallTime kNow{std::chrono::milliseconds(1767225600000)};

std::string document(const std::string& registrations, const std::string& version = "1", const std::string& state = "full") {
  return "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" "
         "xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\" version=\"" +
         version + "\" state=\"" + state + "\">" + registrations + "</reginfo>";
}

std::string alice(const std::string& contacts, const std::string& state = "active") {
  return "<registration aor=\"sip:alice@ims.lab\" id=\"a7\" state=\"" + state + "\">" + contacts + "</registration>";
}

std::string contact(const std::string& event, const std::string& state = "active",
                    const std::string& uri = "sip:ue@10.0.0.1:5070", const std::string& inside = {}) {
  return "<contact id=\"76\" state=\"" + state + "\" event=\"" + event + "\" expires=\"300\" q=\"0.8\"><uri>" + uri + "</uri>" +
         inside + "</contact>";
}

Registration known() {
  Registration registration;
  registration.user = "sip:alice@ims.lab";
  registration.scscf = "sip:scscf.ims.lab:6060";
  registration.source = "third-party-register";
  registration.expires = kNow + 600s;
  registration.path = {"<sip:pcscf.ims.lab;lr>"};
  registration.associated = {"tel:+15551000001"};
  return registration;
}

std::optional<RegistrationChange> change_of(const std::string& xml, const Registration& base = known()) {
  const auto parsed = parse_reginfo(xml);
  REQUIRE(parsed.has_value());
  return registration_change(*parsed, base, kNow);
}

}  // namespace

TEST_CASE("reginfo: contacts with their events, feature tags and GRUUs (PS-101, AS-24)") {
  const auto parsed = parse_reginfo(
      document(alice(contact("registered", "active", "sip:ue@10.0.0.1:5070;transport=tcp",
                             "<display-name>Alice</display-name>"
                             "<unknown-param name=\"+sip.instance\">\"&lt;urn:uuid:1&gt;\"</unknown-param>"
                             "<unknown-param name=\"+g.oma.pusheventapp\">&quot;News.ua,mms.ua&quot;</unknown-param>"
                             "<unknown-param name=\"+g.3gpp.icsi-ref\">urn%3Aurn-7%3A3gpp</unknown-param>"
                             "<unknown-param name=\"reg-id\">1</unknown-param><unknown-param name=\"audio\"/>"
                             "<gr:pub-gruu uri=\"sip:alice@ims.lab;gr=urn:uuid:1\"/>"
                             "<gr:temp-gruu uri=\"sip:tgruu.1@ims.lab;gr\" first-cseq=\"54301\"/><wildcardedIdentity/>"))));
  REQUIRE(parsed.has_value());
  CHECK(parsed->version == 1);
  CHECK(parsed->full);
  REQUIRE(parsed->registrations.size() == 1);
  CHECK(parsed->registrations[0].user == "sip:alice@ims.lab");
  REQUIRE(parsed->registrations[0].contacts.size() == 1);
  const auto& found = parsed->registrations[0].contacts[0];
  CHECK(found.uri == "sip:ue@10.0.0.1:5070;transport=tcp");
  CHECK(found.event == ContactEvent::registered);
  CHECK(found.expires == 300s);
  CHECK(found.params.get("+sip.instance") == "\"<urn:uuid:1>\"");
  CHECK(found.params.get("+g.3gpp.icsi-ref") == "\"urn%3Aurn-7%3A3gpp\"");
  CHECK(found.params.get("reg-id") == "1");
  CHECK(found.params.has("audio"));
  CHECK(found.params.get("q") == "0.8");
  CHECK(found.params.get("pub-gruu") == "\"sip:alice@ims.lab;gr=urn:uuid:1\"");
  CHECK(found.params.get("temp-gruu") == "\"sip:tgruu.1@ims.lab;gr\"");
}

TEST_CASE("reginfo: each contact event says whether the device can be reached (PS-101)") {
  struct Row {
    const char* event;
    bool there;
  };
  const Row rows[] = {{"registered", true}, {"created", true},      {"refreshed", true},  {"shortened", true},
                      {"expired", false},   {"deactivated", false}, {"probation", false}, {"unregistered", false},
                      {"rejected", false},  {"later", true}};
  for (const auto& row : rows) {
    CAPTURE(row.event);
    const auto active = change_of(document(alice(contact(row.event))));
    REQUIRE(active.has_value());
    CHECK(active->registration.contacts.size() == (row.there ? 1 : 0));
    CHECK(active->removed.size() == (row.there ? 0 : 1));
    CHECK_FALSE(active->deregistered);
    const auto gone = change_of(document(alice(contact(row.event, "terminated"))));
    CHECK(gone->registration.contacts.empty());
    CHECK(gone->removed.size() == 1);
  }
}

TEST_CASE("reginfo: a change keeps what the third-party REGISTER told and says its source (PS-101)") {
  const auto change =
      change_of(document(alice(contact("created", "active", "sip:ue@10.0.0.1",
                                       "<unknown-param name=\"+g.oma.pusheventapp\">\"News.ua\"</unknown-param>")) +
                         "<registration aor=\"tel:+1-555-1000001\" id=\"b\" state=\"active\"/>"
                         "<registration aor=\"sip:old@ims.lab\" id=\"c\" state=\"terminated\"/>"));
  REQUIRE(change.has_value());
  const auto& registration = change->registration;
  CHECK(registration.source == "reg-event");
  CHECK(registration.scscf == "sip:scscf.ims.lab:6060");
  CHECK(registration.path.size() == 1);
  CHECK(registration.expires == kNow + 600s);
  CHECK(registration.contacts_known);
  REQUIRE(registration.contacts.size() == 1);
  CHECK(registration.contacts[0].expires == kNow + 300s);
  CHECK(registration.contacts[0].applications == std::vector<std::string>{"news.ua"});
  CHECK(registration.associated == std::vector<std::string>{"tel:+15551000001"});
  CHECK(change->complete);
}

TEST_CASE("reginfo: a registration that is terminated or never was is a de-registration (PS-101, AS-25)") {
  CHECK(change_of(document(alice("", "terminated")))->deregistered);
  CHECK(change_of(document(alice("", "init")))->deregistered);
  CHECK(change_of(document(alice(contact("deactivated", "terminated"), "terminated")))->deregistered);
  // Nothing about this user: nothing changes.
  CHECK_FALSE(change_of(document("<registration aor=\"sip:bob@ims.lab\" id=\"b\" state=\"terminated\"/>")).has_value());
  CHECK_FALSE(change_of(document("")).has_value());
}

TEST_CASE("reginfo: full state replaces all contacts, partial state only those it names (PS-101, AS-23)") {
  auto base = known();
  for (const char* uri : {"sip:one@10.0.0.1", "sip:two@10.0.0.2"}) {
    RegisteredContact each;
    each.uri = uri;
    each.expires = kNow + 500s;
    base.contacts.push_back(each);
  }
  base.contacts_known = true;
  const auto two = contact("refreshed", "active", "sip:two@10.0.0.2");
  auto after = merged(base, *change_of(document(alice(two)), base), kNow);
  REQUIRE(after.contacts.size() == 1);
  CHECK(after.contacts[0].uri == "sip:two@10.0.0.2");
  CHECK(after.contacts[0].expires == kNow + 300s);
  CHECK(after.associated == std::vector<std::string>{"tel:+15551000001"});

  after = merged(base, *change_of(document(alice(two), "2", "partial"), base), kNow);
  CHECK(after.contacts.size() == 2);
  after = merged(
      base, *change_of(document(alice(contact("unregistered", "terminated", "sip:one@10.0.0.1")), "2", "partial"), base), kNow);
  REQUIRE(after.contacts.size() == 1);
  CHECK(after.contacts[0].uri == "sip:two@10.0.0.2");
  after = merged(base, *change_of(document(alice("")), base), kNow);
  CHECK(after.contacts.empty());
  CHECK_FALSE(after.contacts_known);
}

TEST_CASE("reginfo: versions of partial documents have no gaps, full ones always count (AS-23)") {
  using Verdict = ReginfoSequence::Verdict;
  const auto make = [](std::uint32_t version, bool full) {
    Reginfo info;
    info.version = version;
    info.full = full;
    return info;
  };
  ReginfoSequence sequence;
  CHECK(sequence.take(make(5, false)) == Verdict::gap);
  CHECK(sequence.take(make(2, true)) == Verdict::apply);
  CHECK(sequence.take(make(3, false)) == Verdict::apply);
  CHECK(sequence.take(make(3, false)) == Verdict::old);
  CHECK(sequence.take(make(2, false)) == Verdict::old);
  CHECK(sequence.take(make(5, false)) == Verdict::gap);
  CHECK(sequence.take(make(4, false)) == Verdict::apply);
  CHECK(sequence.take(make(0, true)) == Verdict::apply);
  CHECK(sequence.take(make(1, false)) == Verdict::apply);
  sequence.restart();
  CHECK(sequence.take(make(2, false)) == Verdict::gap);
}

TEST_CASE("reginfo: what is no reginfo, too large or has a DTD is refused; bad elements are left out and counted (PS-101)") {
  for (const auto& bad :
       {std::string(), std::string("x"), std::string("<reginfo"), std::string("<other version=\"1\" state=\"full\"/>"),
        document("", "", "full"), document("", "-1"), document("", "99999999999999999999"), document("", "1", "odd"),
        "<!DOCTYPE reginfo [<!ENTITY a \"b\">]>" + document(""), document("<a>")}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_reginfo(bad).has_value());
  }
  const auto large = parse_reginfo(document(std::string(300 * 1024, ' ')));
  REQUIRE_FALSE(large.has_value());
  CHECK(large.error().code == ErrorCode::too_large);

  const auto parsed = parse_reginfo(document(
      "<registration aor=\"nobody\" id=\"a\" state=\"active\"/><registration aor=\"sip:a@b\" id=\"a\" "
      "state=\"odd\"/><extension/>" +
      alice(
          contact("registered", "odd") + contact("registered", "active", "no uri") +
          contact("registered", "active", "sip:x&#10;y@b") +
          contact("registered", "active", "sip:good@10.0.0.1",
                  "<unknown-param name=\"bad name\">x</unknown-param><unknown-param name=\"a\">x&#13;&#10;y</unknown-param>"))));
  REQUIRE(parsed.has_value());
  CHECK(parsed->malformed == 5);
  REQUIRE(parsed->registrations.size() == 1);
  REQUIRE(parsed->registrations[0].contacts.size() == 1);
  CHECK(parsed->registrations[0].contacts[0].params.all().size() == 1);  // q

  std::string many;
  for (int i = 0; i < 100; ++i) many += contact("registered", "active", "sip:u" + std::to_string(i) + "@10.0.0.1");
  const auto crowd = parse_reginfo(document(alice(many)));
  CHECK(crowd->registrations[0].contacts.size() == 64);
  std::string users;
  for (int i = 0; i < 100; ++i) users += "<registration aor=\"sip:u" + std::to_string(i) + "@b\" id=\"a\" state=\"active\"/>";
  CHECK(parse_reginfo(document(users))->registrations.size() == 64);
  CHECK_FALSE(parse_reginfo(std::string(200 * 1024, '<')).has_value());
}
