#include "hss/sh_view.h"

namespace herald::lab {

bool look_up(const Subscriber& user, const ShKey& key, ShView& view) {
  switch (key.reference) {
    case DataReference::repository_data: {
      const auto entry = user.profile.repository.find(key.service);
      if (entry == user.profile.repository.end()) return true;
      view.repository_service = entry->first;
      view.repository = entry->second;
      return true;
    }
    case DataReference::public_identity:
      view.with_identities = true;
      view.public_ids = user.profile.public_ids;
      return true;
    case DataReference::user_state:
      view.ims_user_state = static_cast<unsigned>(user.state);
      return true;
    case DataReference::scscf_name:
      view.scscf_name = user.scscf;
      return true;
    case DataReference::filter_criteria:
      view.criteria = criteria_of_server(user.profile.criteria_xml, key.server_name);
      return true;
  }
  return false;
}

bool is_news(const Subscriber& before, const Subscriber& after, const ShKey& key) {
  const bool about_registration = key.reference == DataReference::user_state || key.reference == DataReference::scscf_name;
  if (about_registration && after.state == ImsState::auth_pending) return false;
  // The state before an authentication is what subscribers were told last.
  auto known = before;
  if (known.state == ImsState::auth_pending) known.state = known.before_authentication;
  ShView old_view;
  ShView new_view;
  return look_up(known, key, old_view) && look_up(after, key, new_view) && sh_data(old_view) != sh_data(new_view);
}

}  // namespace herald::lab
