#include "ims/reginfo.h"

#include "check.h"

using namespace herald;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = ims::parse_reginfo(text_of(data, size));
  if (!document) return 0;
  Registration known;
  known.user = "sip:alice@ims.lab";
  known.expires = WallTime(std::chrono::hours(500000));
  for (const auto& registration : document->registrations) {
    require(registration.contacts.size() <= 64, "contacts are bounded");
    known.user = registration.user;
    const auto change = ims::registration_change(*document, known, WallTime(std::chrono::hours(499999)));
    require(change.has_value(), "a user who is named has a change");
    for (const auto& contact : change->registration.contacts) {
      require(SipUri::parse(contact.uri).has_value(), "a contact has a URI");
      (void)ims::contact_key(contact);
    }
  }
  return 0;
}
