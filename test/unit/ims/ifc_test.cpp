#include <doctest/doctest.h>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <sstream>

#include "config/service_profile_loader.h"
#include "ims/ifc_exporter.h"
#include "ims/ifc_parser.h"

using namespace herald;
using namespace herald::ims;

namespace {

std::vector<ServiceProfile> services(const std::string& text) {
  ConfigIssues issues;
  auto profile = parse_service_profile(text, "s.yaml", {}, issues);
  std::string lines;
  for (const auto& issue : issues.all()) lines += issue.line() + '\n';
  REQUIRE_MESSAGE(profile, lines);
  std::vector<ServiceProfile> out;
  out.push_back(std::move(*profile));
  return out;
}

std::string file(const char* path) {
  std::ifstream in(path);
  REQUIRE_MESSAGE(in, path);
  return {std::istreambuf_iterator<char>(in), {}};
}

const char* const kExample = R"(
version: 1
service: {id: push-news, application: push, server_name: "sip:as1.home.example:5060;lr", shared_ifc_sets: [7]}
triggers:
  - {name: feed, priority: 10, when: {method: REGISTER}, register: {include_request: true, include_response: true},
     service_info: "profile=push-basic;v=3", tag: reg}
  - name: subscriptions
    priority: 20
    when:
      all:
        - {method: SUBSCRIBE}
        - {header: {name: Event, value: '^[ ]*oma-push([ ;].*)?$'}}
        - any: [{session_case: originating}, {session_case: terminating_registered}]
    default_handling: terminated
    tag: sub
  - name: hold
    priority: 30
    profile_part: unregistered
    form: dnf
    when:
      all:
        - {method: MESSAGE}
        - {session_case: terminating_unregistered}
        - {header: {name: Accept-Contact, value: 'g[.]oma[.]pusheventapp'}}
        - not: {header: {name: P-Asserted-Identity, value: 'push-[a-z0-9-]+@home[.]example'}}
    tag: hold
  - {name: off, priority: 40, enabled: false}
identities:
  - {uri: "sip:push-news@home.example", type: distinct_psi, unconditional: {tag: psi, default_handling: terminated}}
)";

}  // namespace

