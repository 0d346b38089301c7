#include "pap/pap_parser.h"

#include <algorithm>
#include <array>
#include <span>

#include "pap/pap_prolog.h"
#include "text/bounded_xml.h"
#include "text/timestamps.h"

namespace herald::push::pap {
namespace {

constexpr std::size_t kMaxDocument = std::size_t{4} << 20U;  // the door has its own, smaller limit (PAP-02)
constexpr std::size_t kMaxNodes = 250000;
constexpr std::size_t kFragment = 128;

// -- the DTD ------------------------------------------------------------------------------------------------------------------

enum class Kind : std::uint8_t { text, time, boolean, code, priority, method, replace };
struct Attribute {
  std::string_view name;
  Kind kind = Kind::text;
  bool required = false;
  bool since_2_0 = false;
};
struct Child {
  std::string_view name;
  bool required = false;
  bool many = false;
};
struct Element {
  std::string_view name;
  std::span<const Child> children;
  std::span<const Attribute> attributes;
};

constexpr Attribute kPushAttributes[] = {
    {"push-id", Kind::text, true},
    {"replace-push-id", Kind::text, false, true},
    {"replace-method", Kind::replace, false, true},
    {"deliver-before-timestamp", Kind::time},
    {"deliver-after-timestamp", Kind::time},
    {"source-reference"},
    {"progress-notes-requested", Kind::boolean},
    {"ppg-notify-requested-to"},
};
constexpr Attribute kAddressAttributes[] = {{"address-value", Kind::text, true}};
constexpr Attribute kQualityAttributes[] = {
    {"priority", Kind::priority},
    {"delivery-method", Kind::method},
    {"network"},
    {"network-required", Kind::boolean},
    {"bearer"},
    {"bearer-required", Kind::boolean},
};
constexpr Attribute kPushIdAttributes[] = {{"push-id", Kind::text, true}};
constexpr Attribute kQueryAttributes[] = {{"query-id"}, {"app-id", Kind::text, false, true}};
constexpr Attribute kPushAnswerAttributes[] = {
    {"push-id", Kind::text, true}, {"sender-address"}, {"sender-name"}, {"reply-time", Kind::time}};
constexpr Attribute kNoteAttributes[] = {{"stage", Kind::text, true}, {"note"}, {"time", Kind::time}};
constexpr Attribute kResultAttributes[] = {{"code", Kind::code, true}, {"desc"}};
constexpr Attribute kNotificationAttributes[] = {
    {"push-id", Kind::text, true},
    {"sender-address"},
    {"sender-name"},
    {"received-time", Kind::time},
    {"event-time", Kind::time},
    {"message-state", Kind::text, true},
    {"code", Kind::code, true},
    {"desc"},
};
constexpr Attribute kNotificationAnswerAttributes[] = {{"push-id", Kind::text, true}, {"code", Kind::code, true}, {"desc"}};
constexpr Attribute kStatusResultAttributes[] = {
    {"event-time", Kind::time}, {"message-state", Kind::text, true}, {"code", Kind::code, true}, {"desc"}};
constexpr Attribute kQueryAnswerAttributes[] = {{"query-id"}, {"code", Kind::code, true}, {"desc"}};
constexpr Attribute kBadAttributes[] = {{"code", Kind::code, true}, {"desc"}, {"bad-message-fragment", Kind::text, true}};

constexpr Child kAddressesAndQuality[] = {{"address", true, true}, {"quality-of-service"}};
constexpr Child kAddresses[] = {{"address", false, true}};
constexpr Child kOneAddress[] = {{"address", true}};
constexpr Child kMaybeOneAddress[] = {{"address"}};  // initiators forget it
constexpr Child kOneAddressAndQuality[] = {{"address", true}, {"quality-of-service"}};
constexpr Child kAnyAddressesAndQuality[] = {{"address", false, true}, {"quality-of-service"}};
constexpr Child kNotesAndResult[] = {{"progress-note", false, true}, {"response-result", true}};
constexpr Child kCancelResults[] = {{"cancel-result", true, true}};
constexpr Child kStatusResults[] = {{"statusquery-result", true, true}};

constexpr Element kElements[] = {
    {"push-message", kAddressesAndQuality, kPushAttributes},
    {"address", {}, kAddressAttributes},
    {"quality-of-service", {}, kQualityAttributes},
    {"cancel-message", kAddresses, kPushIdAttributes},
    {"statusquery-message", kAddresses, kPushIdAttributes},
    {"ccq-message", kOneAddress, kQueryAttributes},
    {"push-response", kNotesAndResult, kPushAnswerAttributes},
    {"progress-note", {}, kNoteAttributes},
    {"response-result", {}, kResultAttributes},
    {"cancel-response", kCancelResults, kPushIdAttributes},
    {"cancel-result", kAddresses, kResultAttributes},
    {"statusquery-response", kStatusResults, kPushIdAttributes},
    {"statusquery-result", kAnyAddressesAndQuality, kStatusResultAttributes},
    {"ccq-response", kOneAddress, kQueryAnswerAttributes},
    {"resultnotification-message", kOneAddressAndQuality, kNotificationAttributes},
    {"resultnotification-response", kMaybeOneAddress, kNotificationAnswerAttributes},
    {"badmessage-response", {}, kBadAttributes},
};

const Element* find_element(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kElements), std::end(kElements), [&](const auto& e) { return e.name == name; });
  return found == std::end(kElements) ? nullptr : found;
}

