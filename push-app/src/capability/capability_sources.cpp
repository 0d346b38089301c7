#include "capability/capability_sources.h"

#include <algorithm>
#include <array>

#include "delivery/content_choice.h"
#include "herald/sip_uri.h"
#include "initiator/initiator_auth.h"

namespace herald::push {
namespace {

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// RFC 3840 9, 12: base tags stand without "+"; `message` is RFC 4569's.
constexpr std::array<std::string_view, 18> kFlagTags{
    "audio",    "automata", "class", "duplex",   "data",        "control", "mobility", "text",      "video",
    "priority", "isfocus",  "actor", "language", "description", "message", "byeless",  "rendering", "application"};

struct TagValue {
  std::string text;
  bool supported = true;
};

// tag-value-list, <string>, TRUE and FALSE; numbers are kept as they stand.
std::vector<TagValue> tag_values(std::string_view value) {
  value = trimmed(unquoted(value));
  std::vector<TagValue> out;
  if (value.empty()) return out;
  if (value.front() == '<' && value.back() == '>') {
    out.push_back({std::string(value.substr(1, value.size() - 2)), true});
    return out;
  }
  for (std::size_t at = 0; at <= value.size() && out.size() < kMaxFacts;) {
    const auto end = std::min(value.find(',', at), value.size());
    auto item = trimmed(value.substr(at, end - at));
    at = end + 1;
    TagValue parsed;
    if (item.starts_with('!')) {
      parsed.supported = false;
      item = trimmed(item.substr(1));
    }
    if (item.size() >= 2 && item.front() == '<' && item.back() == '>') item = item.substr(1, item.size() - 2);
    if (item.empty()) continue;
    parsed.text = std::string(item);
    out.push_back(std::move(parsed));
  }
  return out;
}

void add_list(FactKind kind, std::string_view value, FactList& out) {
  for (const auto& item : tag_values(value)) out.add(kind, item.text, item.supported);
  out.close(kind);
}

void add_feature(const std::string& name, std::optional<std::string_view> value, FactList& out) {
  if (!value || value->empty()) return out.add(FactKind::feature, name);
  for (const auto& item : tag_values(*value)) {
    if (matches_pattern("TRUE", item.text)) {
      out.add(FactKind::feature, name, item.supported);
    } else if (matches_pattern("FALSE", item.text)) {
      out.add(FactKind::feature, name, !item.supported);
    } else {
      out.add(FactKind::feature, name + "=" + item.text, item.supported);
    }
  }
}

// q=0 means "not this one": RFC 3261 20.1 by RFC 2616 14.1.
bool refused_by_q(std::string_view entry) {
  const auto semicolon = entry.find(';');
  if (semicolon == std::string_view::npos) return false;
  const auto params = SipParams::parse(entry.substr(semicolon));
  const auto q = params ? params->get("q") : std::nullopt;
  return q && !q->empty() && q->find_first_not_of("0.") == std::string_view::npos;
}

bool is_media_range(std::string_view text) {
  const auto slash = text.find('/');
  return slash != std::string_view::npos && slash > 0 && slash + 1 < text.size() &&
         text.find('/', slash + 1) == std::string_view::npos;
}

void add_header_list(const SipHeaders& headers, std::string_view header, FactKind kind, FactList& out) {
  for (const auto item : headers.list(header)) out.add(kind, trimmed(item.substr(0, item.find(';'))));
}

}  // namespace

void FactList::add(FactKind kind, std::string_view value, bool supported) {
  if (facts_.size() >= kMaxFacts) return;
  auto text = kind == FactKind::type ? media_range(value) : std::string(value);
  if (text.empty() || text.size() > kMaxFactValue || !printable(text)) return;
  if (kind == FactKind::type && !is_media_range(text)) return;
  if (kind == FactKind::encoding || kind == FactKind::application || kind == FactKind::mode) text = lower(text);
  auto fact = pattern_;
  fact.kind = kind;
  fact.value = std::move(text);
  fact.supported = supported;
  if (std::find(facts_.begin(), facts_.end(), fact) == facts_.end()) facts_.push_back(std::move(fact));
}

void FactList::close(FactKind kind) {
  const bool listed =
      std::any_of(facts_.begin(), facts_.end(), [&](const auto& fact) { return fact.kind == kind && fact.supported; });
  const std::string_view rest = kind == FactKind::type ? "*/*" : "*";
  if (listed && !has(kind, rest)) add(kind, rest, false);
}

bool FactList::has(FactKind kind, std::string_view value) const {
  return std::any_of(facts_.begin(), facts_.end(), [&](const auto& fact) {
    return fact.kind == kind && fact.supported &&
           (fact.value == value || (!value.ends_with('*') && matches_pattern(value, fact.value)));
  });
}

bool FactList::any(FactKind kind) const {
  return std::any_of(facts_.begin(), facts_.end(), [&](const auto& fact) { return fact.kind == kind && fact.supported; });
}

void add_feature_tags(const SipParams& params, FactList& out) {
  for (const auto& param : params.all()) {
    const auto name = lower(param.name);
    const std::string_view value = param.value ? std::string_view(*param.value) : std::string_view();
    if (name == "methods") {
      add_list(FactKind::method, value, out);
    } else if (name == "events") {
      add_list(FactKind::event, value, out);
    } else if (name == "type") {
      add_list(FactKind::type, value, out);
    } else if (name == "schemes") {
      add_list(FactKind::scheme, value, out);
    } else if (name == "extensions") {
      add_list(FactKind::extension, value, out);
    } else if (name == "+g.oma.pusheventapp") {
      add_list(FactKind::application, value, out);
    } else if (name == "+sip.instance" || name.starts_with("+sip.pns")) {
      continue;  // names a device, says nothing about what it can do
    } else if (name.starts_with('+') || std::find(kFlagTags.begin(), kFlagTags.end(), name) != kFlagTags.end()) {
      add_feature(name, param.value ? std::optional(value) : std::nullopt, out);
    }
  }
}

void derive_modes(FactList& out) {
  if (out.any(FactKind::method)) out.add(FactKind::mode, "pager", out.has(FactKind::method, "MESSAGE"));
  // RFC 4569: sessions of messages, which an INVITE begins.
  const bool invites = !out.any(FactKind::method) || out.has(FactKind::method, "INVITE");
  if (out.has(FactKind::feature, "message") && invites) out.add(FactKind::mode, "msrp");
  // PS-33: content indirection is one more type that must be understood.
  if (out.any(FactKind::type)) {
    const bool external = out.has(FactKind::type, "message/external-body") || out.has(FactKind::type, "message/*") ||
                          out.has(FactKind::type, "*/*");
    out.add(FactKind::mode, "indirection", external);
  }
}

std::vector<CapabilityFact> facts_of(const Registration& registration) {
  std::vector<CapabilityFact> out;
  for (const auto& contact : registration.contacts) {
    CapabilityFact pattern;
    pattern.source = FactSource::registration;
    pattern.contact = contact.uri;
    pattern.learned = registration.updated;
    pattern.valid_until = contact.expires;
    FactList list(std::move(pattern));
    add_feature_tags(contact.params, list);
    derive_modes(list);
    auto facts = list.take();
    out.insert(out.end(), std::make_move_iterator(facts.begin()), std::make_move_iterator(facts.end()));
  }
  return out;
}

std::vector<CapabilityFact> facts_of_options(const SipMessage& response, std::string contact, WallTime now) {
  CapabilityFact pattern;
  pattern.source = FactSource::options;
  pattern.contact = std::move(contact);
  pattern.learned = now;
  pattern.valid_until = now + kFactLifetime;
  FactList out(std::move(pattern));
  const auto& headers = response.headers;
  for (const auto entry : headers.list("Accept")) out.add(FactKind::type, entry, !refused_by_q(entry));
  out.close(FactKind::type);
  if (out.has(FactKind::type, "message/imdn+xml")) out.add(FactKind::imdn, "imdn");
  if (headers.has("Accept-Encoding")) {
    for (const auto entry : headers.list("Accept-Encoding")) {
      out.add(FactKind::encoding, trimmed(entry.substr(0, entry.find(';'))), !refused_by_q(entry));
    }
    out.add(FactKind::encoding, "identity");  // RFC 3261 20.2: an empty field means this one alone
    out.close(FactKind::encoding);
  }
  add_header_list(headers, "Allow", FactKind::method, out);
  out.close(FactKind::method);
  add_header_list(headers, "Supported", FactKind::extension, out);
  out.close(FactKind::extension);
  // Packages it notifies of; those it would subscribe to are not told, so the list stays open.
  add_header_list(headers, "Allow-Events", FactKind::event, out);
  const auto contacts = headers.list("Contact");
  const auto address = contacts.empty() ? Expected<NameAddr>(fail(ErrorCode::invalid, {})) : NameAddr::parse(contacts.front());
  add_feature_tags(address ? address->params : SipParams(), out);
  derive_modes(out);
  // RFC 3261 11.2: the session description that an INVITE would have got. RFC 4975 8.1.
  if (response.body.starts_with("m=message ") || response.body.find("\nm=message ") != std::string::npos) {
    out.add(FactKind::mode, "msrp");
  }
  return out.take();
}

std::vector<CapabilityFact> facts_of(const PushProfile& profile) {
  std::vector<CapabilityFact> out;
  for (const auto& application : profile.applications) {
    CapabilityFact pattern;
    pattern.source = FactSource::provisioned;
    pattern.application = application.id;
    FactList list(std::move(pattern));
    for (const auto& type : application.content_types) list.add(FactKind::type, type);
    list.close(FactKind::type);
    if (application.max_bytes) list.add(FactKind::max_size, std::to_string(*application.max_bytes));
    list.add(FactKind::mode, "pager", application.pager);
    if (application.modes_listed) {
      list.add(FactKind::mode, "msrp", application.session);
      list.add(FactKind::mode, "indirection", application.indirect);
    }
    auto facts = list.take();
    out.insert(out.end(), std::make_move_iterator(facts.begin()), std::make_move_iterator(facts.end()));
  }
  return out;
}

std::vector<CapabilityFact> default_facts(std::uint32_t pager_max_bytes) {
  FactList out(CapabilityFact{});
  out.add(FactKind::type, "text/plain");
  out.add(FactKind::encoding, "identity");
  out.add(FactKind::mode, "pager");
  out.add(FactKind::max_size, std::to_string(pager_max_bytes));
  return out.take();
}

std::vector<CapabilityFact> facts_of(const CapabilityFailure& failure, std::string contact, std::string application,
                                     WallTime now) {
  CapabilityFact pattern;
  pattern.source = FactSource::failure;
  pattern.contact = std::move(contact);
  pattern.application = std::move(application);
  pattern.learned = now;
  pattern.valid_until = now + kFactLifetime;
  FactList out(std::move(pattern));
  const auto& accept = failure.accept;
  const auto accepts_type = [&](std::string_view type) {
    return std::any_of(accept.begin(), accept.end(),
                       [&](const auto& range) { return !refused_by_q(range) && media_range_matches(range, type); });
  };
  switch (failure.status) {
    case 406:
    case 415:
    case 488:
    case 606:
      // Of an INVITE: the session is not wanted, whatever it carries; what comes in it is negotiated there.
      if (failure.mode == DeliveryMode::msrp && failure.status != 406) {
        out.add(FactKind::mode, mode_name(failure.mode), false);
        break;
      }
      if (!accept.empty()) {
        for (const auto& range : accept) out.add(FactKind::type, range, !refused_by_q(range));
        out.close(FactKind::type);
      }
      if (failure.mode == DeliveryMode::indirection && (accept.empty() || !accepts_type("message/external-body"))) {
        out.add(FactKind::mode, mode_name(failure.mode), false);  // PS-33: it is the indirection that is not understood
        break;
      }
      // The encoding was wrong, not the type.
      if (failure.status == 415 && accept.empty() && !failure.accept_encoding.empty()) {
        for (const auto& entry : failure.accept_encoding) {
          out.add(FactKind::encoding, trimmed(std::string_view(entry).substr(0, entry.find(';'))), !refused_by_q(entry));
        }
        out.add(FactKind::encoding, "identity");
        out.close(FactKind::encoding);
        break;
      }
      // A list that names the refused type contradicts itself; the refusal is what happened.
      if (!failure.type.empty()) out.add(FactKind::type, failure.type, false);
      break;
    case 413:
    case 513:
      // PS-33: too large a reference means too large a content, however it comes.
      if (failure.size > 0) {
        auto kind = FactKind::max_size;
        if (failure.mode == DeliveryMode::indirection) kind = FactKind::content_size;
        if (failure.mode == DeliveryMode::msrp) kind = FactKind::session_size;
        out.add(kind, std::to_string(failure.size), false);
      }
      break;
    case 420:
      for (const auto& extension : failure.unsupported) out.add(FactKind::extension, extension, false);
      break;
    case 405:
    case 501:
      // The method: MESSAGE or INVITE. A reference goes by MESSAGE too, so that one is refused with it.
      if (failure.mode == DeliveryMode::msrp) out.add(FactKind::mode, "msrp", false);
      if (failure.mode == DeliveryMode::pager || failure.mode == DeliveryMode::indirection) {
        out.add(FactKind::mode, "pager", false);
        out.add(FactKind::mode, "indirection", false);
      }
      break;
    default:
      break;
  }
  return out.take();
}

std::string contact_of(const SipMessage& message) {
  const auto contacts = message.headers.list("Contact");
  if (contacts.empty()) return {};
  const auto address = NameAddr::parse(contacts.front());
  return address ? address->uri : std::string();
}

std::string gruu_of(const RegisteredContact& contact, std::string_view parameter) {
  const auto value = contact.params.get(parameter);
  return value ? std::string(unquoted(*value)) : std::string();
}

bool same_address(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto left = SipUri::parse(a);
  const auto right = SipUri::parse(b);
  return left && right && left->params.has("gr") == right->params.has("gr") && left->equals(*right);
}

const RegisteredContact* find_contact(const Registration& registration, std::string_view address) {
  const auto means = [&](const std::string& uri) { return !uri.empty() && same_address(uri, address); };
  const auto found = std::find_if(registration.contacts.begin(), registration.contacts.end(), [&](const auto& contact) {
    return means(contact.uri) || means(gruu_of(contact, "pub-gruu")) || means(gruu_of(contact, "temp-gruu"));
  });
  return found == registration.contacts.end() ? nullptr : &*found;
}

}  // namespace herald::push
