#include "ims/ifc_parser.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <pugixml.hpp>

#include "ims/ifc_exporter.h"

namespace herald::ims {
namespace {

constexpr std::size_t kMaxText = 1024 * 1024;
constexpr std::size_t kMaxProfiles = 64;
constexpr std::size_t kMaxCriteria = 1024;
constexpr std::size_t kMaxSpts = 4096;
constexpr std::size_t kMaxDepth = 32;

std::string text_of(pugi::xml_node node) {
  std::string out = node.text().get();
  const auto first = out.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return out.substr(first, out.find_last_not_of(" \t\r\n") - first + 1);
}

Unexpected bad(const char* element, const char* what) {
  return fail(ErrorCode::invalid, std::string("iFC: ") + element + ' ' + what);
}

Expected<int> number_of(pugi::xml_node node, int max) {
  const auto text = text_of(node);
  int value = 0;
  const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || next != text.data() + text.size() || value < 0 || value > max)
    return bad(node.name(), "has no good number");
  return value;
}

// 0, 1, true, false; `otherwise` when the element is absent.
Expected<bool> truth_of(pugi::xml_node node, bool otherwise) {
  if (!node) return otherwise;
  const auto text = text_of(node);
  if (text == "1" || text == "true") return true;
  if (text == "0" || text == "false") return false;
  return bad(node.name(), "is neither 0 nor 1");
}

std::optional<std::string> optional_text(pugi::xml_node node) {
  return node ? std::optional<std::string>(text_of(node)) : std::nullopt;
}

Expected<Spt> spt_of(pugi::xml_node node) {
  Spt out;
  const auto negated = truth_of(node.child("ConditionNegated"), false);
  if (!negated) return fail(negated.error());
  out.negated = *negated;
  if (const auto method = node.child("Method")) {
    MethodSpt test{text_of(method), {}};
    for (const auto type : node.child("Extension").children("RegistrationType")) {
      const auto value = number_of(type, 2);
      if (!value) return fail(value.error());
      test.registration.push_back(static_cast<RegistrationType>(*value));
    }
    std::sort(test.registration.begin(), test.registration.end());
    out.test = std::move(test);
  } else if (const auto session = node.child("SessionCase")) {
    const auto value = number_of(session, 4);
    if (!value) return fail(value.error());
    out.test = CaseSpt{static_cast<SessionCase>(*value)};
  } else if (const auto uri = node.child("RequestURI")) {
    out.test = UriSpt{text_of(uri)};
  } else if (const auto header = node.child("SIPHeader")) {
    out.test = HeaderSpt{text_of(header.child("Header")), optional_text(header.child("Content"))};
  } else if (const auto sdp = node.child("SessionDescription")) {
    out.test = SdpSpt{text_of(sdp.child("Line")), optional_text(sdp.child("Content"))};
  } else {
    return bad("SPT", "tests nothing");
  }
  return out;
}

Expected<TriggerPoint> trigger_of(pugi::xml_node node, std::size_t& spts) {
  TriggerPoint out;
  const auto cnf = truth_of(node.child("ConditionTypeCNF"), false);
  if (!cnf) return fail(cnf.error());
  out.cnf = *cnf;
  std::map<int, std::vector<Spt>> groups;
  for (const auto child : node.children("SPT")) {
    if (++spts > kMaxSpts) return fail(ErrorCode::too_large, "iFC: more than 4096 SPTs");
    const auto spt = spt_of(child);
    if (!spt) return fail(spt.error());
    if (!child.child("Group")) return bad("SPT", "has no Group");
    for (const auto group : child.children("Group")) {  // IFC-8: it counts in each
      const auto number = number_of(group, 1'000'000);
      if (!number) return fail(number.error());
      groups[*number].push_back(*spt);
    }
  }
  for (auto& [number, group] : groups) {
    std::sort(group.begin(), group.end());
    out.groups.push_back(std::move(group));
  }
  return out;
}

Expected<FilterCriteria> criteria_of(pugi::xml_node node, std::size_t& spts) {
  FilterCriteria out;
  const auto priority = number_of(node.child("Priority"), 2'147'483'647);
  if (!priority) return bad("InitialFilterCriteria", "has no good Priority");
  out.priority = *priority;
  if (const auto point = node.child("TriggerPoint")) {
    auto trigger = trigger_of(point, spts);
    if (!trigger) return fail(trigger.error());
    out.trigger = std::move(*trigger);
  }
  const auto server = node.child("ApplicationServer");
  out.server_name = text_of(server.child("ServerName"));
  if (out.server_name.empty()) return bad("InitialFilterCriteria", "has no ServerName");
  const auto handling = truth_of(server.child("DefaultHandling"), false);
  if (!handling) return fail(handling.error());
  out.terminate_on_failure = *handling;
  out.service_info = text_of(server.child("ServiceInfo"));
  out.include_register_request = !server.child("Extension").child("IncludeRegisterRequest").empty();
  out.include_register_response = !server.child("Extension").child("IncludeRegisterResponse").empty();
  if (const auto part = node.child("ProfilePartIndicator")) {
    const auto unregistered = truth_of(part, false);
    if (!unregistered) return fail(unregistered.error());
    out.profile_part = *unregistered ? ServiceTrigger::ProfilePart::unregistered : ServiceTrigger::ProfilePart::registered;
  }
  return out;
}

Expected<UserProfile> profile_of(pugi::xml_node node, std::size_t& criteria, std::size_t& spts) {
  UserProfile out;
  for (const auto child : node.children("PublicIdentity")) {
    PublicIdentityEntry identity;
    identity.uri = text_of(child.child("Identity"));
    const auto barred = truth_of(child.child("BarringIndication"), false);
    if (!barred) return fail(barred.error());
    identity.barred = *barred;
    if (const auto type = child.child("Extension").child("IdentityType")) {
      const auto value = number_of(type, 4);
      if (!value) return fail(value.error());
      if (*value <= 2) identity.type = static_cast<ServiceIdentity::Type>(*value);
    }
    out.identities.push_back(std::move(identity));
  }
  for (const auto child : node.children("InitialFilterCriteria")) {
    if (++criteria > kMaxCriteria) return fail(ErrorCode::too_large, "iFC: more than 1024 criteria");
    auto one = criteria_of(child, spts);
    if (!one) return fail(one.error());
    out.criteria.push_back(std::move(*one));
  }
  std::stable_sort(out.criteria.begin(), out.criteria.end(),
                   [](const FilterCriteria& a, const FilterCriteria& b) { return a.priority < b.priority; });
  for (const auto child : node.child("Extension").children("SharedIFCSetID")) {
    const auto id = number_of(child, 2'147'483'647);
    if (!id) return fail(id.error());
    out.shared_sets.push_back(static_cast<std::uint32_t>(*id));
  }
  return out;
}

// Depth before the tree is built: the library's own recursion is not limited.
bool too_deep(std::string_view xml) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i + 1 < xml.size(); ++i) {
    if (xml[i] == '<') {
      if (xml[i + 1] == '/') {
        if (depth > 0) --depth;
      } else if (xml[i + 1] != '!' && xml[i + 1] != '?') {
        if (++depth > 4 * kMaxDepth) return true;
      }
    } else if (xml[i] == '/' && xml[i + 1] == '>' && depth > 0) {
      --depth;
    }
  }
  return false;
}

std::string shown(const FilterCriteria& criteria) { return "priority " + std::to_string(criteria.priority); }

std::string text_of_trigger(const std::optional<TriggerPoint>& trigger) {
  if (!trigger) return "unconditional";
  return std::string(trigger->cnf ? "CNF" : "DNF") + " with " + std::to_string(trigger->groups.size()) + " groups";
}

// Group numbers are labels and their order says nothing (IFC-9).
std::optional<TriggerPoint> unordered(std::optional<TriggerPoint> trigger) {
  if (!trigger) return trigger;
  std::sort(trigger->groups.begin(), trigger->groups.end());
  if (trigger->groups.size() == 1 && trigger->groups.front().size() == 1) trigger->cnf = false;  // both forms say the same
  return trigger;
}

void compare(const FilterCriteria& ours, const FilterCriteria& theirs, std::vector<std::string>& out) {
  const auto name = shown(ours);
  const auto flag = [&](const char* what, bool mine, bool other) {
    if (mine != other) out.push_back(name + ": " + what + " is " + (other ? "1" : "0") + ", ours " + (mine ? "1" : "0"));
  };
  if (ours.server_name != theirs.server_name) {
    out.push_back(name + ": ServerName is " + theirs.server_name + ", ours " + ours.server_name);
  }
  if (unordered(ours.trigger) != unordered(theirs.trigger)) {
    out.push_back(name + ": TriggerPoint differs: " + text_of_trigger(theirs.trigger) + ", ours " +
                  text_of_trigger(ours.trigger));
  }
  flag("DefaultHandling", ours.terminate_on_failure, theirs.terminate_on_failure);
  flag("IncludeRegisterRequest", ours.include_register_request, theirs.include_register_request);
  flag("IncludeRegisterResponse", ours.include_register_response, theirs.include_register_response);
  if (ours.service_info != theirs.service_info) out.push_back(name + ": ServiceInfo differs");
  if (ours.profile_part != theirs.profile_part) out.push_back(name + ": ProfilePartIndicator differs");
}

const FilterCriteria* of_priority(const UserProfile& profile, int priority) {
  const auto found = std::find_if(profile.criteria.begin(), profile.criteria.end(),
                                  [priority](const FilterCriteria& one) { return one.priority == priority; });
  return found == profile.criteria.end() ? nullptr : &*found;
}

// The host and user our criteria name: criteria of other application servers are nobody's difference.
std::string server_key(const FilterCriteria& criteria) { return canonical_identity(criteria.server_name); }

void compare(const UserProfile& ours, const UserProfile& theirs, const std::string& who, std::vector<std::string>& out) {
  std::vector<std::string> found;
  for (const auto& mine : ours.criteria) {
    if (const auto* other = of_priority(theirs, mine.priority)) {
      compare(mine, *other, found);
    } else {
      found.push_back(shown(mine) + ": is missing");
    }
  }
  for (const auto& other : theirs.criteria) {
    const bool to_us = std::any_of(ours.criteria.begin(), ours.criteria.end(),
                                   [&other](const FilterCriteria& mine) { return server_key(mine) == server_key(other); });
    if (to_us && of_priority(ours, other.priority) == nullptr) found.push_back(shown(other) + ": names us, but is not ours");
  }
  for (auto& line : found) out.push_back(who + ": " + std::move(line));
}

struct SptTest {
  const RequestView& request;
  ConditionEvaluator& evaluator;

