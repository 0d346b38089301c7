#include "ims/ifc_exporter.h"

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

namespace herald::ims {
namespace {

std::string server_name(const ServiceProfile& profile, const std::string& tag) {
  auto out = profile.server_name + ";app=" + profile.application;
  if (!tag.empty()) out += ";sess=" + tag;
  return out;
}

Expected<FilterCriteria> criteria_of(const ServiceProfile& profile, const ServiceTrigger& trigger) {
  FilterCriteria out;
  out.priority = trigger.priority;
  if (trigger.when) {
    auto form = normal_form(*trigger.when, trigger.form);
    if (!form) return fail(form.error().code, "trigger " + trigger.name + ' ' + form.error().text);
    if (form->never) return fail(ErrorCode::invalid, "trigger " + trigger.name + " can never be true");
    if (!form->always) out.trigger = TriggerPoint{form->cnf, std::move(form->groups)};
  }
  out.server_name = server_name(profile, trigger.tag);
  out.terminate_on_failure = trigger.terminate_on_failure;
  out.service_info = trigger.service_info;
  out.include_register_request = trigger.include_register_request;
  out.include_register_response = trigger.include_register_response;
  out.profile_part = trigger.profile_part;
  return out;
}

pugi::xml_node add(pugi::xml_node parent, const char* name, const std::string& text) {
  auto node = parent.append_child(name);
  node.text().set(text.c_str());
  return node;
}
pugi::xml_node add(pugi::xml_node parent, const char* name, int value) { return add(parent, name, std::to_string(value)); }

struct SptWriter {
  pugi::xml_node spt;

