#include "hss/profile.h"

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

#include "hss/uri.h"

namespace herald::lab {

namespace {

std::string raw(const pugi::xml_node& node) {
  std::ostringstream out;
  node.print(out, "", pugi::format_raw);
  return out.str();
}

// sip:[user@]HOST[:PORT][;parameters] -> the same at another HOST:PORT
std::string at_authority(const std::string& uri, const std::string& authority) {
  const auto colon = uri.find(':');
  if (colon == std::string::npos) return uri;
  const auto at = uri.find('@');
  const auto begin = (at == std::string::npos ? colon : at) + 1;
  const auto end = uri.find_first_of(";?", begin);
  return uri.substr(0, begin) + authority + (end == std::string::npos ? std::string() : uri.substr(end));
}

void collect_criteria(const pugi::xml_node& profile, const std::string& authority, std::string& out) {
  for (auto node : profile.children("InitialFilterCriteria")) {
    auto name = node.child("ApplicationServer").child("ServerName").text();
    if (!authority.empty()) name.set(at_authority(name.get(), authority).c_str());
    out += raw(node);
  }
}

bool is_for(const pugi::xml_node& profile, const SubscriberConfig& user) {
  if (!profile.child("PublicIdentity")) return !user.psi;
  for (const auto identity : profile.children("PublicIdentity")) {
    const auto uri = canonical_identity(identity.child_value("Identity"));
    if (std::find(user.public_ids.begin(), user.public_ids.end(), uri) != user.public_ids.end()) return true;
  }
  return false;
}

void add(pugi::xml_node parent, const char* name, const std::string& value) {
  parent.append_child(name).append_child(pugi::node_pcdata).set_value(value.c_str());
}

void add_fragment(pugi::xml_node parent, const std::string& xml) {
  parent.append_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_fragment);
}

std::string document_text(const pugi::xml_document& document) {
  std::ostringstream out;
  document.save(out, "", pugi::format_raw);
  return out.str();
}

}  // namespace

Expected<std::string> filter_criteria(const std::string& document, const SubscriberConfig& user, const std::string& authority) {
  pugi::xml_document parsed;
  if (const auto result = parsed.load_string(document.c_str()); !result)
    return fail(ErrorCode::invalid, std::string("the criteria are not XML: ") + result.description());
  std::string out;
  for (const auto profile : parsed.child("IMSSubscription").children("ServiceProfile")) {
    if (is_for(profile, user)) collect_criteria(profile, authority, out);
  }
  if (out.empty()) return fail(ErrorCode::invalid, "no service profile in it is for " + user.public_ids.front());
  return out;
}

std::optional<std::string> first_element(const std::string& document) {
  pugi::xml_document parsed;
  if (!parsed.load_string(document.c_str()) || !parsed.document_element()) return std::nullopt;
  return raw(parsed.document_element());
}

std::string ims_subscription(const SubscriberConfig& user) {
  pugi::xml_document document;
  document.append_child(pugi::node_declaration).append_attribute("version").set_value("1.0");
  document.first_child().append_attribute("encoding").set_value("UTF-8");
  auto root = document.append_child("IMSSubscription");
  add(root, "PrivateID", user.private_id);
  auto profile = root.append_child("ServiceProfile");
  for (const auto& id : user.public_ids) {
    auto identity = profile.append_child("PublicIdentity");
    add(identity, "BarringIndication", "0");
    add(identity, "Identity", id);
    if (user.psi) add(identity.append_child("Extension"), "IdentityType", "1");
  }
  add_fragment(profile, user.criteria_xml);
  return document_text(document);
}

std::string sh_data(const ShView& view) {
  pugi::xml_document document;
  document.append_child(pugi::node_declaration).append_attribute("version").set_value("1.0");
  document.first_child().append_attribute("encoding").set_value("UTF-8");
  auto root = document.append_child("Sh-Data");
  if (view.with_identities) {
    auto identifiers = root.append_child("PublicIdentifiers");
    for (const auto& id : view.public_ids) add(identifiers, "IMSPublicIdentity", id);
  }
  if (view.repository_service) {
    auto data = root.append_child("RepositoryData");
    add(data, "ServiceIndication", *view.repository_service);
    add(data, "SequenceNumber", std::to_string(view.repository.sequence));
    if (!view.repository.xml.empty()) add_fragment(data.append_child("ServiceData"), view.repository.xml);
  }
  if (view.scscf_name || view.criteria || view.ims_user_state) {
    auto ims = root.append_child("Sh-IMS-Data");
    if (view.scscf_name) add(ims, "SCSCFName", *view.scscf_name);
    if (view.criteria) add_fragment(ims.append_child("IFCs"), *view.criteria);
    if (view.ims_user_state) add(ims, "IMSUserState", std::to_string(*view.ims_user_state));
  }
  return document_text(document);
}

std::string criteria_of_server(const std::string& criteria, std::string_view server_name) {
  const auto bare = [](std::string_view uri) { return uri.substr(0, uri.find(';')); };
  pugi::xml_document parsed;
  parsed.load_buffer(criteria.data(), criteria.size(), pugi::parse_default | pugi::parse_fragment);
  std::string out;
  for (auto node : parsed.children("InitialFilterCriteria")) {
    if (bare(node.child("ApplicationServer").child_value("ServerName")) == bare(server_name)) out += raw(node);
  }
  return out;
}

Expected<RepositoryUpdate> parse_repository_update(const std::string& document) {
  pugi::xml_document parsed;
  if (!parsed.load_string(document.c_str())) return fail(ErrorCode::invalid, "User-Data is not XML");
  const auto data = parsed.child("Sh-Data").child("RepositoryData");
  RepositoryUpdate update;
  update.service = data.child_value("ServiceIndication");
  update.sequence = data.child("SequenceNumber").text().as_uint();
  if (update.service.empty()) return fail(ErrorCode::invalid, "no ServiceIndication");
  if (const auto element = data.child("ServiceData").first_child()) update.xml = raw(element);
  return update;
}

}  // namespace herald::lab
