// Who is registered, as far as the S-CSCF's third-party REGISTERs tell. One view, fed by ims/; expires by itself, since a
// real S-CSCF says nothing when a contact runs out.
// Thread: each user belongs to one shard (ServletContext::home_shard); everything here only on that shard. AS-10..AS-18.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"
#include "herald/sip_uri.h"

namespace herald {

struct RegisteredContact {
  std::string uri;
  SipParams params;                       // +sip.instance, reg-id, q, feature tags, pub-gruu …
  std::vector<std::string> applications;  // tokens of +g.oma.pusheventapp, lower case
  WallTime expires{};
};

struct Registration {
  std::string user;                         // canonical public identity
  std::string scscf;                        // URI of the S-CSCF: the Contact, else the From, of the third-party REGISTER
  std::vector<RegisteredContact> contacts;  // empty when the S-CSCF includes no REGISTER body: then "registered" is all we know
  bool contacts_known = false;
  std::vector<std::string> associated;  // P-Associated-URI, canonical
  std::vector<std::string> path;        // Path of the UE's REGISTER, verbatim
  std::string service_info;             // from the iFC
  std::string source;                   // "third-party-register" or "reg-event"
  std::string trace;
  WallTime updated{};
  WallTime expires{};
};

// Told once on the user's home shard, and on the home shards of its associated identities if those are others: a listener that
// waits for an alias finds it in Registration::associated.
enum class RegistrationEvent { registered, refreshed, deregistered, expired };

// When the S-CSCF is asked for the reg event of a user who registers (RFC 3680).
enum class RegEventUse {
  automatic,  // when the third-party REGISTER does not tell the contacts
  always,
  never,
};

class RegistrationView {
 public:
  using Listener = std::function<void(RegistrationEvent, const Registration&)>;
  // Ends the subscription when destroyed.
  using Subscription = std::shared_ptr<void>;

  virtual ~RegistrationView() = default;
  // Null when the user is not registered. The pointer is valid until the next suspension point.
  [[nodiscard]] virtual const Registration* find(std::string_view user) const = 0;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  [[nodiscard]] virtual Subscription listen(Listener listener) = 0;
};

// One registration at that moment as JSON: what GET /v1/registrations/{user} shows, whoever serves it.
[[nodiscard]] std::string registration_json(const Registration& registration, WallTime now);

}  // namespace herald