std::optional<int> code_of(std::string_view text) {
  // Four digits, the first of which is the class: 0500 would come back from us as 500.
  if (text.size() != 4 || text[0] < '1' || text[0] > '9') return std::nullopt;
  int code = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    code = code * 10 + (c - '0');
  }
  return code;
}

// -- validation ---------------------------------------------------------------------------------------------------------------

using Said = std::string;  // empty: nothing is wrong

bool fits(Kind kind, std::string_view value) {
  switch (kind) {
    case Kind::time:
      return parse_rfc3339(value).has_value();
    case Kind::boolean:
      return value == "true" || value == "false";
    case Kind::code:
      return code_of(value).has_value();
    case Kind::priority:
      return parse_priority(value).has_value();
    case Kind::method:
      return parse_delivery_method(value).has_value();
    case Kind::replace:
      return value == "all" || value == "pending-only";
    case Kind::text:
      break;
  }
  return true;
}

std::string shown(std::string_view text) { return std::string(text.substr(0, 64)); }

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Said check_attributes(const pugi::xml_node& node, const Element& element, const VersionChoice& choice) {
  std::size_t seen = 0;
  for (const auto& attribute : node.attributes()) {
    const std::string_view name = attribute.name();
    if (name.starts_with("xmlns") || name.starts_with("xml:")) continue;
    const auto where = shown(element.name) + " " + shown(name);
    const auto known =
        std::find_if(element.attributes.begin(), element.attributes.end(), [&](const auto& a) { return a.name == name; });
    const bool unknown = known == element.attributes.end() || (known->since_2_0 && choice.version == Version::v1_0);
    if (unknown) {
      if (choice.newer) continue;
      return where + ": no such attribute in PAP " + std::string(to_string(choice.version));
    }
    const auto bit = std::size_t{1} << static_cast<std::size_t>(known - element.attributes.begin());
    if ((seen & bit) != 0) return where + ": given twice";
    seen |= bit;
    const std::string_view value = attribute.value();
    if (name == "push-id" || name == "replace-push-id") {
      if (value.size() > kMaxPushId) return where + ": longer than " + std::to_string(kMaxPushId) + " bytes";
      if (value.empty()) return where + ": must not be empty";
    }
    if (has_control(value)) return where + ": control character";
    if (!fits(known->kind, value)) return where + ": \"" + shown(value) + "\" is not allowed";
  }
  for (std::size_t i = 0; i < element.attributes.size(); ++i) {
    if (element.attributes[i].required && (seen & (std::size_t{1} << i)) == 0) {
      return shown(element.name) + ": " + shown(element.attributes[i].name) + " is required";
    }
  }
  return {};
}

