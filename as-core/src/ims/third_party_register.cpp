#include "ims/third_party_register.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "ims/p_headers.h"
#include "ims/register_body.h"

namespace herald::ims {
namespace {

constexpr std::uint32_t kDefaultExpires = 3600;  // RFC 3261 10.2.1.1 leaves it to the registrar
constexpr std::uint32_t kMaxExpires = 7 * 24 * 3600;
constexpr std::size_t kMaxContacts = 32;
constexpr std::size_t kMaxApplications = 64;

std::optional<std::uint32_t> seconds(std::string_view text) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return kMaxExpires;
  if (error != std::errc() || rest == text.data()) return std::nullopt;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, kMaxExpires));
}

std::optional<std::uint32_t> expires_header(const SipMessage& message) {
  const auto value = message.headers.get("Expires");
  return value ? seconds(*value) : std::nullopt;
}

std::uint32_t granted(const SipMessage& request) {
  if (const auto value = expires_header(request)) return *value;
  for (const auto value : request.headers.list("Contact")) {
    const auto contact = NameAddr::parse(value);
    if (!contact) continue;
    if (const auto parameter = contact->params.get("expires")) return seconds(*parameter).value_or(kDefaultExpires);
  }
  return kDefaultExpires;
}

RegisteredContact registered_contact(NameAddr address, WallTime expires) {
  RegisteredContact contact;
  contact.uri = std::move(address.uri);
  contact.applications = application_tokens(address.params);
  for (const auto& parameter : address.params.all()) {
    if (!same_header_name(parameter.name, "expires")) contact.params.set(parameter.name, parameter.value);
  }
  contact.expires = expires;
  return contact;
}

// The 200 knows what was granted; Kamailio makes one up without Contacts.
std::optional<std::uint32_t> granted_to(const std::string& uri, const std::optional<SipMessage>& response) {
  if (!response) return std::nullopt;
  for (const auto value : response->headers.list("Contact")) {
    const auto contact = NameAddr::parse(value);
    if (!contact || contact->uri != uri) continue;
    if (const auto parameter = contact->params.get("expires")) return seconds(*parameter);
  }
  return std::nullopt;
}

// pub-gruu, temp-gruu and the like come with the 200 (AS-13).
void add_granted_params(RegisteredContact& contact, const std::optional<SipMessage>& response) {
  if (!response) return;
  for (const auto value : response->headers.list("Contact")) {
    const auto granted_contact = NameAddr::parse(value);
    if (!granted_contact || granted_contact->uri != contact.uri) continue;
    for (const auto name : {"pub-gruu", "temp-gruu"}) {
      if (const auto parameter = granted_contact->params.get(name)) contact.params.set(name, std::string(*parameter));
    }
  }
}

void read_contacts(const RegisterBody& body, std::uint32_t outer, WallTime now, RegistrationChange& change) {
  if (!body.request) return;
  const auto asked_by_default = expires_header(*body.request).value_or(kDefaultExpires);
  const auto contacts = body.request->headers.list("Contact");
  const bool single = contacts.size() == 1;
  for (const auto value : contacts) {
    if (value == "*") {
      change.all_contacts_unsure = true;
      continue;
    }
    if (change.registration.contacts.size() + change.removed.size() >= kMaxContacts) break;
    auto address = NameAddr::parse(value);
    if (!address || address->uri.empty()) {
      ++change.malformed_parts;
      continue;
    }
    const auto parameter = address->params.get("expires");
    const auto asked = parameter ? seconds(*parameter).value_or(asked_by_default) : asked_by_default;
    // The S-CSCF's own figure counts (it adds a grace to what the UE asked); of several bindings each has its own.
    auto span = single ? outer : std::min(outer, asked);
    if (const auto exact = granted_to(address->uri, body.response)) span = std::min(outer, *exact);
    auto contact = registered_contact(std::move(*address), now + std::chrono::seconds(span));
    add_granted_params(contact, body.response);
    if (asked == 0) {
      change.removed.push_back(contact_key(contact));
    } else {
      change.registration.contacts.push_back(std::move(contact));
    }
  }
  change.registration.contacts_known = !change.registration.contacts.empty();
}

}  // namespace

