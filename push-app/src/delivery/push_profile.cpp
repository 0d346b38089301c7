#include "delivery/push_profile.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "herald/sip_uri.h"
#include "initiator/initiator_auth.h"
#include "text/bounded_xml.h"

namespace herald::push {
namespace {

constexpr std::string_view kNamespace = "urn:example:push-profile:1";
constexpr xml::Limits kLimits{.bytes = std::size_t{64} * 1024, .depth = 8, .nodes = 4096, .text = 256};
constexpr std::size_t kMaxApplications = 64;
constexpr std::size_t kMaxContentTypes = 32;
constexpr std::size_t kMaxRules = 256;
constexpr std::size_t kMaxQuietHours = 8;
constexpr std::size_t kMaxText = 256;
constexpr unsigned kVersion = 1;

Unexpected bad(std::string text) { return fail(ErrorCode::corrupt, "push profile: " + std::move(text)); }

std::optional<std::uint32_t> to_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> to_flag(std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

std::optional<bool> to_action(std::string_view text) {
  if (text == "allow") return true;
  if (text == "block") return false;
  return std::nullopt;
}

bool has_word(std::string_view list, std::string_view word) {
  for (std::size_t at = 0; at < list.size();) {
    const auto begin = list.find_first_not_of(" \t\r\n", at);
    if (begin == std::string_view::npos) return false;
    const auto end = std::min(list.find_first_of(" \t\r\n", begin), list.size());
    if (list.substr(begin, end - begin) == word) return true;
    at = end;
  }
  return false;
}

Expected<void> read_consent(const pugi::xml_node& element, PushProfile& profile) {
  const std::string_view state = element.attribute("state").value();
  if (state == "granted") {
    profile.consent = ConsentState::granted;
  } else if (state == "denied") {
    profile.consent = ConsentState::denied;
  } else if (state == "ask") {
    profile.consent = ConsentState::ask;
  } else {
    return bad("consent@state is not granted, denied or ask");
  }
  return {};
}

Expected<void> read_application(const pugi::xml_node& element, PushProfile& profile) {
  if (profile.applications.size() >= kMaxApplications) return bad("too many applications");
  ProfileApplication application;
  application.id = element.attribute("id").value();
  if (application.id.empty()) return bad("application without id");
  if (const auto bytes = element.attribute("max-bytes")) {
    application.max_bytes = to_number(bytes.value());
    if (!application.max_bytes) return bad("application@max-bytes is not a number");
  }
  if (const auto modes = element.attribute("modes")) {
    application.modes_listed = true;
    application.pager = has_word(modes.value(), "pager");
    application.session = has_word(modes.value(), "session");
    application.indirect = has_word(modes.value(), "indirect");
  }
  if (const auto offline = element.attribute("store-offline")) {
    const auto flag = to_flag(offline.value());
    if (!flag) return bad("application@store-offline is not a boolean");
    application.store_offline = *flag;
  }
  for (const auto& child : element.children()) {
    if (child.type() != pugi::node_element || xml::local_name(child) != "content-type" || xml::namespace_of(child) != kNamespace)
      continue;
    if (application.content_types.size() >= kMaxContentTypes) return bad("too many content types");
    auto type = xml::text_of(child);
    if (type.empty() || type.size() > kMaxText) return bad("empty or overlong content-type");
    application.content_types.push_back(std::move(type));
  }
  profile.applications.push_back(std::move(application));
  return {};
}

Expected<void> read_initiators(const pugi::xml_node& element, PushProfile& profile) {
  if (const auto preset = element.attribute("default")) {
    const auto action = to_action(preset.value());
    if (!action) return bad("initiators@default is not allow or block");
    profile.allow_initiators = *action;
  }
  for (const auto& child : element.children()) {
    if (child.type() != pugi::node_element || xml::local_name(child) != "rule" || xml::namespace_of(child) != kNamespace)
      continue;
    if (profile.rules.size() >= kMaxRules) return bad("too many initiator rules");
    const auto action = to_action(child.attribute("action").value());
    const std::string_view match = child.attribute("match").value();
    if (!action || match.empty()) return bad("initiators/rule needs match and action");
    profile.rules.push_back({std::string(match), *action});
  }
  return {};
}

Expected<void> read_quiet_hours(const pugi::xml_node& element, PushProfile& profile) {
  if (profile.quiet_hours.size() >= kMaxQuietHours) return bad("too many quiet-hours");
  const auto days = parse_days(element.attribute("days").as_string("1-7"));
  const auto from = parse_time_of_day(element.attribute("from").value());
  const auto to = parse_time_of_day(element.attribute("to").value());
  const auto priority = parse_priority(element.attribute("min-priority").as_string("high"));
  const std::string_view zone = element.attribute("tz").as_string("UTC");
  if (!days || !from || !to || !priority) return bad("quiet-hours with a bad day, time or priority");
  if (!known_zone(zone)) return bad("quiet-hours@tz names no known zone");
  profile.quiet_hours.push_back({*days, *from, *to, std::string(zone), *priority});
  return {};
}

Expected<void> read_child(const pugi::xml_node& child, PushProfile& profile) {
  const auto name = xml::local_name(child);
  if (name == "consent") return read_consent(child, profile);
  if (name == "application") return read_application(child, profile);
  if (name == "initiators") return read_initiators(child, profile);
  if (name == "quiet-hours") return read_quiet_hours(child, profile);
  return {};  // a later minor version
}

}  // namespace

const ProfileApplication* PushProfile::application(std::string_view id) const noexcept {
  const auto found =
      std::find_if(applications.begin(), applications.end(), [id](const auto& a) { return matches_pattern(a.id, id); });
  return found == applications.end() ? nullptr : &*found;
}

bool PushProfile::allows_initiator(std::string_view identity) const {
  const auto canonical = canonical_identity(identity);
  for (const auto& rule : rules) {
    const auto star = rule.match.find("*@");
    bool hit = false;
    if (star == std::string::npos) {
      hit = canonical_identity(rule.match) == canonical;
    } else {  // "sip:*@domain" or "*@domain": any user of exactly that domain
      const auto uri = SipUri::parse(canonical);
      const auto scheme = std::string_view(rule.match).substr(0, star);
      hit = uri && (scheme.empty() || scheme == uri->scheme + ":") &&
            matches_pattern(std::string_view(rule.match).substr(star + 2), uri->host);
    }
    if (hit) return rule.allow;
  }
  return allow_initiators;
}

Expected<PushProfile> parse_push_profile(std::string_view text) {
  pugi::xml_document document;
  if (auto loaded = xml::load(document, text, kLimits); !loaded) return bad(loaded.error().text);

  const auto root = document.document_element();
  if (xml::local_name(root) != "push-profile" || xml::namespace_of(root) != kNamespace) return bad("no push-profile element");
  const auto version = to_number(root.attribute("version").value());
  if (!version || *version == 0 || *version > 65535) return bad("version is missing or no number");
  if (*version > kVersion)
    return fail(ErrorCode::unsupported, "push profile: version " + std::to_string(*version) + " is newer than ours");

  PushProfile profile;
  bool consent_seen = false;
  for (const auto& child : root.children()) {
    if (child.type() != pugi::node_element || xml::namespace_of(child) != kNamespace) continue;  // kept by the HSS, nothing to us
    if (xml::local_name(child) == "consent" && std::exchange(consent_seen, true)) return bad("two consent elements");
    if (auto read = read_child(child, profile); !read) return fail(read.error());
  }
  if (!consent_seen) return bad("consent is missing");
  return profile;
}

}  // namespace herald::push