  void operator()(const MethodSpt& test) { add(spt, "Method", test.name); }
  void operator()(const CaseSpt& test) { add(spt, "SessionCase", static_cast<int>(test.value)); }
  void operator()(const UriSpt& test) { add(spt, "RequestURI", test.regex); }
  void operator()(const HeaderSpt& test) {
    auto header = spt.append_child("SIPHeader");
    add(header, "Header", test.name_regex);
    if (test.value) add(header, "Content", *test.value);
  }
  void operator()(const SdpSpt& test) {
    auto sdp = spt.append_child("SessionDescription");
    add(sdp, "Line", test.line);
    if (test.value) add(sdp, "Content", *test.value);
  }
};

// One Group element an SPT, and those of one group stand together: not every core reads more. SPF-31
void write_trigger(pugi::xml_node parent, const TriggerPoint& trigger) {
  auto point = parent.append_child("TriggerPoint");
  add(point, "ConditionTypeCNF", trigger.cnf ? 1 : 0);
  for (std::size_t group = 0; group < trigger.groups.size(); ++group) {
    for (const auto& test : trigger.groups[group]) {
      auto spt = point.append_child("SPT");
      add(spt, "ConditionNegated", test.negated ? 1 : 0);
      add(spt, "Group", static_cast<int>(group));
      std::visit(SptWriter{spt}, test.test);
      const auto* method = std::get_if<MethodSpt>(&test.test);
      if (method == nullptr || method->registration.empty()) continue;
      auto extension = spt.append_child("Extension");
      for (const auto type : method->registration) add(extension, "RegistrationType", static_cast<int>(type));
    }
  }
}

void write_criteria(pugi::xml_node parent, const FilterCriteria& criteria) {
  auto node = parent.append_child("InitialFilterCriteria");
  add(node, "Priority", criteria.priority);
  if (criteria.trigger) write_trigger(node, *criteria.trigger);
  auto server = node.append_child("ApplicationServer");
  add(server, "ServerName", criteria.server_name);
  add(server, "DefaultHandling", criteria.terminate_on_failure ? 1 : 0);
  if (!criteria.service_info.empty()) add(server, "ServiceInfo", criteria.service_info);
  if (criteria.include_register_request || criteria.include_register_response) {
    auto extension = server.append_child("Extension");
    if (criteria.include_register_request) extension.append_child("IncludeRegisterRequest");
    if (criteria.include_register_response) extension.append_child("IncludeRegisterResponse");
  }
  if (criteria.profile_part != ServiceTrigger::ProfilePart::both) {
    add(node, "ProfilePartIndicator", criteria.profile_part == ServiceTrigger::ProfilePart::unregistered ? 1 : 0);
  }
}

void write_identity(pugi::xml_node parent, const PublicIdentityEntry& identity) {
  auto node = parent.append_child("PublicIdentity");
  if (identity.barred) add(node, "BarringIndication", 1);
  add(node, "Identity", identity.uri);
  if (identity.type == ServiceIdentity::Type::public_user) return;
  auto extension = node.append_child("Extension");
  add(extension, "IdentityType", static_cast<int>(identity.type));
  if (identity.type == ServiceIdentity::Type::wildcarded_psi) add(extension, "WildcardedPSI", identity.uri);
}

std::vector<FilterCriteria> by_priority(std::vector<FilterCriteria> criteria) {
  std::stable_sort(criteria.begin(), criteria.end(),
                   [](const FilterCriteria& a, const FilterCriteria& b) { return a.priority < b.priority; });
  return criteria;
}

// Every request to an identity of the service is the service's.
UserProfile profile_of(const ServiceProfile& service, const ServiceIdentity& identity) {
  FilterCriteria criteria;
  criteria.priority = identity.unconditional->priority;
  criteria.server_name = server_name(service, identity.unconditional->tag);
  criteria.terminate_on_failure = identity.unconditional->terminate_on_failure;
  UserProfile out;
  out.identities.push_back({identity.uri, identity.barred, identity.type});
  out.criteria.push_back(std::move(criteria));
  return out;
}

}  // namespace

Expected<IfcDocument> make_ifc(const std::vector<ServiceProfile>& services) {
  UserProfile users;
  std::vector<UserProfile> shared;
  std::vector<UserProfile> own;
  const auto add_shared = [&users](std::uint32_t id) {
    if (std::find(users.shared_sets.begin(), users.shared_sets.end(), id) == users.shared_sets.end())
      users.shared_sets.push_back(id);
  };
  for (const auto& service : services) {
    std::vector<FilterCriteria> criteria;
    for (const auto& trigger : service.triggers) {
      if (!trigger.enabled) continue;
      auto one = criteria_of(service, trigger);
      if (!one) return fail(one.error());
      criteria.push_back(std::move(*one));
    }
    for (const auto id : service.shared_ifc_sets) add_shared(id);
    if (service.emit_shared_set) {
      add_shared(*service.emit_shared_set);
      shared.push_back({{}, by_priority(std::move(criteria)), {}, service.emit_shared_set});
    } else {
      users.criteria.insert(users.criteria.end(), criteria.begin(), criteria.end());
    }
    for (const auto& identity : service.identities) {
      if (identity.unconditional) own.push_back(profile_of(service, identity));
    }
  }
  users.criteria = by_priority(std::move(users.criteria));
  IfcDocument out;
  if (!users.criteria.empty() || !users.shared_sets.empty()) out.profiles.push_back(std::move(users));
  out.profiles.insert(out.profiles.end(), shared.begin(), shared.end());
  out.profiles.insert(out.profiles.end(), own.begin(), own.end());
  return out;
}

std::string write_ifc(const IfcDocument& document) {
  pugi::xml_document xml;
  auto declaration = xml.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  auto root = xml.append_child("IMSSubscription");
  for (const auto& profile : document.profiles) {
    auto parent = root;
    if (profile.shared_set) {
      parent = root.append_child("SharedIFCSet");
      add(parent, "SharedIFCSetID", std::to_string(*profile.shared_set));
    } else {
      parent = root.append_child("ServiceProfile");
    }
    for (const auto& identity : profile.identities) write_identity(parent, identity);
    for (const auto& criteria : profile.criteria) write_criteria(parent, criteria);
    if (!profile.shared_sets.empty()) {
      auto extension = parent.append_child("Extension");
      for (const auto id : profile.shared_sets) add(extension, "SharedIFCSetID", std::to_string(id));
    }
  }
  std::ostringstream out;
  xml.save(out, "  ", pugi::format_indent, pugi::encoding_utf8);
  return out.str();
}

Expected<std::string> export_ifc(const std::vector<ServiceProfile>& services) {
  const auto document = make_ifc(services);
  if (!document) return fail(document.error());
  return write_ifc(*document);
}

}  // namespace herald::ims
