#include "hss/subscribers.h"

#include <algorithm>

#include "hss/uri.h"

namespace herald::lab {

namespace {

bool same_repository(const SubscriberConfig& a, const SubscriberConfig& b) {
  return std::equal(a.repository.begin(), a.repository.end(), b.repository.begin(), b.repository.end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && x.second.sequence == y.second.sequence && x.second.xml == y.second.xml;
                    });
}

}  // namespace

std::string_view to_string(ImsState state) noexcept {
  switch (state) {
    case ImsState::not_registered:
      return "not_registered";
    case ImsState::registered:
      return "registered";
    case ImsState::unregistered_services:
      return "unregistered_services";
    case ImsState::auth_pending:
      return "authentication_pending";
  }
  return "";
}

std::optional<Assignment> assign(const Subscriber& user, AssignmentType type) {
  using enum AssignmentType;
  switch (type) {
    case no_assignment:
      return Assignment{user.state, true, true};
    case registration:
    case re_registration:
      return Assignment{ImsState::registered, true, true};
    case unregistered_user:
      return Assignment{ImsState::unregistered_services, true, true};
    case timeout_deregistration:
    case user_deregistration:
    case administrative_deregistration:
    case deregistration_too_much_data:
      return Assignment{ImsState::not_registered, false, false};
    case timeout_deregistration_store_server_name:
    case user_deregistration_store_server_name:
      return Assignment{ImsState::unregistered_services, true, false};
    case authentication_failure:
    case authentication_timeout:
      return Assignment{user.before_authentication, true, false};
  }
  return std::nullopt;
}

UpdateVerdict judge_update(const RepositoryEntry* stored, std::uint32_t sequence, bool remove) {
  if (stored == nullptr) {
    if (remove) return UpdateVerdict::not_allowed;
    return sequence == 0 ? UpdateVerdict::apply : UpdateVerdict::out_of_sync;
  }
  const std::uint32_t next = stored->sequence % 65535 + 1;
  return sequence == next ? UpdateVerdict::apply : UpdateVerdict::out_of_sync;
}

std::vector<std::string> SubscriberStore::load(std::vector<SubscriberConfig> users) {
  std::vector<std::pair<Subscriber, Subscriber>> changed;
  {
    const std::lock_guard lock(mutex_);
    std::vector<Subscriber> next;
    for (auto& profile : users) {
      const auto old = std::find_if(users_.begin(), users_.end(),
                                    [&](const Subscriber& known) { return known.profile.private_id == profile.private_id; });
      Subscriber user = old == users_.end() ? Subscriber{} : *old;
      const bool differs = old != users_.end() && !same_repository(old->profile, profile);
      user.profile = std::move(profile);
      if (differs) changed.emplace_back(*old, user);
      next.push_back(std::move(user));
    }
    users_ = std::move(next);
  }
  std::vector<std::string> identities;
  for (const auto& [before, after] : changed) {
    identities.push_back(after.profile.public_ids.front());
    if (listener_) listener_(before, after);
  }
  return identities;
}

std::optional<Subscriber> SubscriberStore::by_public(std::string_view identity) const {
  const auto key = canonical_identity(identity);
  const std::lock_guard lock(mutex_);
  for (const auto& user : users_) {
    const auto& ids = user.profile.public_ids;
    if (std::find(ids.begin(), ids.end(), key) != ids.end()) return user;
  }
  return std::nullopt;
}

std::optional<Subscriber> SubscriberStore::by_private(std::string_view identity) const {
  const std::lock_guard lock(mutex_);
  for (const auto& user : users_) {
    if (user.profile.private_id == identity) return user;
  }
  return std::nullopt;
}

bool SubscriberStore::change(std::string_view private_id, const std::function<void(Subscriber&)>& how) {
  std::optional<Subscriber> before;
  Subscriber after;
  {
    const std::lock_guard lock(mutex_);
    for (auto& user : users_) {
      if (user.profile.private_id != private_id) continue;
      before = user;
      how(user);
      after = user;
      break;
    }
  }
  if (before && listener_) listener_(*before, after);
  return before.has_value();
}

std::vector<Subscriber> SubscriberStore::all() const {
  const std::lock_guard lock(mutex_);
  return users_;
}

}  // namespace herald::lab
