// What a receiver can take: facts from many sources, merged by precedence. sip-push.md 8.
// Pure values; CapabilityBook (capability_book.h) collects them.
//
// A source that lists all it takes (Accept, methods="…") says two things: these yes, and the rest no. The second one is a fact
// too, about "*" or "*/*", and yields to a fact of the same source that names the thing itself.
// Thread: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"
#include "herald/service_profile.h"

namespace herald::push {

// In order of precedence, highest first: sip-push.md 8.3 (a) to (g).
enum class FactSource : std::uint8_t { failure, registration, options, published, provisioned, initiator, service_default };
[[nodiscard]] std::string_view to_string(FactSource source) noexcept;

enum class FactKind : std::uint8_t {
  type,
  encoding,
  max_size,
  mode,
  method,
  event,
  imdn,
  application,
  extension,
  scheme,        // of URIs
  feature,       // any other feature tag, "mobility=mobile", "automata": PS-13
  service,       // OMA service description, "org.openmobilealliance:IM-session/1.0"
  availability,  // "open": false when closed
  content_size,  // like max_size, but of the content, however it comes: a reference that was too large
  session_size,  // of a message in a session: its max-size, or what got a 413 there
};
[[nodiscard]] std::string_view to_string(FactKind kind) noexcept;

struct CapabilityFact {
  FactKind kind = FactKind::type;
  std::string value;      // media range, encoding, mode name, method …; for max_size the number of bytes
  bool supported = true;  // false: negative knowledge; of max_size: that many were refused
  FactSource source = FactSource::service_default;
  std::string contact;      // contact or GRUU it is about; empty: the user as a whole
  std::string application;  // id or "prefix*"; empty: any
  WallTime learned{};
  std::optional<WallTime> valid_until;

  bool operator==(const CapabilityFact&) const = default;
};

enum class Support : std::uint8_t { unknown, yes, no };

// Everything known about one user, for one contact (or none in particular) and one application.
struct Capabilities {
  // Those that won, one for each kind and value. A refusal that lists what it would have taken is kept with that list: facts of
  // source `failure` that are `supported` only except their types from it and never outrank another source (8.3: (a) is
  // negative).
  std::vector<CapabilityFact> facts;

  // Ranges understood. text/plain is taken (PR-7) unless it was refused by its name.
  [[nodiscard]] Support takes_type(std::string_view type) const;
  [[nodiscard]] Support takes_encoding(std::string_view encoding) const;  // identity always
  [[nodiscard]] Support takes_mode(DeliveryMode mode) const;
  [[nodiscard]] Support takes_method(std::string_view method) const;
  [[nodiscard]] Support takes_event(std::string_view package) const;
  [[nodiscard]] Support takes_extension(std::string_view tag) const;
  [[nodiscard]] Support takes_application(std::string_view id) const;
  // Of a body. The default (g) is a limit of the pager mode, not of the receiver, and does not count here.
  [[nodiscard]] std::optional<std::size_t> max_size() const;
  // Of a content, whatever carries it: a refused MESSAGE says nothing about sessions (sip-push.md 7).
  [[nodiscard]] std::optional<std::size_t> max_content() const;
  [[nodiscard]] std::optional<std::size_t> max_in_session() const;
  // Anything beyond defaults about media types: else OPTIONS is worth a question (8.6).
  [[nodiscard]] bool knows_types() const;
};

// 8.3: higher source first; then per-contact beats per-user, and a fact about the application one about any; then negative beats
// positive; then newer beats older. Expired facts are left out. Without a contact the facts about all of them count, none more
// than the user's own: a forked request may reach any.
[[nodiscard]] Capabilities merge_facts(const std::vector<CapabilityFact>& facts, std::string_view contact,
                                       std::string_view application, WallTime now);

// As facts write them: a media range in lower case without parameters.
[[nodiscard]] std::string media_range(std::string_view text);
[[nodiscard]] std::string_view mode_name(DeliveryMode mode) noexcept;

}  // namespace herald::push
