// Presence documents: PIDF (RFC 3863) with SIP capabilities (RFC 5196) and OMA's service description. PS-102.
// Comes from outside: bounded and checked; namespaces that are not ours are left alone.
// Thread: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capability/capability_sources.h"

namespace herald::push {

inline constexpr std::string_view kPresencePackage = "presence";
inline constexpr std::string_view kPidfType = "application/pidf+xml";
inline constexpr std::string_view kOmaPresenceNamespace = "urn:oma:xml:prs:pidf:oma-pres";

struct PidfCapability {
  FactKind kind = FactKind::feature;
  std::string value;
  bool supported = true;

  bool operator==(const PidfCapability&) const = default;
};

struct PidfTuple {
  std::string id;
  std::optional<bool> open;  // basic; none: not told
  std::string contact;       // URI; empty: none
  std::optional<WallTime> timestamp;
  std::vector<PidfCapability> capabilities;
};

struct PidfDocument {
  std::string entity;
  std::vector<PidfTuple> tuples;
  std::vector<PidfCapability> devices;  // capabilities told outside any tuple
};

// Error{invalid}: no PIDF.
[[nodiscard]] Expected<PidfDocument> parse_pidf(std::string_view text, std::string_view oma_namespace = kOmaPresenceNamespace);

// (d) of 8.3. A tuple whose contact is an address of the user, not of one device, speaks about the user; a closed tuple says that
// the service is not there, and nothing about what it could do.
[[nodiscard]] std::vector<CapabilityFact> facts_of(const PidfDocument& document, std::string_view user, WallTime learned,
                                                   WallTime valid_until);

}  // namespace herald::push
