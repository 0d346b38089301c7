#include "pap/pap_capabilities.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>
#include <sstream>

#include "pap/pap_application.h"
#include "text/bounded_xml.h"

namespace herald::push::pap {
namespace {

constexpr std::string_view kRdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
constexpr const char* kUaProf = "http://www.openmobilealliance.org/tech/profiles/UAPROF/ccppschema-20021212#";
constexpr std::size_t kMaxValues = 256;

// The values of a property: the items of its rdf:Bag or rdf:Seq, else its own text.
void add_values(const pugi::xml_node& property, std::vector<std::string>& out) {
  bool listed = false;
  for (const auto& bag : property.children()) {
    if (bag.type() != pugi::node_element) continue;
    for (const auto& item : bag.children()) {
      if (item.type() != pugi::node_element || xml::local_name(item) != "li") continue;
      listed = true;
      auto value = xml::text_of(item);
      if (!value.empty() && out.size() < kMaxValues) out.push_back(std::move(value));
    }
  }
  if (listed) return;
  auto value = xml::text_of(property);
  if (!value.empty() && out.size() < kMaxValues) out.push_back(std::move(value));
}

struct PropertyReader final : pugi::xml_tree_walker {
  bool for_each(pugi::xml_node& node) override {
    if (node.type() != pugi::node_element) return true;
    const auto name = xml::local_name(node);
    if (name == "Push-Accept" || name == "CcppAccept") add_values(node, out.types);
    if (name == "Push-Accept-Encoding" || name == "CcppAccept-Encoding") add_values(node, out.encodings);
    if (name == "Push-Accept-AppID") add_values(node, out.applications);
    if (name == "Push-MsgSize") {
      const auto text = xml::text_of(node);
      std::size_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error == std::errc{} && end == text.data() + text.size()) out.max_size = value;
    }
    return true;
  }
  Assumed out;
};

// "base64" and the like say how bytes are written in MIME: nothing a receiver would have to support.
bool is_transfer_encoding(std::string_view name) {
  constexpr std::string_view kNames[] = {"base64", "quoted-printable", "binary", "8bit", "7bit", "identity"};
  return std::any_of(std::begin(kNames), std::end(kNames), [&](auto one) { return one == name; });
}

void write_bag(pugi::xml_node component, const char* name, const std::vector<std::string>& values) {
  if (values.empty()) return;
  auto bag = component.append_child(name).append_child("rdf:Bag");
  for (const auto& value : values) bag.append_child("rdf:li").text().set(value.c_str());
}

std::vector<std::string> supported(const Capabilities& merged, FactKind kind) {
  std::vector<std::string> out;
  for (const auto& fact : merged.facts) {
    if (fact.kind != kind || !fact.supported || fact.value.empty()) continue;
    const auto answer = kind == FactKind::type          ? merged.takes_type(fact.value)
                        : kind == FactKind::encoding    ? merged.takes_encoding(fact.value)
                        : kind == FactKind::application ? merged.takes_application(fact.value)
                                                        : Support::yes;
    if (answer != Support::yes || std::find(out.begin(), out.end(), fact.value) != out.end()) continue;
    out.push_back(fact.value);
  }
  return out;
}

}  // namespace

Checked<Assumed> read_profile(std::string_view text) {
  pugi::xml_document document;
  if (auto loaded = xml::load(document, text, {std::size_t{256} * 1024, 12, 4096, 1024}); !loaded) {
    return refuse(400, 2000, "capability entity: " + loaded.error().text);
  }
  const auto root = document.document_element();
  if (!xml::is(root, kRdf, "RDF")) return refuse(501, 3004, "capability entity: not RDF");
  PropertyReader reader;
  document.traverse(reader);
  auto& out = reader.out;
  if (out.types.empty() && out.encodings.empty() && out.applications.empty() && out.max_size == 0) {
    return refuse(501, 3004, "capability entity: none of its properties can be compared");
  }
  return out;
}

bool knows_something(const CapabilityReport& report) {
  return std::any_of(report.facts.begin(), report.facts.end(),
                     [](const auto& fact) { return fact.source != FactSource::service_default; });
}

Checked<void> compare(const Assumed& assumed, const CapabilityReport& report) {
  if (!knows_something(report)) return refuse(422, 3008, "nothing is known about what the receiver can do");
  const auto merged = merge_facts(report.facts, {}, report.application, report.now);
  for (const auto& written : assumed.applications) {
    const auto id = read_application(written);
    const auto token = id ? id->token : written;
    if (token != "*" && merged.takes_application(token) == Support::no) {
      return refuse(422, 2006, "the receiver does not have the application " + token.substr(0, 64));
    }
  }
  for (const auto& type : assumed.types) {
    const auto range = media_range(type);
    if (range.find('*') == std::string::npos && merged.takes_type(range) == Support::no) {
      return refuse(422, 2005, "the receiver does not take " + range.substr(0, 64));
    }
  }
  for (const auto& encoding : assumed.encodings) {
    if (!is_transfer_encoding(encoding) && merged.takes_encoding(encoding) == Support::no) {
      return refuse(422, 2005, "the receiver does not take the encoding " + encoding.substr(0, 64));
    }
  }
  const auto most = merged.max_size();
  if (most && assumed.max_size > *most) {
    return refuse(422, 2005, "the receiver takes " + std::to_string(*most) + " bytes at most");
  }
  return {};
}

std::string write_profile(const CapabilityReport& report) {
  const auto merged = merge_facts(report.facts, {}, report.application, report.now);
  pugi::xml_document document;
  auto root = document.append_child("rdf:RDF");
  root.append_attribute("xmlns:rdf").set_value(std::string(kRdf).c_str());
  root.append_attribute("xmlns:prf").set_value(kUaProf);
  auto profile = root.append_child("rdf:Description");
  profile.append_attribute("rdf:ID").set_value("Profile");
  auto component = profile.append_child("prf:component").append_child("rdf:Description");
  component.append_attribute("rdf:ID").set_value("PushCharacteristics");
  component.append_child("rdf:type")
      .append_attribute("rdf:resource")
      .set_value((std::string(kUaProf) + "PushCharacteristics").c_str());
  write_bag(component, "prf:Push-Accept", supported(merged, FactKind::type));
  write_bag(component, "prf:Push-Accept-Encoding", supported(merged, FactKind::encoding));
  auto applications = supported(merged, FactKind::application);
  for (auto& one : applications) {
    if (const auto id = read_application(one)) one = id->urn;
  }
  write_bag(component, "prf:Push-Accept-AppID", applications);
  if (const auto most = merged.max_size()) {
    component.append_child("prf:Push-MsgSize").text().set(std::to_string(*most).c_str());
  }
  std::ostringstream out;
  document.save(out, "", pugi::format_raw, pugi::encoding_utf8);
  return out.str();
}

}  // namespace herald::push::pap
