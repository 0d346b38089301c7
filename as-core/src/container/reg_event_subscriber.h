// Watches the reg event of users whose third-party REGISTERs do not say which contacts they have, and feeds the registration view
// with what the S-CSCF tells. TS 24.229 5.7.1.1, RFC 3680; AS-20..AS-25, PS-101.
// A restart forgets the subscriptions: the next third-party REGISTER of a user makes a new one.
// Thread: one shard, the home of its users. Lifetime: lives in the Core.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "herald/registration_view.h"
#include "herald/subscriber.h"
#include "ims/reginfo.h"

namespace herald::container {

class Core;

class RegEventSubscriber {
 public:
  explicit RegEventSubscriber(Core& core);
  ~RegEventSubscriber();
  RegEventSubscriber(const RegEventSubscriber&) = delete;
  RegEventSubscriber& operator=(const RegEventSubscriber&) = delete;

  void start();
  // The view has taken up this change of a user who is at home here.
  void registered(const ims::RegistrationChange& change);
  void stop();
  [[nodiscard]] std::size_t size() const noexcept { return users_.size(); }

 private:
  class User;
  void subscribe(User& user);
  void left(const std::string& user);
  void ended(User& user, const WatchProgress& progress);
  void take(User& user, const SipMessage& notify, bool last);
  void apply(User& user, ims::RegistrationChange change);
  [[nodiscard]] std::string own_uri() const;
  [[nodiscard]] bool refused_lately(const std::string& scscf);

  Core& core_;
  std::unordered_map<std::string, std::unique_ptr<User>> users_;
  std::unordered_map<std::string, TimePoint> refusals_;  // by S-CSCF: until then it is not asked again (AS-21)
  RegistrationView::Subscription listening_;
};

}  // namespace herald::container