// `node` and everything below it; PAP is three elements deep, and so is this recursion.
Said check_element(const pugi::xml_node& node, const Element& element, const VersionChoice& choice) {
  if (auto wrong = check_attributes(node, element, choice); !wrong.empty()) return wrong;
  std::array<std::size_t, 4> count{};
  for (const auto& child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
      return shown(element.name) + ": text is not allowed here";
    }
    if (child.type() != pugi::node_element) continue;
    const auto name = xml::local_name(child);
    const auto known =
        std::find_if(element.children.begin(), element.children.end(), [&](const auto& c) { return c.name == name; });
    if (known == element.children.end()) {
      if (choice.newer) continue;
      return shown(element.name) + ": " + shown(name) + " is not allowed here";
    }
    const auto place = static_cast<std::size_t>(known - element.children.begin());
    if (++count.at(place) > 1 && !known->many) return shown(element.name) + ": more than one " + shown(name);
    if (auto wrong = check_element(child, *find_element(name), choice); !wrong.empty()) return wrong;
  }
  for (std::size_t i = 0; i < element.children.size(); ++i) {
    if (element.children[i].required && count.at(i) == 0) {
      return shown(element.name) + ": " + shown(element.children[i].name) + " is required";
    }
  }
  return {};
}

// -- values: what was checked before --------------------------------------------------------------------------------------------

std::string text(const pugi::xml_node& node, const char* name) { return node.attribute(name).value(); }
bool flag(const pugi::xml_node& node, const char* name) { return std::string_view(node.attribute(name).value()) == "true"; }
std::optional<WallTime> time(const pugi::xml_node& node, const char* name) { return parse_rfc3339(node.attribute(name).value()); }
int code(const pugi::xml_node& node) { return code_of(node.attribute("code").value()).value_or(2000); }

pugi::xml_node child(const pugi::xml_node& node, std::string_view name) {
  for (const auto& one : node.children()) {
    if (one.type() == pugi::node_element && xml::local_name(one) == name) return one;
  }
  return {};
}

std::vector<std::string> addresses(const pugi::xml_node& node) {
  std::vector<std::string> out;
  for (const auto& one : node.children()) {
    if (one.type() == pugi::node_element && xml::local_name(one) == "address") out.push_back(text(one, "address-value"));
  }
  return out;
}
std::string address(const pugi::xml_node& node) { return text(child(node, "address"), "address-value"); }

std::optional<Quality> quality(const pugi::xml_node& node) {
  const auto element = child(node, "quality-of-service");
  if (!element) return std::nullopt;
  Quality out;
  out.priority = parse_priority(element.attribute("priority").value()).value_or(Priority::medium);
  out.method = parse_delivery_method(element.attribute("delivery-method").value()).value_or(DeliveryMethod::not_specified);
  out.network = text(element, "network");
  out.network_required = flag(element, "network-required");
  out.bearer = text(element, "bearer");
  out.bearer_required = flag(element, "bearer-required");
  return out;
}

Body read_push(const pugi::xml_node& node) {
  Push out;
  out.push_id = text(node, "push-id");
  out.addresses = addresses(node);
  out.replaces = text(node, "replace-push-id");
  out.pending_only = text(node, "replace-method") == "pending-only";
  out.deliver_before = time(node, "deliver-before-timestamp");
  out.deliver_after = time(node, "deliver-after-timestamp");
  out.source_reference = text(node, "source-reference");
  out.progress_notes = flag(node, "progress-notes-requested");
  out.notify_to = text(node, "ppg-notify-requested-to");
  out.quality = quality(node);
  return out;
}
Body read_cancel(const pugi::xml_node& node) { return Cancel{text(node, "push-id"), addresses(node)}; }
Body read_status_query(const pugi::xml_node& node) { return StatusQuery{text(node, "push-id"), addresses(node)}; }
Body read_capability_query(const pugi::xml_node& node) {
  return CapabilityQuery{text(node, "query-id"), text(node, "app-id"), address(node)};
}
Body read_notification_answer(const pugi::xml_node& node) {
  return NotificationAnswer{text(node, "push-id"), code(node), text(node, "desc"), address(node)};
}
Body read_push_answer(const pugi::xml_node& node) {
  PushAnswer out;
  out.push_id = text(node, "push-id");
  out.sender_address = text(node, "sender-address");
  out.sender_name = text(node, "sender-name");
  out.time = time(node, "reply-time").value_or(WallTime{});
  for (const auto& one : node.children()) {
    if (xml::local_name(one) != "progress-note") continue;
    out.notes.push_back({text(one, "stage"), text(one, "note"), time(one, "time").value_or(WallTime{})});
  }
  const auto result = child(node, "response-result");
  out.code = code(result);
  out.desc = text(result, "desc");
  return out;
}
Body read_cancel_answer(const pugi::xml_node& node) {
  CancelAnswer out;
  out.push_id = text(node, "push-id");
  for (const auto& one : node.children()) {
    if (xml::local_name(one) == "cancel-result") out.results.push_back({code(one), text(one, "desc"), addresses(one)});
  }
  return out;
}
Body read_status_answer(const pugi::xml_node& node) {
  StatusAnswer out;
  out.push_id = text(node, "push-id");
  for (const auto& one : node.children()) {
    if (xml::local_name(one) != "statusquery-result") continue;
    out.results.push_back(
        {text(one, "message-state"), code(one), text(one, "desc"), addresses(one), time(one, "event-time"), quality(one)});
  }
  return out;
}
Body read_capability_answer(const pugi::xml_node& node) {
  return CapabilityAnswer{text(node, "query-id"), code(node), text(node, "desc"), address(node)};
}
Body read_notification(const pugi::xml_node& node) {
  Notification out;
  out.push_id = text(node, "push-id");
  out.sender_address = text(node, "sender-address");
  out.sender_name = text(node, "sender-name");
  out.received = time(node, "received-time");
  out.at = time(node, "event-time");
  out.state = text(node, "message-state");
  out.code = code(node);
  out.desc = text(node, "desc");
  out.address = address(node);
  out.quality = quality(node);
  return out;
}
Body read_bad_message(const pugi::xml_node& node) {
  return BadMessage{code(node), text(node, "desc"), text(node, "bad-message-fragment")};
}

