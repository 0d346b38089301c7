// What each source says, as facts: one pure function a source. sip-push.md 8.3 (a) to (g), PS-100..PS-104.
// Everything here comes from outside: values are cut to kMaxFactValue bytes' worth of sense (longer ones are left out), lists to
// kMaxFacts.
// Thread: pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "capability/capabilities.h"
#include "delivery/push_profile.h"
#include "herald/registration_view.h"
#include "herald/sip_message.h"

namespace herald::push {

inline constexpr std::size_t kMaxFacts = 256;  // of one source about one contact
inline constexpr std::size_t kMaxFactValue = 128;
inline constexpr std::chrono::hours kFactLifetime{24};  // of (a) and (c)

// 415, 413, 488, 420 … as the answer to an attempt: class a of 8.3.
struct CapabilityFailure {
  int status = 0;
  std::string type;  // of the content that was refused
  DeliveryMode mode = DeliveryMode::pager;
  std::size_t size = 0;             // of the refused body
  std::vector<std::string> accept;  // of the answer; empty: none came
  std::vector<std::string> accept_encoding;
  std::vector<std::string> unsupported;
};

// Collects the facts of one source about one subject.
class FactList {
 public:
  explicit FactList(CapabilityFact pattern) : pattern_(std::move(pattern)) {}
  void add(FactKind kind, std::string_view value, bool supported = true);
  // "And nothing else": when something of that kind was listed.
  void close(FactKind kind);
  [[nodiscard]] bool has(FactKind kind, std::string_view value) const;
  [[nodiscard]] bool any(FactKind kind) const;
  [[nodiscard]] std::vector<CapabilityFact> take() { return std::move(facts_); }

 private:
  CapabilityFact pattern_;
  std::vector<CapabilityFact> facts_;
};

// RFC 3840 9: the feature tags among the parameters of a Contact; anything else is left alone.
void add_feature_tags(const SipParams& params, FactList& out);
// What the methods, features and types that were listed mean for delivery modes.
void derive_modes(FactList& out);

// (b) PS-100, PS-101: per contact, until it expires.
[[nodiscard]] std::vector<CapabilityFact> facts_of(const Registration& registration);
// (c) PS-104: of the 200 to OPTIONS. A forked answer describes one device: `contact` is the one that answered.
[[nodiscard]] std::vector<CapabilityFact> facts_of_options(const SipMessage& response, std::string contact, WallTime now);
// (e)
[[nodiscard]] std::vector<CapabilityFact> facts_of(const PushProfile& profile);
// (g) text/plain, identity, pager only.
[[nodiscard]] std::vector<CapabilityFact> default_facts(std::uint32_t pager_max_bytes);
// (a)
[[nodiscard]] std::vector<CapabilityFact> facts_of(const CapabilityFailure& failure, std::string contact, std::string application,
                                                   WallTime now);

// The URI of the first Contact; empty: there is none.
[[nodiscard]] std::string contact_of(const SipMessage& message);
// pub-gruu, temp-gruu: without their quotes; empty when there is none.
[[nodiscard]] std::string gruu_of(const RegisteredContact& contact, std::string_view parameter);
// RFC 3261 19.1.4; and a GRUU is not the AoR that it is made of (RFC 5627 5.1).
[[nodiscard]] bool same_address(std::string_view a, std::string_view b);
// The registered contact that `address` (its URI or a GRUU of it) means; null: none of them.
[[nodiscard]] const RegisteredContact* find_contact(const Registration& registration, std::string_view address);

}  // namespace herald::push
