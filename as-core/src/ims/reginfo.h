// application/reginfo+xml: what an S-CSCF tells a watcher of the reg event about a user's registrations. RFC 3680, RFC 5628;
// PS-101, AS-23, AS-24.
// Thread: pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/expected.h"
#include "herald/registration_view.h"
#include "ims/third_party_register.h"

namespace herald::ims {

enum class ReginfoState : std::uint8_t { init, active, terminated };

// RFC 3680 5.2; `none`: missing or of a later RFC.
enum class ContactEvent : std::uint8_t {
  none,
  registered,
  created,
  refreshed,
  shortened,
  expired,
  deactivated,
  probation,
  unregistered,
  rejected,
};
[[nodiscard]] std::string_view to_string(ContactEvent event) noexcept;
// Can the device be reached after it? What is not known counts by the contact's state.
[[nodiscard]] bool reachable(ReginfoState state, ContactEvent event) noexcept;

struct ReginfoContact {
  ReginfoState state = ReginfoState::active;
  ContactEvent event = ContactEvent::none;
  std::string uri;
  // As in a Contact header: +sip.instance, feature tags, q, pub-gruu, temp-gruu; strings in quotes.
  SipParams params;
  std::optional<std::chrono::seconds> expires;
};

struct ReginfoRegistration {
  std::string user;  // canonical
  ReginfoState state = ReginfoState::init;
  std::vector<ReginfoContact> contacts;
};

struct Reginfo {
  std::uint32_t version = 0;
  bool full = false;
  std::vector<ReginfoRegistration> registrations;
  unsigned malformed = 0;  // elements left out
};

// Error{invalid}: no reginfo, or a DTD; Error{too_large}: over 256 KiB. At most 64 registrations of 64 contacts each.
Expected<Reginfo> parse_reginfo(std::string_view xml);

// What a document makes of what is known. The versions of one subscription: RFC 3680 5.1, AS-23.
class ReginfoSequence {
 public:
  enum class Verdict {
    apply,
    old,  // known already: nothing to do
    gap,  // one was missed: ask for the full state
  };
  // A full document always counts: some S-CSCFs never raise the version.
  Verdict take(const Reginfo& document) noexcept;
  void restart() noexcept { version_.reset(); }  // a new subscription

 private:
  std::optional<std::uint32_t> version_;
};

// The change for the user `known` tells of; none: the document says nothing about him.
[[nodiscard]] std::optional<RegistrationChange> registration_change(const Reginfo& document, const Registration& known,
                                                                    WallTime now);

}  // namespace herald::ims
