// Pure rules: what a third-party REGISTER makes of what was known about the user. AS-12, AS-14.
#include <algorithm>

#include "ims/registration_view_impl.h"

namespace herald::ims {

Registration merged(const Registration& known, RegistrationChange change, WallTime now) {
  auto result = std::move(change.registration);
  if (result.associated.empty()) result.associated = known.associated;
  if (result.service_info.empty()) result.service_info = known.service_info;
  if (result.path.empty()) result.path = known.path;
  if (change.all_contacts_unsure) {
    // One device took back everything it had and others remain: which they are is not told. "Registered" is all we know.
    result.contacts.clear();
    result.contacts_known = false;
    return result;
  }
  if (change.complete) {
    result.contacts_known = !result.contacts.empty();
    return result;
  }
  std::vector<std::string> named = std::move(change.removed);
  for (const auto& contact : result.contacts) named.push_back(contact_key(contact));
  for (const auto& contact : known.contacts) {
    const auto key = contact_key(contact);
    if (contact.expires <= now || std::find(named.begin(), named.end(), key) != named.end()) continue;
    result.contacts.push_back(contact);
    result.expires = std::max(result.expires, contact.expires);
  }
  result.contacts_known = !result.contacts.empty();
  return result;
}

}  // namespace herald::ims
