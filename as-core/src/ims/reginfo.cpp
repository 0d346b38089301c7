#include "ims/reginfo.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <pugixml.hpp>

namespace herald::ims {
namespace {

constexpr std::size_t kMaxXml = 256 * 1024;
constexpr std::size_t kMaxRegistrations = 64;
constexpr std::size_t kMaxContacts = 64;
constexpr std::size_t kMaxParams = 64;
constexpr std::size_t kMaxUri = 2048;
constexpr std::int64_t kMaxExpires = 7 * 24 * 3600;

constexpr std::array<std::string_view, 10> kEvents{"",        "registered",  "created",   "refreshed",    "shortened",
                                                   "expired", "deactivated", "probation", "unregistered", "rejected"};

std::string_view local_name(std::string_view name) {
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::optional<ReginfoState> state_of(std::string_view text) {
  if (text == "init") return ReginfoState::init;
  if (text == "active") return ReginfoState::active;
  if (text == "terminated") return ReginfoState::terminated;
  return std::nullopt;
}

ContactEvent event_of(std::string_view text) {
  const auto found = std::find(kEvents.begin() + 1, kEvents.end(), text);
  return found == kEvents.end() ? ContactEvent::none : static_cast<ContactEvent>(found - kEvents.begin());
}

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
  });
}

bool printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

// Some S-CSCFs write the quotes of the Contact header into the text, some leave them out.
std::string as_parameter(std::string_view name, const std::string& text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text;
  return is_token(text) && name.front() != '+' ? text : quoted(text);
}

void read_contact_child(const pugi::xml_node& child, ReginfoContact& contact) {
  const auto name = local_name(child.name());
  if (name == "uri") contact.uri = trimmed(child.text().get());
  if (contact.params.all().size() >= kMaxParams) return;
  if (name == "unknown-param") {
    const std::string_view parameter = child.attribute("name").value();
    const auto text = trimmed(child.text().get());
    if (!is_token(parameter) || !printable(text)) return;
    contact.params.set(parameter, text.empty() ? std::nullopt : std::optional<std::string>(as_parameter(parameter, text)));
  }
  if (name == "pub-gruu" || name == "temp-gruu") {
    const auto uri = trimmed(child.attribute("uri").value());
    if (!uri.empty() && uri.size() <= kMaxUri && printable(uri) && SipUri::parse(uri)) contact.params.set(name, quoted(uri));
  }
}

std::optional<ReginfoContact> contact_of(const pugi::xml_node& node) {
  ReginfoContact contact;
  const auto state = state_of(node.attribute("state").value());
  if (!state || *state == ReginfoState::init) return std::nullopt;
  contact.state = *state;
  contact.event = event_of(node.attribute("event").value());
  if (const auto expires = number_of(node.attribute("expires").value())) {
    contact.expires = std::chrono::seconds(std::min(*expires, kMaxExpires));
  }
  for (const auto child : node.children()) read_contact_child(child, contact);
  const auto q = node.attribute("q");
  if (q && is_token(q.value()) && !contact.params.has("q")) contact.params.set("q", q.value());
  if (contact.uri.size() > kMaxUri || !printable(contact.uri) || !SipUri::parse(contact.uri)) return std::nullopt;
  return contact;
}

std::optional<ReginfoRegistration> registration_of(const pugi::xml_node& node, unsigned& malformed) {
  ReginfoRegistration registration;
  const auto aor = trimmed(node.attribute("aor").value());
  const auto uri = SipUri::parse(aor);
  const auto state = state_of(node.attribute("state").value());
  if (aor.size() > kMaxUri || !printable(aor) || !uri || !state) return std::nullopt;
  registration.user = uri->canonical();
  registration.state = *state;
  for (const auto child : node.children()) {
    if (local_name(child.name()) != "contact") continue;
    if (registration.contacts.size() >= kMaxContacts) {
      ++malformed;
      break;
    }
    if (auto contact = contact_of(child)) {
      registration.contacts.push_back(std::move(*contact));
    } else {
      ++malformed;
    }
  }
  return registration;
}

}  // namespace

std::string_view to_string(ContactEvent event) noexcept { return kEvents[static_cast<std::size_t>(event)]; }

