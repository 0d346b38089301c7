#include "capability/capabilities.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>

#include "capability/capability_sources.h"
#include "delivery/content_choice.h"
#include "initiator/initiator_auth.h"

namespace herald::push {
namespace {

bool same_value(std::string_view a, std::string_view b) { return a == b || (!a.ends_with('*') && matches_pattern(a, b)); }

// What a fact is worth for this contact and application; smaller is better.
struct Rank {
  FactSource source;
  bool about_user;   // rather than this contact
  bool about_any;    // rather than this application
  unsigned breadth;  // 0: names the thing itself; 1: "image/*"; 2: everything else
  bool positive;
  WallTime::rep age;

  auto operator<=>(const Rank&) const = default;
};

unsigned breadth_of(std::string_view value) noexcept {
  if (value == "*" || value == "*/*") return 2;
  return value.ends_with("/*") ? 1 : 0;
}

Rank rank_of(const CapabilityFact& fact, bool for_contact) {
  return {fact.source,    !for_contact || fact.contact.empty(),    fact.application.empty(), breadth_of(fact.value),
          fact.supported, -fact.learned.time_since_epoch().count()};
}

bool is_exception(const CapabilityFact& fact) noexcept { return fact.source == FactSource::failure && fact.supported; }

bool about_the_same(const CapabilityFact& a, const CapabilityFact& b) {
  if (a.kind != b.kind || is_exception(a) != is_exception(b)) return false;
  // Two limits compete whatever their numbers are; two refused sizes do not, max_size() takes the smaller.
  const bool size = a.kind == FactKind::max_size || a.kind == FactKind::content_size || a.kind == FactKind::session_size;
  if (size && a.supported && b.supported) return true;
  if (size && a.supported != b.supported) return false;
  return same_value(a.value, b.value);
}

bool covers(const CapabilityFact& fact, FactKind kind, std::string_view value) {
  if (fact.kind != kind) return false;
  if (kind == FactKind::type) return media_range_matches(fact.value, value);
  return fact.value == "*" || same_value(fact.value, value);
}

std::optional<std::size_t> number_of(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string_view to_string(FactSource source) noexcept {
  constexpr std::array<std::string_view, 7> kNames{"failure",     "registration", "options", "published",
                                                   "provisioned", "initiator",    "default"};
  return kNames.at(static_cast<std::size_t>(source));
}

std::string_view to_string(FactKind kind) noexcept {
  constexpr std::array<std::string_view, 15> kNames{"type",    "encoding", "max_size",     "mode",         "method",
                                                    "event",   "imdn",     "application",  "extension",    "scheme",
                                                    "feature", "service",  "availability", "content_size", "session_size"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string_view mode_name(DeliveryMode mode) noexcept {
  switch (mode) {
    case DeliveryMode::notify:
      return "notify";
    case DeliveryMode::pager:
      return "pager";
    case DeliveryMode::msrp:
      return "msrp";
    case DeliveryMode::indirection:
      return "indirection";
  }
  return "";
}

std::string media_range(std::string_view text) {
  text = text.substr(0, text.find(';'));
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out == "*" ? "*/*" : out;
}

Capabilities merge_facts(const std::vector<CapabilityFact>& facts, std::string_view contact, std::string_view application,
                         WallTime now) {
  const bool for_contact = !contact.empty();
  Capabilities out;
  for (const auto& fact : facts) {
    if (fact.valid_until && *fact.valid_until <= now) continue;
    if (for_contact && !fact.contact.empty() && !same_address(fact.contact, contact)) continue;
    if (!fact.application.empty() && !matches_pattern(fact.application, application)) continue;
    const auto rival =
        std::find_if(out.facts.begin(), out.facts.end(), [&](const auto& other) { return about_the_same(other, fact); });
    if (rival == out.facts.end()) {
      out.facts.push_back(fact);
    } else if (rank_of(fact, for_contact) < rank_of(*rival, for_contact)) {
      *rival = fact;
    }
  }
  // Best first: queries take the first that speaks about their subject.
  std::stable_sort(out.facts.begin(), out.facts.end(),
                   [&](const auto& a, const auto& b) { return rank_of(a, for_contact) < rank_of(b, for_contact); });
  return out;
}

namespace {

Support ask(const std::vector<CapabilityFact>& facts, FactKind kind, std::string_view value) {
  bool excepted = false;
  for (const auto& fact : facts) {
    if (!covers(fact, kind, value)) continue;
    if (fact.source == FactSource::failure) {
      if (excepted) continue;  // a narrower fact took it out of the refusal
      if (!fact.supported) return Support::no;
      excepted = true;
      continue;
    }
    return fact.supported ? Support::yes : Support::no;
  }
  return excepted ? Support::yes : Support::unknown;
}

}  // namespace

Support Capabilities::takes_type(std::string_view type) const {
  const auto range = media_range(type);
  if (range != "text/plain") return ask(facts, FactKind::type, range);
  const auto refused = std::find_if(facts.begin(), facts.end(),
                                    [&](const auto& fact) { return fact.kind == FactKind::type && fact.value == "text/plain"; });
  return refused != facts.end() && !refused->supported ? Support::no : Support::yes;
}

Support Capabilities::takes_encoding(std::string_view encoding) const {
  if (encoding.empty() || matches_pattern("identity", encoding)) return Support::yes;
  return ask(facts, FactKind::encoding, encoding);
}

Support Capabilities::takes_mode(DeliveryMode mode) const { return ask(facts, FactKind::mode, mode_name(mode)); }
Support Capabilities::takes_method(std::string_view method) const { return ask(facts, FactKind::method, method); }
Support Capabilities::takes_event(std::string_view package) const { return ask(facts, FactKind::event, package); }
Support Capabilities::takes_extension(std::string_view tag) const { return ask(facts, FactKind::extension, tag); }
Support Capabilities::takes_application(std::string_view id) const { return ask(facts, FactKind::application, id); }

namespace {

std::optional<std::size_t> smallest(const std::vector<CapabilityFact>& facts, bool (*counts)(const CapabilityFact&)) {
  std::optional<std::size_t> limit;
  for (const auto& fact : facts) {
    if (fact.source == FactSource::service_default || !counts(fact)) continue;
    const auto bytes = number_of(fact.value);
    if (!bytes) continue;
    const auto most = fact.supported || *bytes == 0 ? *bytes : *bytes - 1;
    limit = std::min(limit.value_or(most), most);
  }
  return limit;
}

}  // namespace

std::optional<std::size_t> Capabilities::max_size() const {
  return smallest(facts, [](const CapabilityFact& fact) { return fact.kind == FactKind::max_size; });
}

std::optional<std::size_t> Capabilities::max_content() const {
  return smallest(facts, [](const CapabilityFact& fact) {
    return fact.kind == FactKind::content_size || (fact.kind == FactKind::max_size && fact.source != FactSource::failure);
  });
}

std::optional<std::size_t> Capabilities::max_in_session() const {
  return smallest(facts, [](const CapabilityFact& fact) { return fact.kind == FactKind::session_size; });
}

bool Capabilities::knows_types() const {
  return std::any_of(facts.begin(), facts.end(), [](const auto& fact) {
    if (fact.kind != FactKind::type || fact.source == FactSource::service_default) return false;
    return fact.supported || breadth_of(fact.value) == 2;  // that one type was refused says nothing about others
  });
}

}  // namespace herald::push