constexpr std::pair<std::string_view, Body (*)(const pugi::xml_node&)> kReaders[] = {
    {"push-message", read_push},
    {"cancel-message", read_cancel},
    {"statusquery-message", read_status_query},
    {"ccq-message", read_capability_query},
    {"resultnotification-response", read_notification_answer},
    {"push-response", read_push_answer},
    {"cancel-response", read_cancel_answer},
    {"statusquery-response", read_status_answer},
    {"ccq-response", read_capability_answer},
    {"resultnotification-message", read_notification},
    {"badmessage-response", read_bad_message},
};

// -- text ---------------------------------------------------------------------------------------------------------------------

// pugixml leaves what it cannot expand as it stands, and a &#0; would end a value: both are refused here, as XML does.
bool only_known_references(std::string_view text) {
  constexpr std::string_view kNames[] = {"amp;", "lt;", "gt;", "quot;", "apos;"};
  for (auto at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    auto rest = text.substr(at + 1);
    if (!rest.starts_with('#')) {
      if (std::none_of(std::begin(kNames), std::end(kNames), [&](auto name) { return rest.starts_with(name); })) return false;
      continue;
    }
    rest.remove_prefix(1);
    const bool hex = rest.starts_with('x');
    if (hex) rest.remove_prefix(1);
    std::uint32_t value = 0;
    std::size_t digits = 0;
    for (const char c : rest) {
      const auto digit = c >= '0' && c <= '9'          ? c - '0'
                         : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10
                         : hex && c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                       : -1;
      if (digit < 0) break;
      value = value * (hex ? 16U : 10U) + static_cast<std::uint32_t>(digit);
      if (++digits > 7) return false;
    }
    if (digits == 0 || !rest.substr(digits).starts_with(';')) return false;
    const bool character = value == 9 || value == 10 || value == 13 || (value >= 0x20 && value < 0xd800) ||
                           (value > 0xdfff && value < 0xfffe) || (value > 0xffff && value <= 0x10ffff);
    if (!character) return false;
  }
  return true;
}

bool same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::string utf8_of_latin1(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0U | (byte >> 6U));
      out += static_cast<char>(0x80U | (byte & 0x3fU));
    }
  }
  return out;
}

// The root element in UTF-8.
Expected<std::string> root_text(std::string_view document, const Prolog& prolog) {
  const auto rest = document.substr(prolog.root);
  const auto& encoding = prolog.encoding;
  if (same(encoding, "iso-8859-1") || same(encoding, "latin1")) return utf8_of_latin1(rest);
  if (!encoding.empty() && !same(encoding, "utf-8") && !same(encoding, "us-ascii")) {
    return fail(ErrorCode::invalid, "encoding " + encoding.substr(0, 32) + " is not understood; send UTF-8");
  }
  if (!is_utf8(rest)) return fail(ErrorCode::invalid, "not UTF-8");
  return std::string(rest);
}

