// What a receiver can take: facts from many sources, merged by precedence. sip-push.md 8.
// Pure values; CapabilityBook (capability_book.h) collects them.
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

enum class FactKind : std::uint8_t { type, encoding, max_size, mode, method, event, imdn, application, extension };
[[nodiscard]] std::string_view to_string(FactKind kind) noexcept;

struct CapabilityFact {
  FactKind kind = FactKind::type;
  std::string value;      // media range, encoding, mode name, method …; for max_size the number of bytes
  bool supported = true;  // false: negative knowledge
  FactSource source = FactSource::service_default;
  std::string contact;      // contact or GRUU it is about; empty: the user as a whole
  std::string application;  // empty: any
  WallTime learned{};
  std::optional<WallTime> valid_until;
};

enum class Support : std::uint8_t { unknown, yes, no };

// Everything known about one user, for one contact (or none in particular) and one application.
struct Capabilities {
  std::vector<CapabilityFact> facts;  // those that won, one for each kind and value

  [[nodiscard]] Support takes_type(std::string_view type) const;  // ranges understood; text/plain is always taken (PR-7)
  [[nodiscard]] Support takes_encoding(std::string_view encoding) const;
  [[nodiscard]] Support takes_mode(DeliveryMode mode) const;
  [[nodiscard]] Support takes_method(std::string_view method) const;
  [[nodiscard]] Support takes_event(std::string_view package) const;
  [[nodiscard]] std::optional<std::size_t> max_size() const;
  // Anything beyond defaults about media types: else OPTIONS is worth a question (8.6).
  [[nodiscard]] bool knows_types() const;
};

// 8.3: negative beats positive, per-contact beats per-user, newer beats older at equal rank; expired facts are left out.
[[nodiscard]] Capabilities merge_facts(const std::vector<CapabilityFact>& facts, std::string_view contact,
                                       std::string_view application, WallTime now);

}  // namespace herald::push
