#include <doctest/doctest.h>
#include <random>

#include "config/condition_evaluator.h"
#include "config/condition_reader.h"
#include "config/normal_form.h"
#include "config/portable_regex.h"
#include "config/yaml_loader.h"

using namespace herald;

namespace {

Condition condition(std::string_view yaml) {
  ConfigIssues issues;
  const auto node = parse_yaml(yaml, "f", issues);
  REQUIRE(node);
  auto out = read_condition(*node, "when", issues);
  REQUIRE_MESSAGE(out, (issues.all().empty() ? "" : issues.all().front().line()));
  return *out;
}

std::string wrong(std::string_view yaml) {
  ConfigIssues issues;
  const auto node = parse_yaml(yaml, "f", issues);
  REQUIRE(node);
  CHECK_FALSE(read_condition(*node, "when", issues));
  std::string out;
  for (const auto& issue : issues.all()) out += issue.line() + '\n';
  return out;
}

SipMessage request(const char* method, std::vector<SipHeaderField> headers = {}, const char* uri = "sip:alice@ims.lab",
                   const char* body = "") {
  SipMessage out{SipRequestLine{method, uri}, {}, body};
  for (auto& field : headers) out.headers.add(std::move(field.name), std::move(field.value));
  return out;
}

bool holds(std::string_view yaml, const SipMessage& message, SessionCase session_case = SessionCase::originating,
           std::optional<RegistrationType> type = std::nullopt) {
  ConditionEvaluator evaluator;
  const auto when = condition(yaml);
  evaluator.prepare(when);
  const auto view = view_of(message, session_case, type);
  const bool first = evaluator.holds(when, view);
  CHECK(evaluator.holds(when, view) == first);
  return first;
}

}  // namespace

TEST_CASE("semantic vectors of the service profile. service-profile-ifc.md 8") {
  using C = SessionCase;
  using R = RegistrationType;
  CHECK(holds("all: [{method: [MESSAGE, SUBSCRIBE]}, {session_case: originating}]", request("MESSAGE")));      // 1
  CHECK_FALSE(holds("all: [{method: MESSAGE}, {session_case: terminating_registered}]", request("MESSAGE")));  // 2
  CHECK(holds("any: [{all: [{method: MESSAGE}, {session_case: terminating_registered}]}, {method: PUBLISH}]",  // 3
              request("PUBLISH")));
  CHECK(holds("all: [{method: MESSAGE}, {not: {header: {name: Event}}}]", request("MESSAGE")));                            // 4
  CHECK_FALSE(holds("not: {method: MESSAGE}", request("MESSAGE")));                                                        // 5
  CHECK_FALSE(holds("all: [{method: REGISTER}, {registration_type: [initial, de]}]", request("REGISTER"), C::originating,  // 6
                    R::re_registration));
  CHECK(holds("all: [{method: REGISTER}, {registration_type: [initial, de]}]", request("REGISTER"), C::originating,
              R::de_registration));
  CHECK(holds("header: {name: Event, value: '^reg$'}", request("SUBSCRIBE", {{"o", "reg"}})));                             // 7
  CHECK_FALSE(holds("header: {name: Event}", request("SUBSCRIBE", {{"Allow-Events", "reg"}})));                            // 8
  CHECK(holds("not: {header: {name: X, value: a}}", request("MESSAGE")));                                                  // 9
  CHECK(holds("any: [{method: MESSAGE}, {session_case: terminating_unregistered}]", request("MESSAGE"), C::originating));  // 12
  CHECK(holds("sdp: {line: m, value: TCP/MSRP}",                                                                           // 13
              request("INVITE", {{"Content-Type", "application/sdp"}}, "sip:a@b", "v=0\r\nm=message 9 TCP/MSRP *\r\n")));
  CHECK_FALSE(holds("sdp: {line: m}", request("MESSAGE")));                                                    // 14
  CHECK(holds("any: [{request_uri: 'other[.]example'}, {session_case: originating_cdiv}]", request("INVITE"),  // 15
              C::originating_cdiv));
}

TEST_CASE("headers match by name without case and by value with case") {
  CHECK(holds("header: {name: accept-contact, value: 'g[.]oma'}", request("MESSAGE", {{"a", "*;+g.oma.pusheventapp"}})));
  CHECK_FALSE(holds("header: {name: Accept-Contact, value: 'G[.]oma'}", request("MESSAGE", {{"a", "*;+g.oma.pusheventapp"}})));
  CHECK(holds("header: {name: X, value: b}", request("MESSAGE", {{"X", "a"}, {"x", "b"}})));
  CHECK(holds("not: {header: {name: X, value: c}}", request("MESSAGE", {{"X", "a"}, {"x", "b"}})));
  CHECK(holds("header: {name_regex: '^P-.*$'}", request("MESSAGE", {{"P-Asserted-Identity", "x"}})));
}