bool reachable(ReginfoState state, ContactEvent event) noexcept {
  switch (event) {
    case ContactEvent::expired:
    case ContactEvent::deactivated:
    case ContactEvent::probation:
    case ContactEvent::unregistered:
    case ContactEvent::rejected:
      return false;
    case ContactEvent::none:
    case ContactEvent::registered:
    case ContactEvent::created:
    case ContactEvent::refreshed:
    case ContactEvent::shortened:
      break;
  }
  return state == ReginfoState::active;
}

Expected<Reginfo> parse_reginfo(std::string_view xml) {
  if (xml.size() > kMaxXml) return fail(ErrorCode::too_large, "reginfo over 256 KiB");
  if (xml.find("<!DOCTYPE") != std::string_view::npos || xml.find("<!ENTITY") != std::string_view::npos) {
    return fail(ErrorCode::invalid, "reginfo with a DTD");
  }
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size(), pugi::parse_cdata | pugi::parse_escapes, pugi::encoding_utf8);
  if (!parsed) return fail(ErrorCode::invalid, std::string("reginfo: ") + parsed.description());
  const auto root = document.document_element();
  if (local_name(root.name()) != "reginfo") return fail(ErrorCode::invalid, "the root is not reginfo");
  Reginfo result;
  const auto version = number_of(root.attribute("version").value());
  if (!version || *version > 0xffffffff) return fail(ErrorCode::invalid, "reginfo without a usable version");
  result.version = static_cast<std::uint32_t>(*version);
  const std::string_view state = root.attribute("state").value();
  if (state != "full" && state != "partial") return fail(ErrorCode::invalid, "reginfo is neither full nor partial");
  result.full = state == "full";
  for (const auto child : root.children()) {
    if (local_name(child.name()) != "registration") continue;  // extensions are tolerated (AS-24)
    if (result.registrations.size() >= kMaxRegistrations) {
      ++result.malformed;
      break;
    }
    if (auto registration = registration_of(child, result.malformed)) {
      result.registrations.push_back(std::move(*registration));
    } else {
      ++result.malformed;
    }
  }
  return result;
}

ReginfoSequence::Verdict ReginfoSequence::take(const Reginfo& document) noexcept {
  if (document.full) {
    version_ = document.version;
    return Verdict::apply;
  }
  if (!version_) return Verdict::gap;  // a partial one first: what it is a part of is not known
  if (document.version <= *version_) return Verdict::old;
  if (document.version != *version_ + 1) return Verdict::gap;
  version_ = document.version;
  return Verdict::apply;
}

std::optional<RegistrationChange> registration_change(const Reginfo& document, const Registration& known, WallTime now) {
  const auto& all = document.registrations;
  const auto about =
      std::find_if(all.begin(), all.end(), [&](const auto& registration) { return registration.user == known.user; });
  if (about == all.end()) return std::nullopt;
  RegistrationChange change;
  auto& registration = change.registration;
  registration.user = known.user;
  registration.scscf = known.scscf;
  registration.path = known.path;
  registration.service_info = known.service_info;
  registration.source = "reg-event";
  registration.trace = known.trace;
  registration.updated = now;
  registration.expires = known.expires;
  change.complete = document.full;
  if (about->state != ReginfoState::active) {
    change.deregistered = true;
    return change;
  }
  for (const auto& each : about->contacts) {
    RegisteredContact contact;
    contact.uri = each.uri;
    contact.params = each.params;
    contact.applications = application_tokens(each.params);
    contact.expires = each.expires ? now + *each.expires : known.expires;
    if (!reachable(each.state, each.event) || contact.expires <= now) {
      change.removed.push_back(contact_key(contact));
      continue;
    }
    registration.expires = std::max(registration.expires, contact.expires);
    registration.contacts.push_back(std::move(contact));
  }
  registration.contacts_known = !registration.contacts.empty();
  // The other identities of the implicit set; a partial document names only what changed.
  for (const auto& other : all) {
    if (document.full && other.user != known.user && other.state == ReginfoState::active) {
      registration.associated.push_back(other.user);
    }
  }
  return change;
}

}  // namespace herald::ims
