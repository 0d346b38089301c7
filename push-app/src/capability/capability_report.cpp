#include "capability/capability_report.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "capability/capability_sources.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const CapabilityFact& fact) {
  Json out;
  out["kind"] = to_string(fact.kind);
  out["value"] = fact.value;
  out["supported"] = fact.supported;
  out["source"] = to_string(fact.source);
  if (!fact.contact.empty()) out["contact"] = fact.contact;
  if (!fact.application.empty()) out["application"] = fact.application;
  if (fact.learned != WallTime{}) out["learned"] = to_rfc3339(fact.learned);
  if (fact.valid_until) out["valid_until"] = to_rfc3339(*fact.valid_until);
  return out;
}

bool wins(const CapabilityFact& fact, const Capabilities& merged) {
  return std::find(merged.facts.begin(), merged.facts.end(), fact) != merged.facts.end();
}

std::string_view to_text(Support support) { return support == Support::yes ? "yes" : support == Support::no ? "no" : "unknown"; }

// What a delivery would go by.
Json summary(const Capabilities& merged) {
  Json out;
  for (const auto mode : {DeliveryMode::notify, DeliveryMode::pager, DeliveryMode::msrp, DeliveryMode::indirection}) {
    out["modes"][std::string(mode_name(mode))] = to_text(merged.takes_mode(mode));
  }
  Json types = Json::array();
  Json refused = Json::array();
  for (const auto& fact : merged.facts) {
    if (fact.kind != FactKind::type) continue;
    const auto answer = merged.takes_type(fact.value);
    if (fact.supported && answer == Support::yes && std::find(types.begin(), types.end(), fact.value) == types.end()) {
      types.push_back(fact.value);
    }
    if (!fact.supported && answer == Support::no && std::find(refused.begin(), refused.end(), fact.value) == refused.end()) {
      refused.push_back(fact.value);
    }
  }
  out["types"] = std::move(types);
  out["refused_types"] = std::move(refused);
  if (const auto bytes = merged.max_size()) out["max_size"] = *bytes;
  Json facts = Json::array();
  for (const auto& fact : merged.facts) facts.push_back(to_json(fact));
  out["facts"] = std::move(facts);
  return out;
}

Json to_json(const RegisteredContact& contact, const CapabilityReport& report) {
  Json out;
  out["contact"] = contact.uri;
  if (const auto instance = contact.params.get("+sip.instance")) out["instance"] = std::string(*instance);
  if (auto gruu = gruu_of(contact, "pub-gruu"); !gruu.empty()) out["gruu"] = std::move(gruu);
  out["expires"] = to_rfc3339(contact.expires);
  out["applications"] = contact.applications;
  out["asked"] = std::find(report.asked.begin(), report.asked.end(), contact.uri) != report.asked.end();
  out.update(summary(merge_facts(report.facts, contact.uri, report.application, report.now)));
  return out;
}

}  // namespace

std::string to_json(const CapabilityReport& report) {
  Json out;
  out["user"] = report.user;
  out["registered"] = report.registration.has_value();
  if (!report.application.empty()) out["application"] = report.application;
  out["provisioned"] = report.profile_failed ? "unavailable" : "known";
  out["asked"] = report.asked;
  out["contacts"] = Json::array();
  if (report.registration) {
    for (const auto& contact : report.registration->contacts) out["contacts"].push_back(to_json(contact, report));
  }
  // The user as a whole: what a request to the AoR goes by.
  out["merged"] = summary(merge_facts(report.facts, {}, report.application, report.now));
  out["merged"].erase("facts");
  out["facts"] = Json::array();
  std::map<std::pair<std::string, std::string>, Capabilities> merged;
  for (const auto& fact : report.facts) {
    const auto& application = report.application.empty() ? fact.application : report.application;
    auto entry = to_json(fact);
    const auto [known, fresh] = merged.try_emplace({fact.contact, application});
    if (fresh) known->second = merge_facts(report.facts, fact.contact, application, report.now);
    entry["wins"] = wins(fact, known->second);
    out["facts"].push_back(std::move(entry));
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace herald::push