TEST_CASE("the example of the profile becomes the iFC of the example. service-profile-ifc.md 5") {
  const auto xml = export_ifc(services(kExample));
  REQUIRE(xml);
  CHECK(*xml == R"(<?xml version="1.0" encoding="UTF-8"?>
<IMSSubscription>
  <ServiceProfile>
    <InitialFilterCriteria>
      <Priority>10</Priority>
      <TriggerPoint>
        <ConditionTypeCNF>1</ConditionTypeCNF>
        <SPT>
          <ConditionNegated>0</ConditionNegated>
          <Group>0</Group>
          <Method>REGISTER</Method>
        </SPT>
      </TriggerPoint>
      <ApplicationServer>
        <ServerName>sip:as1.home.example:5060;lr;app=push;sess=reg</ServerName>
        <DefaultHandling>0</DefaultHandling>
        <ServiceInfo>profile=push-basic;v=3</ServiceInfo>
        <Extension>
          <IncludeRegisterRequest />
          <IncludeRegisterResponse />
        </Extension>
      </ApplicationServer>
    </InitialFilterCriteria>
    <InitialFilterCriteria>
      <Priority>20</Priority>
      <TriggerPoint>
        <ConditionTypeCNF>1</ConditionTypeCNF>
        <SPT>
          <ConditionNegated>0</ConditionNegated>
          <Group>0</Group>
          <Method>SUBSCRIBE</Method>
        </SPT>
        <SPT>
          <ConditionNegated>0</ConditionNegated>
          <Group>1</Group>
          <SIPHeader>
            <Header>^(Event|o)$</Header>
            <Content>^[ ]*oma-push([ ;].*)?$</Content>
          </SIPHeader>
        </SPT>
        <SPT>
          <ConditionNegated>0</ConditionNegated>
          <Group>2</Group>
          <SessionCase>0</SessionCase>
        </SPT>
        <SPT>
          <ConditionNegated>0</ConditionNegated>
          <Group>2</Group>
          <SessionCase>1</SessionCase>
        </SPT>
      </TriggerPoint>
      <ApplicationServer>
        <ServerName>sip:as1.home.example:5060;lr;app=push;sess=sub</ServerName>
        <DefaultHandling>1</DefaultHandling>
      </ApplicationServer>
    </InitialFilterCriteria>
    <InitialFilterCriteria>
      <Priority>30</Priority>
      <TriggerPoint>
        <ConditionTypeCNF>0</ConditionTypeCNF>
        <SPT>
          <ConditionNegated>0</ConditionNegated>
          <Group>0</Group>
          <Method>MESSAGE</Method>
        </SPT>
        <SPT>
          <ConditionNegated>0</ConditionNegated>
          <Group>0</Group>
          <SessionCase>2</SessionCase>
        </SPT>
        <SPT>
          <ConditionNegated>0</ConditionNegated>
          <Group>0</Group>
          <SIPHeader>
            <Header>^(Accept-Contact|a)$</Header>
            <Content>g[.]oma[.]pusheventapp</Content>
          </SIPHeader>
        </SPT>
        <SPT>
          <ConditionNegated>1</ConditionNegated>
          <Group>0</Group>
          <SIPHeader>
            <Header>^P-Asserted-Identity$</Header>
            <Content>push-[a-z0-9-]+@home[.]example</Content>
          </SIPHeader>
        </SPT>
      </TriggerPoint>
      <ApplicationServer>
        <ServerName>sip:as1.home.example:5060;lr;app=push;sess=hold</ServerName>
        <DefaultHandling>0</DefaultHandling>
      </ApplicationServer>
      <ProfilePartIndicator>1</ProfilePartIndicator>
    </InitialFilterCriteria>
    <Extension>
      <SharedIFCSetID>7</SharedIFCSetID>
    </Extension>
  </ServiceProfile>
  <ServiceProfile>
    <PublicIdentity>
      <Identity>sip:push-news@home.example</Identity>
      <Extension>
        <IdentityType>1</IdentityType>
      </Extension>
    </PublicIdentity>
    <InitialFilterCriteria>
      <Priority>0</Priority>
      <ApplicationServer>
        <ServerName>sip:as1.home.example:5060;lr;app=push;sess=psi</ServerName>
        <DefaultHandling>1</DefaultHandling>
      </ApplicationServer>
    </InitialFilterCriteria>
  </ServiceProfile>
</IMSSubscription>
)");
  CHECK(*export_ifc(services(kExample)) == *xml);
}

TEST_CASE("config/ifc/push.xml is what config/services/push.yaml says. SPF-6") {
  ConfigIssues issues;
  const auto profiles = load_service_profiles({"../config/services/push.yaml"}, {}, issues);
  REQUIRE(profiles);
  const auto xml = export_ifc(*profiles);
  REQUIRE(xml);
  CHECK(*xml == file("../config/ifc/push.xml"));
  CHECK(ifc_differences(*profiles, *xml)->empty());
}

TEST_CASE("what was exported reads back as the same. SPF-7") {
  const auto document = make_ifc(services(kExample));
  REQUIRE(document);
  const auto again = parse_ifc(write_ifc(*document));
  REQUIRE(again);
  CHECK(*again == *document);
}

TEST_CASE("a shared set stands apart, and subscribers refer to it. IFC-21") {
  const auto document =
      make_ifc(services("version: 1\nservice: {id: s, application: p, server_name: 'sip:as', emit: shared, shared_set_id: 9}\n"
                        "triggers: [{name: a, priority: 100, when: {method: PUBLISH}}]\n"));
  REQUIRE(document);
  REQUIRE(document->profiles.size() == 2);
  CHECK(document->profiles[0].shared_sets == std::vector<std::uint32_t>{9});
  CHECK(document->profiles[1].shared_set == 9U);
  CHECK(*parse_ifc(write_ifc(*document)) == *document);
}