  bool operator()(const MethodSpt& test) const {
    if (request.method != test.name) return false;
    if (test.registration.empty()) return true;
    return request.registration && std::find(test.registration.begin(), test.registration.end(), *request.registration) !=
                                       test.registration.end();  // IFC-12
  }
  bool operator()(const CaseSpt& test) const { return request.session_case == test.value; }
  bool operator()(const UriSpt& test) const { return evaluator.holds(Condition::RequestUri{test.regex}, request); }
  bool operator()(const HeaderSpt& test) const {
    return evaluator.holds(Condition::Header{test.name_regex, test.value}, request);
  }
  bool operator()(const SdpSpt& test) const {
    return !test.line.empty() && evaluator.holds(Condition::Sdp{test.line.front(), test.value}, request);
  }
};

}  // namespace

Expected<IfcDocument> parse_ifc(std::string_view xml) {
  if (xml.size() > kMaxText) return fail(ErrorCode::too_large, "iFC: over 1 MiB");
  if (too_deep(xml)) return fail(ErrorCode::too_large, "iFC: nested too deep");
  pugi::xml_document document;
  const auto parsed =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default & ~pugi::parse_doctype, pugi::encoding_utf8);
  if (!parsed) {
    return fail(ErrorCode::invalid,
                std::string("iFC: no XML: ") + parsed.description() + " at byte " + std::to_string(parsed.offset));
  }
  IfcDocument out;
  std::size_t criteria = 0;
  std::size_t spts = 0;
  auto root = document.document_element();
  // A file may hold one ServiceProfile, or a bare criterion as it stands in provisioning tools.
  const std::string_view name = root.name();
  if (name == "ServiceProfile" || name == "InitialFilterCriteria") root = document.root();
  if (name == "InitialFilterCriteria") {
    auto profile = profile_of(root, criteria, spts);
    if (!profile) return fail(profile.error());
    out.profiles.push_back(std::move(*profile));
    return out;
  }
  for (const auto child : root.children()) {
    const std::string_view element = child.name();
    if (element != "ServiceProfile" && element != "SharedIFCSet") continue;
    if (out.profiles.size() == kMaxProfiles) return fail(ErrorCode::too_large, "iFC: more than 64 profiles");
    auto profile = profile_of(child, criteria, spts);
    if (!profile) return fail(profile.error());
    if (element == "SharedIFCSet") {
      const auto id = number_of(child.child("SharedIFCSetID"), 2'147'483'647);
      if (!id) return fail(id.error());
      profile->shared_set = static_cast<std::uint32_t>(*id);
    }
    out.profiles.push_back(std::move(*profile));
  }
  if (out.profiles.empty()) return fail(ErrorCode::invalid, "iFC: no ServiceProfile found");
  return out;
}