TEST_CASE("the request URI is matched by its host, or the number of a tel URI. TS 29.228 F.1") {
  CHECK(holds("request_uri: 'ims[.]lab'", request("MESSAGE", {}, "sip:alice@ims.lab;x=y")));
  CHECK_FALSE(holds("request_uri: alice", request("MESSAGE", {}, "sip:alice@ims.lab")));
  CHECK(holds("request_uri: '1555'", request("MESSAGE", {}, "tel:+15551")));
  CHECK(holds("request_uri: '5070'", request("MESSAGE", {}, "sip:a@b:5070")));
}

TEST_CASE("SDP lines count only in a body of that type") {
  const char* sdp = "v=0\r\nm=audio 1 RTP/AVP 0\r\na=x\r\n";
  CHECK(holds("sdp: {line: a, value: x}", request("INVITE", {{"c", "Application/SDP;x=y"}}, "sip:a@b", sdp)));
  CHECK_FALSE(holds("sdp: {line: a, value: audio}", request("INVITE", {{"c", "application/sdp"}}, "sip:a@b", sdp)));
  CHECK_FALSE(holds("sdp: {line: a}", request("INVITE", {{"c", "text/plain"}}, "sip:a@b", sdp)));
  CHECK_FALSE(holds("sdp: {line: b}", request("INVITE", {{"c", "application/sdp"}}, "sip:a@b", sdp)));
}

TEST_CASE("a hostile value cannot make an expression slow or deep") {
  const std::string evil(64 * 1024, 'a');
  CHECK_FALSE(holds("header: {name: X, value: '^(a*)*(a*)*b$'}", request("MESSAGE", {{"X", evil}})));
}

TEST_CASE("conditions that break the grammar, and what is said") {
  CHECK(wrong("x") == "f:1:1: when: SPF-E12: must be a condition such as {method: MESSAGE}\n");
  CHECK(wrong("{}") == "f:1:1: when: SPF-E12: must be a condition such as {method: MESSAGE}\n");
  CHECK(wrong("{method: MESSAGE, session_case: originating}") ==
        "f:1:1: when: SPF-E12: holds more than one condition; join them with all or any\n");
  CHECK(wrong("metod: MESSAGE") == "f:1:1: when.metod: SPF-E12: unknown condition; did you mean \"method\"?\n");
  CHECK(wrong("method: message") == "f:1:9: when.method: SPF-E12: must be a method in capital letters\n");
  CHECK(wrong("method: []") == "f:1:9: when.method: SPF-E12: is an empty list\n");
  CHECK(wrong("method: [MESSAGE, NOTIFY]") ==
        "f:1:19: when.method[1]: SPF-E22: NOTIFY is sent inside a dialog, where no trigger fires\n");
  CHECK(wrong("session_case: orginating") ==
        "f:1:15: when.session_case: SPF-E12: \"orginating\" is not one of originating | terminating_registered | "
        "terminating_unregistered | originating_unregistered | originating_cdiv; did you mean \"originating\"?\n");
  CHECK(wrong("registration_type: initial") ==
        "f:1:1: when.registration_type: SPF-E32: may stand only in an `all` beside method: REGISTER\n");
  CHECK(wrong("any: [{method: REGISTER}, {registration_type: initial}]") ==
        "f:1:28: when.any[1].registration_type: SPF-E32: may stand only in an `all` beside method: REGISTER\n");
  CHECK(wrong("all: {method: X}") == "f:1:6: when.all: SPF-E12: must be a list of conditions\n");
  CHECK(wrong("not: [{method: X}]") == "f:1:6: when.not: SPF-E12: must be a condition such as {method: MESSAGE}\n");
  CHECK(wrong("header: {nam: X}") == "f:1:10: when.header.nam: SPF-E30: unknown key; did you mean \"name\"?\n");
  CHECK(wrong("header: {value: X}") == "f:1:9: when.header: SPF-E12: needs name or name_regex\n");
  CHECK(wrong("header: {name: 'a b'}") == "f:1:16: when.header.name: SPF-E12: must be a header name\n");
  CHECK(wrong("header: {name: X, value: '\\d'}") ==
        "f:1:26: when.header.value: SPF-E34: the expression uses a backslash; write [.] for a dot and [0-9] for a digit\n");
  CHECK(wrong("header: {name: X, value: '[z-a]'}") ==
        "f:1:26: when.header.value: SPF-E35: the expression does not compile: invalid character class range: z-a\n");
  CHECK(wrong("request_uri: '^ims'") ==
        "f:1:14: when.request_uri: SPF-E34: the expression uses '^' where cores match different parts of the text\n");
  CHECK(wrong("sdp: {line: mm}") == "f:1:13: when.sdp.line: SPF-E12: must be the letter of an SDP line\n");
  CHECK(wrong("all:\n  - {method: x}\n  - {method: y}\n") ==
        "f:2:14: when.all[0].method: SPF-E12: must be a method in capital letters\n"
        "f:3:14: when.all[1].method: SPF-E12: must be a method in capital letters\n");
  std::string deep = "method: X";
  for (int i = 0; i < 16; ++i) deep = "not: {" + deep + "}";
  CHECK(wrong(deep).find("SPF-E13: nested deeper than 16 levels") != std::string::npos);
  std::string wide = "method: [X";
  for (int i = 0; i < 256; ++i) wide += ", X";
  CHECK(wrong(wide + "]").find("SPF-E13: more than 256 conditions") != std::string::npos);
}

