#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "config/service_profile_loader.h"

using namespace herald;

namespace {

const std::string kHead = "version: 1\nservice: {id: s, application: push, server_name: 'sip:as1.ims.lab'}\n";
const std::string kGood = kHead + "triggers: [{name: a, priority: 1, when: {method: PUBLISH}}]\n";

std::string issues_of(const std::string& text, const ServiceRules& rules = {}) {
  ConfigIssues issues;
  const auto profile = parse_service_profile(text, "s.yaml", rules, issues);
  CHECK(profile.has_value() == issues.ok());
  std::string out;
  for (const auto& issue : issues.all()) out += issue.line() + '\n';
  return out;
}

std::string trigger(const std::string& rest) {
  return issues_of(kHead + "triggers:\n  - {name: a, priority: 1, " + rest + "}\n");
}
std::string with(const std::string& rest) { return issues_of(kGood + rest); }

}  // namespace

TEST_CASE("the sample profile of the push service loads") {
  ConfigIssues issues;
  const auto profiles = load_service_profiles({"../config/services/push.yaml"}, {{"push"}}, issues);
  for (const auto& issue : issues.all()) MESSAGE(issue.line());
  REQUIRE(profiles);
  CHECK(issues.all().empty());
  const auto& push = profiles->at(0);
  CHECK(push.application == "push");
  CHECK(push.triggers.size() == 4);
  CHECK(push.triggers[0].include_register_request);
  CHECK(push.triggers[0].include_register_response);
  CHECK(push.triggers[1].terminate_on_failure);
  CHECK(push.triggers[3].profile_part == ServiceTrigger::ProfilePart::unregistered);
  CHECK(push.identities.size() == 2);
  CHECK(push.identities[0].unconditional->tag == "psi");
  for (const char* id : {"news.ua", "mms.ua", "ulp.ua"}) CHECK(push.find_application(id)->consent == ConsentDefault::open);
  CHECK(push.find_application("game.ua")->consent == ConsentDefault::ask);
}

TEST_CASE("defaults of a small profile") {
  ConfigIssues issues;
  const auto profile = parse_service_profile(kGood + "apps: [{id: x.ua}]\n", "s.yaml", {}, issues);
  REQUIRE(profile);
  CHECK(profile->server_name == "sip:as1.ims.lab;lr");
  CHECK_FALSE(profile->terminate_on_failure);
  CHECK(profile->max_body == 65536);
  CHECK(profile->package_name == "oma-push");
  CHECK(profile->triggers[0].enabled);
  const auto& app = profile->apps[0];
  CHECK(app.consent == ConsentDefault::closed);
  CHECK(app.modes.size() == 3);
  CHECK(app.hold_unregistered);
  CHECK(app.report == ReportLevel::network);
  CHECK(profile->find_application("y.ua") == nullptr);
}