Expected<void> load(pugi::xml_document& tree, std::string_view document, const Prolog& prolog) {
  const auto root = root_text(document, prolog);
  if (!root) return fail(root.error());
  if (root->find('\0') != std::string::npos || !only_known_references(*root)) {
    return fail(ErrorCode::invalid, "not well-formed: a reference to nothing");
  }
  return xml::load(tree, *root, {kMaxDocument, 6, kMaxNodes, kMaxAttribute});
}

// The one child of <pap>; Said otherwise.
tl::expected<pugi::xml_node, Said> operation_of(const pugi::xml_document& tree, const VersionChoice& choice) {
  const auto root = tree.document_element();
  for (const auto& one : tree.children()) {
    if (one.type() == pugi::node_element && one != root)
      return tl::unexpected<Said>("not well-formed: more than one root element");
  }
  if (xml::local_name(root) != "pap") return tl::unexpected<Said>("the root element is not pap");
  for (const auto& attribute : root.attributes()) {
    const std::string_view name = attribute.name();
    if (name != "product-name" && !name.starts_with("xml") && !choice.newer) {
      return tl::unexpected<Said>("pap " + shown(name) + ": no such attribute");
    }
  }
  pugi::xml_node operation;
  for (const auto& one : root.children()) {
    if (one.type() == pugi::node_pcdata || one.type() == pugi::node_cdata)
      return tl::unexpected<Said>("pap: text is not allowed here");
    if (one.type() != pugi::node_element) continue;
    if (operation) return tl::unexpected<Said>("pap: more than one operation");
    operation = one;
  }
  if (!operation) return tl::unexpected<Said>("pap: no operation");
  return operation;
}

}  // namespace

namespace {

// What we say of a message may quote it, and must be XML all the same.
std::string printable(std::string text) {
  for (auto& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r' || c == '\n' || c == '\t') {
      c = ' ';
    } else if (byte < 0x20 || byte >= 0x7f) {
      c = '?';
    }
  }
  return text;
}

}  // namespace

tl::expected<Document, Unreadable> parse_document(std::string_view document) {
  VersionChoice choice;
  const auto bad = [&](int code, std::string desc) {
    return tl::unexpected<Unreadable>({choice.version, {code, printable(std::move(desc)), fragment_of(document)}});
  };
  if (document.size() > kMaxDocument) return bad(2000, "too large");
  const auto prolog = read_prolog(document);
  if (!prolog) return bad(2000, prolog.error().text);
  choice = choose_version(*prolog);
  if (choice.unsupported) return bad(3002, "PAP " + prolog->declared.substr(0, 16) + "; versions 1.0 to 2.2 are understood");
  pugi::xml_document tree;
  if (auto loaded = load(tree, document, *prolog); !loaded) return bad(2000, loaded.error().text);
  const auto operation = operation_of(tree, choice);
  if (!operation) return bad(2000, operation.error());
  const auto name = xml::local_name(*operation);
  const auto* const reader =
      std::find_if(std::begin(kReaders), std::end(kReaders), [&](const auto& r) { return r.first == name; });
  // What a later version may have added is no bad request, but one that is not implemented here.
  if (reader == std::end(kReaders)) return bad(choice.newer ? 3001 : 2000, shown(name) + ": no such operation");
  if (auto wrong = check_element(*operation, *find_element(name), choice); !wrong.empty()) return bad(2000, wrong);
  Document read{choice.version, reader->second(*operation)};
  // A later 1.x is read as 1.0: what that does not know was passed over, unchecked.
  if (auto* push = std::get_if<Push>(&read.body); push != nullptr && choice.version == Version::v1_0) {
    push->replaces.clear();
    push->pending_only = false;
  }
  if (auto* query = std::get_if<CapabilityQuery>(&read.body); query != nullptr && choice.version == Version::v1_0)
    query->app_id.clear();
  return read;
}

std::string fragment_of(std::string_view message) { return printable(std::string(message.substr(0, kFragment))); }

bool is_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) -> std::uint32_t {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
    };
    const auto first = byte(i);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xc2 && first < 0xe0 ? 2
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    if (length == 0 || first == 0 || i + length > text.size()) return false;
    std::uint32_t value = length == 1 ? first : first & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xc0U) != 0x80U) return false;
      value = (value << 6U) | (byte(i + k) & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (value < least.at(length) || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) return false;
    i += length;
  }
  return true;
}

}  // namespace herald::push::pap
