#include "config/service_profile_loader.h"

#include <algorithm>
#include <map>

#include "config/condition_reader.h"
#include "config/normal_form.h"
#include "config/portable_regex.h"
#include "config/service_file.h"
#include "config/yaml_loader.h"

namespace herald {
namespace {

using Handling = ServiceFile::Handling;

// Reports with codes against the nodes of one file.
class Report {
 public:
  Report(const ConfigNode& root, ConfigIssues& issues) : root_(root), scope_(root, empty_, issues), issues_(issues) {}
  void error(const char* code, const std::string& path, const std::string& text) {
    scope_.error(path, std::string(code) + ": " + text);
  }
  void warning(const char* code, const std::string& path, const std::string& text) {
    scope_.warning(path, std::string(code) + ": " + text);
  }
  [[nodiscard]] const ConfigNode& root() const { return root_; }
  [[nodiscard]] ConfigIssues& issues() { return issues_; }

 private:
  const ConfigNode& root_;
  const std::string empty_;
  ConfigScope scope_;
  ConfigIssues& issues_;
};

std::string at(const char* list, std::size_t index, const char* key = nullptr) {
  auto out = std::string(list) + '[' + std::to_string(index) + ']';
  if (key != nullptr) out += std::string(".") + key;
  return out;
}

// Names that must be unique in a file, with where they stood first.
class Names {
 public:
  // The path of the first of that name, or nothing when this is the first.
  std::optional<std::string> taken(const std::string& name, const std::string& path) {
    const auto [where, first] = first_.emplace(name, path);
    return first ? std::nullopt : std::optional(where->second);
  }