TEST_CASE("mistakes in a service profile, with their codes") {
  CHECK(issues_of("version: 1\n") == "s.yaml:1:1: service: SPF-E02: is required\n");
  CHECK(issues_of("a: 1\na: 2\n") == "s.yaml:2:1: SPF-E31: key \"a\" appears twice, first in line 1\n");
  CHECK(issues_of("version: 2\nservice: {id: A, server_name: 'tel:+1'}\n") ==
        "s.yaml:1:10: version: SPF-E01: must be 1\n"
        "s.yaml:2:15: service.id: SPF-E02: must be 1 to 64 of a-z, 0-9 and '-'\n"
        "s.yaml:2:10: service.application: SPF-E03: is required\n"
        "s.yaml:2:31: service.server_name: SPF-E04: must be a sip: or sips: URI\n");
  CHECK(issues_of(kHead) == "s.yaml:1:1: triggers: SPF-E09: needs at least one trigger\n");
  CHECK(issues_of(kGood, {{"puhs"}}) ==
        "s.yaml:2:31: service.application: SPF-E03: no module \"push\" is configured; did you mean \"puhs\"?\n");
  CHECK(with("foo: 1\n") == "s.yaml:4:1: foo: SPF-E30: unknown key\n");
  CHECK(with("defaults: {max_body: 0, default_handling: stop}\n") ==
        "s.yaml:4:43: defaults.default_handling: SPF-E07: \"stop\" is not one of continued | terminated\n"
        "s.yaml:4:22: defaults.max_body: SPF-E08: 0 is out of range: 1 to 1048576\n");
  CHECK(issues_of(
            "version: 1\nservice: {id: s, application: p, server_name: 'sip:a?x=y', shared_ifc_sets: [-1], emit: shared}\n") ==
        "s.yaml:2:47: service.server_name: SPF-E04: must not have a headers part\n"
        "s.yaml:2:78: service.shared_ifc_sets[0]: SPF-E05: must be a whole number, 0 or more\n");
  CHECK(issues_of("version: 1\nservice: {id: s, application: p, server_name: 'sip:a', emit: shared}\n") ==
        "s.yaml:2:10: service.shared_set_id: SPF-E06: is required with emit: shared\n");
  CHECK(trigger("when: {method: MESSAGE}").find("warning: triggers[0].when: SPF-W02") != std::string::npos);
  CHECK(trigger("when: {header: {name_regex: Event}}").find("SPF-W04") != std::string::npos);
  CHECK(trigger("service_info: x, when: {method: PUBLISH}").find("warning: triggers[0].service_info: SPF-W01") !=
        std::string::npos);
  CHECK(trigger("form: xnf, when: {method: PUBLISH}").find("SPF-E13") != std::string::npos);
  CHECK(trigger("profile_part: registered, when: {session_case: terminating_unregistered}") ==
        "s.yaml:4:42: triggers[0].profile_part: SPF-E14: contradicts the session case of the condition\n");
  CHECK(
      trigger("service_info: \"" + std::string(1025, 'x') + "\", when: {method: REGISTER}").find("SPF-E15: is over 1024 bytes") !=
      std::string::npos);
  CHECK(trigger("service_info: \"a\\nb\", when: {method: REGISTER}").find("SPF-E15: must not hold control characters") !=
        std::string::npos);
  CHECK(trigger("register: {include_request: true}, when: {method: [REGISTER, PUBLISH]}").find("SPF-E16") != std::string::npos);
  CHECK(trigger("tag: Reg, when: {method: PUBLISH}").find("SPF-E17: must be 1 to 16 of a-z and 0-9") != std::string::npos);
  CHECK(trigger("default_handling: terminated, when: {method: REGISTER}").find("SPF-E21") != std::string::npos);
  CHECK(trigger("default_handling: terminated").find("SPF-E21") != std::string::npos);
  CHECK(trigger("default_handling: terminated, when: {not: {method: REGISTER}}") == "");
  CHECK(trigger("when: {all: [{method: A}, {method: B}]}").find("SPF-E33: can never be true") != std::string::npos);
  CHECK(trigger("when: {all: [{session_case: originating}, {session_case: originating_cdiv}]}").find("SPF-E33") !=
        std::string::npos);
  CHECK(issues_of(kHead + "triggers:\n  - {name: a, priority: 1, tag: x}\n  - {name: a, priority: 1, tag: x}\n") ==
        "s.yaml:5:12: triggers[1].name: SPF-E10: is used already by triggers[0]\n"
        "s.yaml:5:25: triggers[1].priority: SPF-E11: is used already by triggers[0]\n"
        "s.yaml:5:33: triggers[1].tag: SPF-E17: is used already by triggers[0]\n");
  CHECK(with("identities: [{uri: 'http://x'}, {uri: 'sip:a@b', type: wildcarded_psi}]\n") ==
        "s.yaml:4:20: identities[0].uri: SPF-E19: must be a sip: or tel: URI\n"
        "s.yaml:4:39: identities[1].uri: SPF-E20: needs a pattern between exclamation marks, as sip:push-!.*!@ims.lab\n");
  CHECK(with("identities: [{uri: 'sip:push-![a-z]+!@b', type: wildcarded_psi}]\n") == "");
  CHECK(with("identities: [{uri: 'sip:push-!\\d+!@b', type: wildcarded_psi}]\n").find("SPF-E34") != std::string::npos);
  CHECK(with("apps: [{id: 'a b'}]\n").find("apps[0].id: SPF-E23") != std::string::npos);
  CHECK(with("apps: [{id: a}, {id: a}]\n") == "s.yaml:4:22: apps[1].id: SPF-E23: is used already by apps[0]\n");
  CHECK(with("apps: [{id: a, consent: maybe}]\n").find("SPF-E24") != std::string::npos);
  CHECK(with("apps: [{id: a, modes: [fax]}]\n").find("apps[0].modes[0]: SPF-E25") != std::string::npos);
  CHECK(with("apps: [{id: a, modes: [pager, pager]}]\n").find("SPF-E25: names a mode twice") != std::string::npos);
  CHECK(with("apps: [{id: a, types: [text]}]\n").find("SPF-E26") != std::string::npos);
  CHECK(with("apps: [{id: a, max_rate: 100}]\n").find("SPF-E27") != std::string::npos);
  CHECK(with("apps: [{id: a, icsi: 'urn:x'}]\n").find("SPF-E28") != std::string::npos);
  CHECK(with("apps: [{id: a, pager_max_bytes: 100}]\n").find("SPF-E30: 100 is out of range: 200 to 65535") != std::string::npos);
  CHECK(with("apps: [{id: a, pager_max_bytes: 2000}]\n").find("warning: apps[0].pager_max_bytes: SPF-W03") != std::string::npos);
  CHECK(with("package: {name: 'a b'}\n").find("SPF-E29") != std::string::npos);
}

TEST_CASE("ids and priorities are unique over all profiles") {
  const auto folder = std::filesystem::temp_directory_path() / ("herald-profiles-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto file = [&folder](const char* name, const std::string& text) {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  };
  const auto a = file("a.yaml", kGood);
  const auto b = file("b.yaml", kGood);
  ConfigIssues issues;
  CHECK_FALSE(load_service_profiles({a, b, (folder / "none.yaml").string()}, {}, issues));
  REQUIRE(issues.all().size() == 3);
  CHECK(issues.all()[0].line() == b + ":2:15: service.id: SPF-E02: is used already in " + a);
  CHECK(issues.all()[1].line() == b + ":3:32: triggers[0].priority: SPF-E11: is used already by s/a");
  CHECK(issues.all()[2].line() == (folder / "none.yaml").string() + ": SPF-E31: no such file");
  std::filesystem::remove_all(folder);
}