TEST_CASE("differences to what the HSS holds are named") {
  const auto ours = services(kExample);
  auto theirs = *make_ifc(ours);
  CHECK(ifc_differences(ours, write_ifc(theirs))->empty());
  theirs.profiles[0].identities.push_back({"sip:alice@home.example", false, ServiceIdentity::Type::public_user});
  theirs.profiles[0].criteria[1].terminate_on_failure = false;
  theirs.profiles[0].criteria[2].trigger->groups[0].pop_back();
  theirs.profiles[0].criteria.erase(theirs.profiles[0].criteria.begin());
  theirs.profiles[0].criteria.push_back(theirs.profiles[0].criteria[0]);
  theirs.profiles[0].criteria.back().priority = 50;
  theirs.profiles[0].criteria.push_back(theirs.profiles[0].criteria[0]);
  theirs.profiles[0].criteria.back().priority = 60;
  theirs.profiles[0].criteria.back().server_name = "sip:presence.home.example";
  theirs.profiles.pop_back();
  CHECK(*ifc_differences(ours, write_ifc(theirs)) ==
        std::vector<std::string>{
            "sip:alice@home.example: priority 10: is missing",
            "sip:alice@home.example: priority 20: DefaultHandling is 0, ours 1",
            "sip:alice@home.example: priority 30: TriggerPoint differs: DNF with 1 groups, ours DNF with 1 groups",
            "sip:alice@home.example: priority 50: names us, but is not ours", "sip:push-news@home.example: is missing"});
}

TEST_CASE("XML that is no filter criteria is refused") {
  const auto code = [](const std::string& xml) {
    const auto parsed = parse_ifc(xml);
    REQUIRE_FALSE(parsed);
    return parsed.error().code;
  };
  const auto criterion = [](const std::string& inner) {
    return "<IMSSubscription><ServiceProfile><InitialFilterCriteria>" + inner +
           "</InitialFilterCriteria></ServiceProfile></IMSSubscription>";
  };
  const std::string server = "<ApplicationServer><ServerName>sip:a</ServerName></ApplicationServer>";
  CHECK(parse_ifc(criterion("<Priority>1</Priority>" + server)));
  CHECK(code("") == ErrorCode::invalid);
  CHECK(code("<a>") == ErrorCode::invalid);
  CHECK(code("<a/>") == ErrorCode::invalid);
  CHECK(code(criterion(server)) == ErrorCode::invalid);
  CHECK(code(criterion("<Priority>-1</Priority>" + server)) == ErrorCode::invalid);
  CHECK(code(criterion("<Priority>1</Priority>")) == ErrorCode::invalid);
  CHECK(code(criterion("<Priority>1</Priority><TriggerPoint><SPT><Group>0</Group></SPT></TriggerPoint>" + server)) ==
        ErrorCode::invalid);
  CHECK(code(criterion("<Priority>1</Priority><TriggerPoint><SPT><Method>A</Method></SPT></TriggerPoint>" + server)) ==
        ErrorCode::invalid);
  CHECK(code(criterion(
            "<Priority>1</Priority><TriggerPoint><SPT><Group>0</Group><SessionCase>9</SessionCase></SPT></TriggerPoint>" +
            server)) == ErrorCode::invalid);
  CHECK(code(std::string(1024 * 1024 + 1, ' ')) == ErrorCode::too_large);
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  CHECK(code(deep) == ErrorCode::too_large);
  // An SPT of several groups counts in each. IFC-8
  const auto twice = parse_ifc(criterion(
      "<Priority>1</Priority><TriggerPoint><ConditionTypeCNF>true</ConditionTypeCNF><SPT><Group>5</Group><Group>2</Group>"
      "<Method>A</Method></SPT></TriggerPoint>" +
      server));
  REQUIRE(twice);
  CHECK(twice->profiles[0].criteria[0].trigger->groups.size() == 2);
}