 private:
  std::map<std::string, std::string> first_;
};

bool has_application_condition(const Condition& condition) {
  return std::visit(
      [](const auto& test) {
        using Test = std::decay_t<decltype(test)>;
        if constexpr (std::is_same_v<Test, Condition::Header>) {
          return true;
        } else if constexpr (std::is_same_v<Test, Condition::All> || std::is_same_v<Test, Condition::Any>) {
          return std::any_of(test.of.begin(), test.of.end(), has_application_condition);
        } else {
          return false;  // a negated header says what is not wanted, not what is
        }
      },
      condition.test);
}

bool fits(ServiceTrigger::ProfilePart part, const std::set<SessionCase>& cases) {
  const auto any = [&cases](std::initializer_list<SessionCase> wanted) {
    return std::any_of(wanted.begin(), wanted.end(), [&cases](SessionCase value) { return cases.contains(value); });
  };
  switch (part) {
    case ServiceTrigger::ProfilePart::registered:
      return any({SessionCase::originating, SessionCase::terminating_registered, SessionCase::originating_cdiv});
    case ServiceTrigger::ProfilePart::unregistered:
      return any({SessionCase::originating_unregistered, SessionCase::terminating_unregistered, SessionCase::originating_cdiv});
    case ServiceTrigger::ProfilePart::both:
      return !cases.empty();
  }
  return true;
}

// What the condition of a trigger forbids its other keys.
void check_condition(const ServiceTrigger& trigger, const ServiceFile::Trigger& file, std::size_t index, Report& report) {
  MethodSet methods;
  if (trigger.when) {
    const auto& when = *trigger.when;
    methods = possible_methods(when);
    const auto cases = possible_cases(when);
    const auto form = normal_form(when, trigger.form);
    if (!form) {
      report.error("SPF-E13", at("triggers", index, "when"), form.error().text);
    } else if (form->never || methods.empty() || cases.empty()) {
      report.error("SPF-E33", at("triggers", index, "when"), "can never be true");
    } else if (!fits(trigger.profile_part, cases)) {
      report.error("SPF-E14", at("triggers", index, "profile_part"), "contradicts the session case of the condition");
    }
    if (!methods.all_but && methods.contains("MESSAGE") && !has_application_condition(when)) {
      report.warning("SPF-W02", at("triggers", index, "when"),
                     "takes every MESSAGE, text messages and chat too; add a header condition for the application");
    }
  }
  if (trigger.terminate_on_failure && methods.contains("REGISTER")) {
    report.error("SPF-E21", at("triggers", index, "default_handling"),
                 "terminated would de-register users while we are down; exclude REGISTER or use continued");
  }
  if (!file.service_info.empty() && !methods.contains("REGISTER")) {
    report.warning("SPF-W01", at("triggers", index, "service_info"), "is sent only with REGISTER");
  }
  if ((trigger.include_register_request || trigger.include_register_response) && !methods.only("REGISTER")) {
    report.error("SPF-E16", at("triggers", index, "register"), "belongs to a condition on method REGISTER");
  }
}

ServiceTrigger make_trigger(const ServiceFile::Trigger& file, Handling inherited, std::size_t index, Report& report) {
  ServiceTrigger out;
  out.name = file.name;
  out.priority = static_cast<int>(file.priority);
  out.form = file.form;
  out.profile_part = file.profile_part;
  out.terminate_on_failure =
      (file.default_handling == Handling::inherit ? inherited : file.default_handling) == Handling::terminated;
  out.service_info = file.service_info;
  out.include_register_request = file.registration.include_request;
  out.include_register_response = file.registration.include_response;
  out.tag = file.tag;
  out.servlet = file.servlet;
  out.enabled = file.enabled;
  if (file.when.kind != ConfigNode::Kind::null) {
    out.when = read_condition(file.when, at("triggers", index, "when"), report.issues());
    if (!out.when) return out;
  }
  check_condition(out, file, index, report);
  return out;
}

// sip:push-!.*!@ims.lab; the pattern between ! is a regular expression (TS 23.003 13.5).
void check_wildcard(const std::string& uri, const std::string& path, Report& report) {
  const auto first = uri.find('!');
  const auto last = uri.rfind('!');
  if (first == std::string::npos || last <= first + 1) {
    report.error("SPF-E20", path, "needs a pattern between exclamation marks, as sip:push-!.*!@ims.lab");
    return;
  }
  const auto pattern = uri.substr(first + 1, last - first - 1);
  if (const auto problem = portability_problem(pattern, false); !problem.empty()) {
    report.error("SPF-E34", path, "the pattern " + problem);
  } else if (const auto compiled = PortableRegex::compile(pattern); !compiled) {
    report.error("SPF-E35", path, "the pattern does not compile: " + compiled.error().text);
  }
}

ServiceIdentity make_identity(const ServiceFile::Identity& file, Handling inherited, std::size_t index, Report& report) {
  ServiceIdentity out;
  out.uri = file.uri;
  out.type = file.type;
  out.barred = file.barred;
  const auto path = at("identities", index, "uri");
  auto plain = file.uri;
  if (file.type == ServiceIdentity::Type::wildcarded_psi) {
    check_wildcard(file.uri, path, report);
    const auto first = plain.find('!');
    const auto last = plain.rfind('!');
    if (last != std::string::npos && last > first) plain.replace(first, last - first + 1, "x");
  }
  const auto uri = SipUri::parse(plain);
  if (!uri || (!uri->is_sip() && !uri->is_tel())) report.error("SPF-E19", path, "must be a sip: or tel: URI");
  if (file.unconditional) {
    const auto& from = *file.unconditional;
    out.unconditional = ServiceIdentity::Unconditional{
        from.servlet, from.tag, static_cast<int>(from.priority),
        (from.default_handling == Handling::inherit ? inherited : from.default_handling) == Handling::terminated};
  }
  return out;
}

ServiceApplication make_application(const ServiceFile::Application& file) {
  ServiceApplication out;
  out.id = file.id;
  out.consent = file.consent;
  out.bypass_consent = file.bypass_consent;
  out.modes = file.modes;
  out.pager_max_bytes = file.pager_max_bytes;
  out.types = file.types;
  out.hold_unregistered = file.deliver_unregistered == ServiceFile::Absent::hold;
  out.max_rate = file.max_rate;
  out.report = file.report;
  out.icsi = file.icsi;
  out.iari = file.iari;
  return out;
}

void check_unique(const ServiceFile& file, Report& report) {
  Names names, priorities, tags, apps, identities;
  const auto repeated = [](const std::string& first) { return "is used already by " + first; };
  for (std::size_t i = 0; i < file.triggers.size(); ++i) {
    const auto& trigger = file.triggers[i];
    if (const auto first = names.taken(trigger.name, at("triggers", i))) {
      report.error("SPF-E10", at("triggers", i, "name"), repeated(*first));
    }
    if (const auto first = priorities.taken(std::to_string(trigger.priority), at("triggers", i))) {
      report.error("SPF-E11", at("triggers", i, "priority"), repeated(*first));
    }
    if (trigger.tag.empty()) continue;
    if (const auto first = tags.taken(trigger.tag, at("triggers", i))) {
      report.error("SPF-E17", at("triggers", i, "tag"), repeated(*first));
    }
  }
  for (std::size_t i = 0; i < file.identities.size(); ++i) {
    const auto& identity = file.identities[i];
    if (const auto first = identities.taken(canonical_identity(identity.uri), at("identities", i))) {
      report.error("SPF-E19", at("identities", i, "uri"), repeated(*first));
    }
    if (!identity.unconditional) continue;
    // Several identities may share one tag: they mean the same part of the module. A trigger means something else.
    if (const auto first = tags.taken(identity.unconditional->tag, at("identities", i));
        first && first->starts_with("triggers")) {
      report.error("SPF-E17", at("identities", i, "unconditional.tag"), repeated(*first));
    }
  }
  for (std::size_t i = 0; i < file.apps.size(); ++i) {
    if (const auto first = apps.taken(file.apps[i].id, at("apps", i))) {
      report.error("SPF-E23", at("apps", i, "id"), repeated(*first));
    }
    auto modes = file.apps[i].modes;
    std::sort(modes.begin(), modes.end());
    if (std::adjacent_find(modes.begin(), modes.end()) != modes.end()) {
      report.error("SPF-E25", at("apps", i, "modes"), "names a mode twice");
    }
    if (file.apps[i].pager_max_bytes > 1300) {
      report.warning("SPF-W03", at("apps", i, "pager_max_bytes"), "over 1300 bytes a MESSAGE may not pass every hop");
    }
  }
}

ServiceProfile make_profile(const ServiceFile& file, const ServiceRules& rules, Report& report) {
  ServiceProfile out;
  out.id = file.service.id;
  out.application = file.service.application;
  if (!rules.applications.empty() &&
      std::find(rules.applications.begin(), rules.applications.end(), out.application) == rules.applications.end()) {
    report.error("SPF-E03", "service.application",
                 "no module \"" + out.application + "\" is configured" + did_you_mean(out.application, rules.applications));
  }
  auto server = SipUri::parse(file.service.server_name);
  if (server && !server->params.has("lr")) server->params.set("lr");
  out.server_name = server ? server->text() : file.service.server_name;
  out.shared_ifc_sets = file.service.shared_ifc_sets;
  if (file.service.emit == ServiceFile::Emit::shared) out.emit_shared_set = file.service.shared_set_id;
  out.terminate_on_failure = file.defaults.default_handling == Handling::terminated;
  out.max_body = file.defaults.max_body;
  out.package_name = file.package.name;
  out.appid_parameter = file.package.appid_param;
  const bool all_unconditional =
      !file.identities.empty() && std::all_of(file.identities.begin(), file.identities.end(),
                                              [](const auto& identity) { return identity.unconditional.has_value(); });
  if (file.triggers.empty() && !all_unconditional) report.error("SPF-E09", "triggers", "needs at least one trigger");
  check_unique(file, report);
  for (std::size_t i = 0; i < file.triggers.size(); ++i) {
    out.triggers.push_back(make_trigger(file.triggers[i], file.defaults.default_handling, i, report));
  }
  for (std::size_t i = 0; i < file.identities.size(); ++i) {
    out.identities.push_back(make_identity(file.identities[i], file.defaults.default_handling, i, report));
  }
  for (const auto& app : file.apps) out.apps.push_back(make_application(app));
  return out;
}

// Gives each issue of the schema its code.
void add_codes(const ConfigIssues& plain, ConfigIssues& out) {
  for (const auto& issue : plain.all()) {
    const char* code = issue.text.starts_with("unknown key") ? "SPF-E30" : spf_code_of(issue.key);
    // The one key whose warning has a number of its own: out of range it is simply wrong.
    if (std::string_view(code) == "SPF-W03") code = "SPF-E30";
    out.error(issue.mark, issue.key, std::string(code) + ": " + issue.text);
  }
}

std::optional<ServiceProfile> from_tree(const ConfigNode& root, const ServiceRules& rules, ConfigIssues& issues) {
  ConfigIssues plain;
  const auto file = service_file_schema().parse(root, plain);
  if (!plain.ok()) {
    add_codes(plain, issues);
    return std::nullopt;
  }
  const auto before = issues.error_count();
  Report report(root, issues);
  auto profile = make_profile(file, rules, report);
  if (issues.error_count() != before) return std::nullopt;
  profile.file = root.mark.file;
  return profile;
}

void add_yaml_codes(const ConfigIssues& plain, ConfigIssues& out) {
  for (const auto& issue : plain.all()) out.error(issue.mark, issue.key, "SPF-E31: " + issue.text);
}

}  // namespace

std::optional<ServiceProfile> parse_service_profile(std::string_view text, const std::string& name, const ServiceRules& rules,
                                                    ConfigIssues& issues) {
  ConfigIssues plain;
  const auto root = parse_yaml(text, name, plain);
  add_yaml_codes(plain, issues);
  return root ? from_tree(*root, rules, issues) : std::nullopt;
}

std::optional<std::vector<ServiceProfile>> load_service_profiles(const std::vector<std::string>& files, const ServiceRules& rules,
                                                                 ConfigIssues& issues) {
  std::vector<ServiceProfile> out;
  Names ids;
  std::map<int, std::string> priorities;
  const auto before = issues.error_count();
  for (const auto& file : files) {
    ConfigIssues plain;
    const auto root = load_yaml(file, plain);
    add_yaml_codes(plain, issues);
    auto profile = root ? from_tree(*root, rules, issues) : std::nullopt;
    if (!profile) continue;
    Report report(*root, issues);
    if (const auto first = ids.taken(profile->id, file)) report.error("SPF-E02", "service.id", "is used already in " + *first);
    // The S-CSCF sees the triggers of all services in one list. IFC-1
    for (std::size_t i = 0; i < profile->triggers.size(); ++i) {
      const auto& trigger = profile->triggers[i];
      const auto [other, first] = priorities.emplace(trigger.priority, profile->id + '/' + trigger.name);
      if (!first) {
        report.error("SPF-E11", at("triggers", i, "priority"), "is used already by " + other->second);
      }
    }
    out.push_back(std::move(*profile));
  }
  if (issues.error_count() != before) return std::nullopt;
  return out;
}

std::vector<ConfigKeyDoc> service_profile_documentation() { return service_file_schema().documentation(); }

}  // namespace herald
