// A third-party REGISTER as a value: what it says about the user, free of SIP. TS 24.229 5.7.1.1; AS-10..AS-18.
// Thread: pure functions.
#pragma once

#include <string>
#include <vector>

#include "herald/clock.h"
#include "herald/registration_view.h"
#include "herald/sip_message.h"

namespace herald::ims {

struct RegistrationChange {
  Registration registration;         // contacts: those this REGISTER names as present
  bool deregistered = false;         // Expires 0: the user is gone (AS-12)
  std::vector<std::string> removed;  // keys (contact_key) of single contacts that left while the user stays (AS-14)
  bool complete = false;             // these are all there are: who is not named has left (full reg-event state)
  bool all_contacts_unsure = false;  // "Contact: *" of one device: who is left cannot be told (AS-14)
  unsigned malformed_parts = 0;
  unsigned ignored_parts = 0;
};

// Error{forbidden}: not from an S-CSCF (From is the user, or no SIP URI); Error{invalid}: no usable To. Everything else that is
// wrong with it is tolerated: it is never the user's fault (AS-15).
Expected<RegistrationChange> read_third_party_register(const SipMessage& request, WallTime now, std::string_view trace);

// The 200 that goes out before any work: Expires and Contact echoed (AS-11).
[[nodiscard]] SipMessage accept_third_party_register(const SipMessage& request);

// The applications of +g.oma.pusheventapp="news.ua,mms.ua", in lower case (RFC 3840 compares them without case).
[[nodiscard]] std::vector<std::string> application_tokens(const SipParams& params);

// Two bindings are one device: +sip.instance and reg-id when given (RFC 5626 4.1), else the URI without parameters.
[[nodiscard]] std::string contact_key(const RegisteredContact& contact);

}  // namespace herald::ims