TEST_CASE("random conditions: the exported trigger point decides as the tree does. SPF-7") {
  std::mt19937 random(4711);  // NOLINT: the same cases in every run
  const auto pick = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::vector<std::string> methods{"MESSAGE", "SUBSCRIBE", "REGISTER", "PUBLISH"};
  const std::vector<std::string> headers{"Event", "Accept-Contact", "X-One"};
  const std::vector<std::string> values{"a", "ab", "b"};
  const auto leaf = [&]() -> Condition {
    switch (pick(6)) {
      case 0:
        return {Condition::Method{methods[pick(methods.size())]}};
      case 1:
        return {Condition::Case{static_cast<SessionCase>(pick(5))}};
      case 2:
        return {Condition::Header{"^" + headers[pick(headers.size())] + "$", std::nullopt}};
      case 3:
        return {Condition::Header{"^" + headers[pick(headers.size())] + "$", values[pick(values.size())]}};
      case 4:
        return {Condition::RequestUri{pick(2) == 0 ? "ims[.]lab" : "other"}};
      default:
        return {Condition::Sdp{'m', pick(2) == 0 ? std::nullopt : std::optional<std::string>("TCP")}};
    }
  };
  const std::function<Condition(int)> tree = [&](int depth) -> Condition {
    if (depth == 0 || pick(4) == 0) return leaf();
    std::vector<Condition> of;
    if (pick(4) == 0) {
      of.push_back(tree(depth - 1));
      return {Condition::Not{std::move(of)}};
    }
    // SPF-1: registration types beside their method
    if (pick(6) == 0) {
      of.push_back({Condition::Method{"REGISTER"}});
      Condition::Any types;
      for (std::size_t i = 0; i <= pick(2); ++i)
        types.of.push_back({Condition::Registration{static_cast<RegistrationType>(pick(3))}});
      of.push_back({std::move(types)});
      return {Condition::All{std::move(of)}};
    }
    for (std::size_t i = 0; i < 2 + pick(2); ++i) of.push_back(tree(depth - 1));
    if (pick(2) == 0) return {Condition::All{std::move(of)}};
    return {Condition::Any{std::move(of)}};
  };

  ConditionEvaluator evaluator;
  std::size_t compared = 0;
  std::size_t matched = 0;
  for (int round = 0; compared < 20'000 && round < 5'000; ++round) {
    ServiceProfile profile;
    profile.server_name = "sip:as;lr";
    profile.application = "p";
    ServiceTrigger trigger;
    trigger.when = tree(3);
    trigger.form = static_cast<ServiceTrigger::Form>(pick(3));
    profile.triggers.push_back(trigger);
    const auto made = make_ifc({profile});
    if (!made) continue;  // too large, or never true
    const auto again = parse_ifc(write_ifc(*made));
    REQUIRE(again);
    REQUIRE(*again == *made);
    for (int i = 0; i < 20; ++i) {
      SipMessage message{SipRequestLine{methods[pick(methods.size())], pick(2) == 0 ? "sip:u@ims.lab" : "sip:u@other"}, {}, ""};
      for (const auto& name : headers) {
        if (pick(2) == 0) message.headers.add(name, values[pick(values.size())]);
      }
      if (pick(2) == 0) {
        message.headers.add("Content-Type", "application/sdp");
        message.body = pick(2) == 0 ? "v=0\r\nm=message 1 TCP/MSRP *\r\n" : "v=0\r\n";
      }
      std::optional<RegistrationType> type;
      if (message.method() == "REGISTER") type = static_cast<RegistrationType>(pick(3));
      const auto view = view_of(message, static_cast<SessionCase>(pick(5)), type);
      const bool by_tree = evaluator.holds(*trigger.when, view);
      const bool by_ifc = matches(again->profiles[0].criteria[0], view, evaluator);
      if (by_tree != by_ifc) FAIL(write_ifc(*made) << message.text());
      ++compared;
      matched += by_tree ? 1 : 0;
    }
  }
  CHECK(compared >= 10'000);
  CHECK(matched > compared / 20);
  CHECK(matched < compared - compared / 20);
}
