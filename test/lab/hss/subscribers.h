// Who the HSS knows and in which state: the one place that Cx writes and Sh reads (CX-20). TS 29.228 6, cx-lab-hss 5.
// Thread: any; one lock, held for a look-up only.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hss/config.h"

namespace herald::lab {

// Values as in Sh's IMSUserState.
enum class ImsState : std::uint8_t { not_registered = 0, registered = 1, unregistered_services = 2, auth_pending = 3 };
std::string_view to_string(ImsState state) noexcept;

struct Subscriber {
  SubscriberConfig profile;
  ImsState state = ImsState::not_registered;
  ImsState before_authentication = ImsState::not_registered;
  std::string scscf;
};

// TS 29.229 6.3.15
enum class AssignmentType : std::uint32_t {
  no_assignment = 0,
  registration,
  re_registration,
  unregistered_user,
  timeout_deregistration,
  user_deregistration,
  timeout_deregistration_store_server_name,
  user_deregistration_store_server_name,
  administrative_deregistration,
  authentication_failure,
  authentication_timeout,
  deregistration_too_much_data,
};

// Pure: what a Server-Assignment does to a subscriber. Also says whether the answer carries the profile.
struct Assignment {
  ImsState state;
  bool keep_scscf;
  bool send_profile;
};
[[nodiscard]] std::optional<Assignment> assign(const Subscriber& user, AssignmentType type);

// Pure: the sequence number rule of a repository update. TS 29.328 6.1.2
enum class UpdateVerdict : std::uint8_t { apply, out_of_sync, not_allowed };
[[nodiscard]] UpdateVerdict judge_update(const RepositoryEntry* stored, std::uint32_t sequence, bool remove);

class SubscriberStore {
 public:
  // Called without the lock after every change of one subscriber. Set before anything changes.
  using Listener = std::function<void(const Subscriber& before, const Subscriber& after)>;
  void listen(Listener listener) { listener_ = std::move(listener); }

  // Keeps the state of those who stay. Returns the public identities of those whose repository data changed.
  std::vector<std::string> load(std::vector<SubscriberConfig> users);

  [[nodiscard]] std::optional<Subscriber> by_public(std::string_view identity) const;
  [[nodiscard]] std::optional<Subscriber> by_private(std::string_view identity) const;
  // False when nobody has this private identity.
  bool change(std::string_view private_id, const std::function<void(Subscriber&)>& how);
  [[nodiscard]] std::vector<Subscriber> all() const;

 private:
  Listener listener_;
  mutable std::mutex mutex_;
  std::vector<Subscriber> users_;
};

}  // namespace herald::lab
