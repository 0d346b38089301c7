#include "capability/pidf.h"

#include <algorithm>
#include <array>
#include <utility>

#include "herald/sip_uri.h"
#include "initiator/initiator_auth.h"
#include "text/bounded_xml.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

constexpr std::string_view kPidf = "urn:ietf:params:xml:ns:pidf";
constexpr std::string_view kCaps = "urn:ietf:params:xml:ns:pidf:caps";
constexpr std::string_view kDataModel = "urn:ietf:params:xml:ns:pidf:data-model";
constexpr std::size_t kMaxTuples = 32;
constexpr std::size_t kMaxUri = 512;

Unexpected bad(std::string text) { return fail(ErrorCode::invalid, "PIDF: " + std::move(text)); }

// RFC 5196 3.2, 3.3: elements that hold <supported> and <notsupported> lists.
struct ListElement {
  std::string_view name;
  FactKind kind;
  std::string_view feature;  // kind feature: "duplex" makes "duplex=full"
};
constexpr std::array kLists{
    ListElement{"methods", FactKind::method, {}},
    ListElement{"event-packages", FactKind::event, {}},
    ListElement{"extensions", FactKind::extension, {}},
    ListElement{"schemes", FactKind::scheme, {}},
    ListElement{"type", FactKind::type, {}},
    ListElement{"duplex", FactKind::feature, "duplex"},
    ListElement{"class", FactKind::feature, "class"},
    ListElement{"actor", FactKind::feature, "actor"},
    ListElement{"mobility", FactKind::feature, "mobility"},
    ListElement{"languages", FactKind::feature, "language"},
};
constexpr std::array<std::string_view, 10> kFlags{"audio", "application", "data",     "control", "video",
                                                  "text",  "message",     "automata", "isfocus", "byeless"};

// An item is its text (<s>sip</s>) or its name (<INVITE/>); XML names cannot begin with a digit.
std::string item_of(const pugi::xml_node& item) {
  if (auto text = xml::text_of(item); !text.empty()) return text;
  const auto name = xml::local_name(item);
  return name == "rel100" ? "100rel" : std::string(name);
}

void read_items(const pugi::xml_node& list, const ListElement& what, bool supported, std::vector<PidfCapability>& out) {
  for (const auto& item : list.children()) {
    if (item.type() != pugi::node_element || out.size() >= kMaxFacts) continue;
    auto value = item_of(item);
    if (!what.feature.empty()) value.insert(0, std::string(what.feature) + '=');
    out.push_back({what.kind, std::move(value), supported});
  }
}

// <servcaps> or <devcaps>.
void read_capabilities(const pugi::xml_node& caps, std::vector<PidfCapability>& out) {
  for (const auto& element : caps.children()) {
    if (element.type() != pugi::node_element || xml::namespace_of(element) != kCaps) continue;
    const auto name = xml::local_name(element);
    if (std::find(kFlags.begin(), kFlags.end(), name) != kFlags.end()) {
      const auto text = xml::text_of(element);
      if (text == "true" || text == "1") out.push_back({FactKind::feature, std::string(name), true});
      if (text == "false" || text == "0") out.push_back({FactKind::feature, std::string(name), false});
      continue;
    }
    const auto what = std::find_if(kLists.begin(), kLists.end(), [&](const auto& each) { return each.name == name; });
    if (what == kLists.end()) continue;  // <description>, <priority>: nothing that a push depends on
    read_items(xml::child(element, kCaps, "supported"), *what, true, out);
    read_items(xml::child(element, kCaps, "notsupported"), *what, false, out);
  }
}

void read_service(const pugi::xml_node& service, std::string_view space, std::vector<PidfCapability>& out) {
  auto id = xml::text_of(xml::child(service, space, "service-id"));
  if (id.empty()) return;
  const auto version = xml::text_of(xml::child(service, space, "version"));
  if (!version.empty()) id += "/" + version;
  out.push_back({FactKind::service, std::move(id), true});
}