TEST_CASE("which expressions are portable. SPF-32") {
  for (const char* good : {"abc", "^(Event|o)$", "^[ ]*oma-push([ ;].*)?$", "[^]a]{1,3}", "a{2}", "a{2,}", "[[:alpha:]]+",
                           "(^a|b$)", "push-[a-z0-9-]+@home[.]example", "[.]", "a.*b", "((a)(b))*"}) {
    INFO(good);
    CHECK(portability_problem(good, true) == "");
    CHECK(PortableRegex::compile(good));
  }
  for (const char* bad : {"",   "\\d",  "a\\.b",    "(?=a)",  "a**", "a+?",  "*a",  "(|a)", "a|",       "|a", "()",
                          "a{", "a{x}", "a{1,2,3}", "a{999}", "[a",  "(*a)", "a|*", "^*",   "\xc3\xa4", "{1}"}) {
    INFO(bad);
    CHECK(portability_problem(bad, true) != "");
  }
  CHECK(portability_problem(std::string(201, 'a'), true) == "is over 200 bytes");
  CHECK(portability_problem("a$", false) != "");
  const auto literal = PortableRegex::compile(regex_of_literal("X.Y*+?(){}[]|$"));
  REQUIRE(literal);
  CHECK(literal->matches_whole("X.Y*+?(){}[]|$"));
}

TEST_CASE("which methods and session cases a condition lets through") {
  CHECK(possible_methods(condition("method: MESSAGE")).only("MESSAGE"));
  CHECK(possible_methods(condition("header: {name: X}")).contains("REGISTER"));
  CHECK_FALSE(possible_methods(condition("not: {method: REGISTER}")).contains("REGISTER"));
  CHECK(possible_methods(condition("all: [{method: REGISTER}, {registration_type: re}]")).only("REGISTER"));
  CHECK(possible_methods(condition("all: [{method: A}, {method: B}]")).empty());
  CHECK_FALSE(possible_methods(condition("any: [{method: A}, {header: {name: X}}]")).empty());
  CHECK(possible_methods(condition("not: {any: [{method: A}, {not: {method: [A, B]}}]}")).only("B"));
  CHECK(possible_cases(condition("all: [{session_case: [originating, originating_cdiv]}, {not: {session_case: originating}}]")) ==
        std::set<SessionCase>{SessionCase::originating_cdiv});
  CHECK(possible_cases(condition("method: A")).size() == 5);
}

TEST_CASE("normal forms: groups, order, absorption. SPF-3, SPF-5") {
  const auto form = [](std::string_view yaml, ServiceTrigger::Form wanted) { return *normal_form(condition(yaml), wanted); };
  using Form = ServiceTrigger::Form;
  const char* subscribe =
      "all: [{session_case: [originating, terminating_registered]}, {header: {name: Event}}, {method: SUBSCRIBE}]";
  CHECK(form(subscribe, Form::cnf).groups.size() == 3);
  CHECK(form(subscribe, Form::dnf).groups.size() == 2);
  CHECK(form(subscribe, Form::dnf).size() == 6);
  CHECK(form(subscribe, Form::automatic).cnf);
  CHECK(std::holds_alternative<MethodSpt>(form(subscribe, Form::dnf).groups[0][0].test));
  CHECK(form("any: [{method: A}, {all: [{method: A}, {header: {name: X}}]}]", Form::dnf).size() == 1);
  CHECK(form("any: [{method: A}, {not: {method: A}}]", Form::dnf).always);
  CHECK(form("any: [{method: A}, {not: {method: A}}]", Form::cnf).always);
  CHECK(form("all: [{method: A}, {not: {method: A}}]", Form::cnf).never);
  CHECK(form("all: [{method: A}, {not: {method: A}}]", Form::dnf).never);
  const auto types = form("all: [{method: REGISTER}, {registration_type: [de, initial]}]", Form::automatic);
  REQUIRE(types.size() == 1);
  CHECK(std::get<MethodSpt>(types.groups[0][0].test).registration ==
        std::vector<RegistrationType>{RegistrationType::initial, RegistrationType::de_registration});
  // 2^7 groups in the other form
  std::string wide = "any: [";
  for (int i = 0; i < 7; ++i) wide += "{all: [{method: A" + std::to_string(i) + "}, {method: B" + std::to_string(i) + "}]}, ";
  wide += "{method: Z}]";
  CHECK_FALSE(normal_form(condition(wide), Form::cnf));
  CHECK(normal_form(condition(wide), Form::dnf));
  CHECK_FALSE(form(wide, Form::automatic).cnf);
}