std::vector<std::string> application_tokens(const SipParams& params) {
  std::vector<std::string> result;
  auto value = params.get("+g.oma.pusheventapp").value_or("");
  std::string token;
  const auto flush = [&] {
    if (!token.empty() && result.size() < kMaxApplications) result.push_back(token);
    token.clear();
  };
  for (const char c : value) {
    if (c == '"' || c == ' ' || c == '<' || c == '>') continue;
    if (c == ',') {
      flush();
    } else {
      token += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  flush();
  return result;
}

std::string contact_key(const RegisteredContact& contact) {
  if (const auto instance = contact.params.get("+sip.instance"); instance && !instance->empty()) {
    return std::string(*instance) + "#" + std::string(contact.params.get("reg-id").value_or(""));
  }
  return canonical_identity(contact.uri) + "@" + [&] {
    const auto uri = SipUri::parse(contact.uri);
    return uri && uri->port ? std::to_string(*uri->port) : std::string();
  }();
}

Expected<RegistrationChange> read_third_party_register(const SipMessage& request, WallTime now, std::string_view trace) {
  const auto& headers = request.headers;
  const auto to = NameAddr::parse(headers.get("To").value_or(""));
  const auto from = NameAddr::parse(headers.get("From").value_or(""));
  if (!to || to->uri.empty()) return fail(ErrorCode::invalid, "third-party REGISTER without a usable To");
  const auto user = SipUri::parse(to->uri);
  if (!user) return fail(ErrorCode::invalid, "third-party REGISTER: To is no SIP or tel URI");
  const auto sender = from ? SipUri::parse(from->uri) : Expected<SipUri>(fail(ErrorCode::invalid, "no From"));
  // AS-10: From is the S-CSCF. A REGISTER of the user himself has no business here.
  if (!sender || !sender->is_sip() || sender->canonical() == user->canonical()) {
    return fail(ErrorCode::forbidden, "REGISTER not from an S-CSCF");
  }

  RegistrationChange change;
  auto& registration = change.registration;
  const auto body = read_register_body(headers.get("Content-Type").value_or(""), request.body);
  change.malformed_parts = body.malformed;
  change.ignored_parts = body.ignored;

  const auto span = granted(request);
  registration.user = user->canonical();
  registration.source = "third-party-register";
  registration.trace = std::string(trace);
  registration.updated = now;
  registration.expires = now + std::chrono::seconds(span);
  registration.service_info = body.service_info;
  registration.scscf = from->uri;
  if (const auto contacts = headers.list("Contact"); !contacts.empty()) {
    if (const auto contact = NameAddr::parse(contacts.front()); contact && SipUri::parse(contact->uri)) {
      registration.scscf = contact->uri;
    }
  }
  registration.associated = associated_uris(headers);
  if (body.response) {
    for (auto& uri : associated_uris(body.response->headers)) {
      auto& known = registration.associated;
      if (std::find(known.begin(), known.end(), uri) == known.end()) known.push_back(std::move(uri));
    }
  }
  std::erase(registration.associated, registration.user);
  const auto& path_source = headers.has("Path") || !body.request ? headers : body.request->headers;
  for (const auto value : path_source.list("Path")) registration.path.emplace_back(value);

  change.deregistered = span == 0;
  if (!change.deregistered) read_contacts(body, span, now, change);
  return change;
}

SipMessage accept_third_party_register(const SipMessage& request) {
  SipMessage response;
  response.start = SipStatusLine{200, "OK"};
  for (const auto contact : request.headers.all("Contact")) response.headers.add("Contact", std::string(contact));
  const auto expires = request.headers.get("Expires");
  response.headers.add("Expires", expires ? std::string(*expires) : std::to_string(granted(request)));
  return response;
}

}  // namespace herald::ims