Expected<PidfTuple> read_tuple(const pugi::xml_node& element, std::string_view oma_namespace) {
  PidfTuple tuple;
  tuple.id = element.attribute("id").value();
  if (tuple.id.empty()) return bad("tuple without id");
  const auto status = xml::child(element, kPidf, "status");
  if (!status) return bad("tuple without status");
  if (const auto basic = xml::child(status, kPidf, "basic")) {
    const auto text = xml::text_of(basic);
    if (text != "open" && text != "closed") return bad("basic is not open or closed");
    tuple.open = text == "open";
  }
  tuple.contact = xml::text_of(xml::child(element, kPidf, "contact"));
  if (tuple.contact.size() > kMaxUri) return bad("overlong contact");
  if (const auto time = xml::child(element, kPidf, "timestamp")) tuple.timestamp = parse_rfc3339(xml::text_of(time));
  for (const auto& parent : {element, status}) {  // RFC 3863 allows extensions in both
    for (const auto& child : parent.children()) {
      if (xml::is(child, kCaps, "servcaps") || xml::is(child, kCaps, "devcaps")) read_capabilities(child, tuple.capabilities);
      if (xml::is(child, oma_namespace, "service-description")) read_service(child, oma_namespace, tuple.capabilities);
    }
  }
  return tuple;
}

// A contact that is the user rather than one device: its AoR, an alias of the same domain or a tel URI; but no GRUU, and nothing
// at another host.
bool names_user(std::string_view contact, std::string_view user) {
  const auto uri = SipUri::parse(contact);
  const auto own = SipUri::parse(user);
  if (!uri || !own || !uri->is_sip()) return true;
  return !uri->params.has("gr") && !uri->params.has("ob") && matches_pattern(uri->host, own->host);
}

void add_all(const std::vector<PidfCapability>& capabilities, FactList& out) {
  for (const auto& each : capabilities) out.add(each.kind, each.value, each.supported);
  // As the feature tags they come from, RFC 5196's lists name all there is.
  for (const auto kind : {FactKind::method, FactKind::type, FactKind::extension}) out.close(kind);
  derive_modes(out);
}

}  // namespace

Expected<PidfDocument> parse_pidf(std::string_view text, std::string_view oma_namespace) {
  pugi::xml_document document;
  if (auto loaded = xml::load(document, text, xml::Limits()); !loaded) return bad(loaded.error().text);
  const auto root = document.document_element();
  if (!xml::is(root, kPidf, "presence")) return bad("no presence element");
  PidfDocument out;
  out.entity = root.attribute("entity").value();
  if (out.entity.empty()) return bad("presence without entity");
  for (const auto& child : root.children()) {
    if (xml::is(child, kPidf, "tuple")) {
      if (out.tuples.size() >= kMaxTuples) return bad("too many tuples");
      auto tuple = read_tuple(child, oma_namespace);
      if (!tuple) return fail(tuple.error());
      out.tuples.push_back(std::move(*tuple));
    } else if (xml::is(child, kDataModel, "device")) {
      read_capabilities(xml::child(child, kCaps, "devcaps"), out.devices);
    }
  }
  return out;
}

std::vector<CapabilityFact> facts_of(const PidfDocument& document, std::string_view user, WallTime learned,
                                     WallTime valid_until) {
  std::vector<CapabilityFact> out;
  CapabilityFact pattern;
  pattern.source = FactSource::published;
  pattern.valid_until = valid_until;
  const auto take = [&](FactList& list) {
    auto facts = list.take();
    facts.resize(std::min(facts.size(), kMaxFacts - out.size()));  // of the document: merging compares them all
    out.insert(out.end(), std::make_move_iterator(facts.begin()), std::make_move_iterator(facts.end()));
  };
  for (const auto& tuple : document.tuples) {
    pattern.contact = tuple.contact.empty() || names_user(tuple.contact, user) ? std::string() : tuple.contact;
    pattern.learned = std::min(learned, tuple.timestamp.value_or(learned));
    FactList list(pattern);
    if (tuple.open) list.add(FactKind::availability, "open", *tuple.open);
    if (tuple.open.value_or(true)) add_all(tuple.capabilities, list);
    take(list);
  }
  pattern.contact.clear();
  pattern.learned = learned;
  FactList devices(pattern);
  add_all(document.devices, devices);
  take(devices);
  return out;
}

}  // namespace herald::push