std::vector<std::string> ifc_differences(const IfcDocument& ours, const IfcDocument& theirs) {
  std::vector<std::string> out;
  for (const auto& mine : ours.profiles) {
    if (mine.shared_set) {
      const auto found = std::find_if(theirs.profiles.begin(), theirs.profiles.end(),
                                      [&mine](const UserProfile& other) { return other.shared_set == mine.shared_set; });
      const auto name = "shared set " + std::to_string(*mine.shared_set);
      if (found == theirs.profiles.end()) {
        out.push_back(name + ": is missing");
      } else {
        compare(mine, *found, name, out);
      }
      continue;
    }
    if (mine.identities.empty()) {
      // What every subscriber gets: in each of their profiles that is not an identity of ours.
      bool any = false;
      for (const auto& other : theirs.profiles) {
        if (other.shared_set) continue;
        const bool is_ours = std::any_of(ours.profiles.begin(), ours.profiles.end(), [&other](const UserProfile& profile) {
          return !profile.identities.empty() && !other.identities.empty() &&
                 canonical_identity(profile.identities.front().uri) == canonical_identity(other.identities.front().uri);
        });
        if (is_ours) continue;
        any = true;
        compare(mine, other, other.identities.empty() ? "users" : other.identities.front().uri, out);
      }
      if (!any && !mine.criteria.empty()) out.emplace_back("users: no ServiceProfile of a subscriber found");
      continue;
    }
    const auto& uri = mine.identities.front().uri;
    const auto found = std::find_if(theirs.profiles.begin(), theirs.profiles.end(), [&uri](const UserProfile& other) {
      return std::any_of(other.identities.begin(), other.identities.end(), [&uri](const PublicIdentityEntry& identity) {
        return canonical_identity(identity.uri) == canonical_identity(uri);
      });
    });
    if (found == theirs.profiles.end()) {
      out.push_back(uri + ": is missing");
    } else {
      compare(mine, *found, uri, out);
    }
  }
  return out;
}

Expected<std::vector<std::string>> ifc_differences(const std::vector<ServiceProfile>& services, std::string_view xml) {
  const auto ours = make_ifc(services);
  if (!ours) return fail(ours.error());
  const auto theirs = parse_ifc(xml);
  if (!theirs) return fail(theirs.error());
  return ifc_differences(*ours, *theirs);
}

bool matches(const FilterCriteria& criteria, const RequestView& request, ConditionEvaluator& evaluator) {
  if (!criteria.trigger) return true;
  const auto holds = [&](const Spt& spt) { return std::visit(SptTest{request, evaluator}, spt.test) != spt.negated; };
  const auto& groups = criteria.trigger->groups;
  if (criteria.trigger->cnf) {
    return std::all_of(groups.begin(), groups.end(),
                       [&](const auto& group) { return std::any_of(group.begin(), group.end(), holds); });
  }
  return std::any_of(groups.begin(), groups.end(),
                     [&](const auto& group) { return std::all_of(group.begin(), group.end(), holds); });
}

}  // namespace herald::ims
