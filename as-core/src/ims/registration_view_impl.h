// The registrations of one shard: kept, expired, announced, and written down so that a restart knows who is there.
// A user lives on its home shard; the identities of its implicit set (P-Associated-URI) may have other home shards, which then
// hold a copy, so that find() works for every alias where it is asked (AS-17).
// Thread: one shard.
#pragma once

#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "herald/executor.h"
#include "herald/registration_view.h"
#include "herald/store.h"
#include "herald/task.h"
#include "ims/third_party_register.h"

namespace herald::ims {

class RegistrationViewImpl final : public RegistrationView, public std::enable_shared_from_this<RegistrationViewImpl> {
 public:
  struct Options {
    std::size_t max = 1000000;  // on this shard
    // Does the identity live on this shard? Null: all do.
    std::function<bool(std::string_view canonical)> is_home;
  };
  // `store` null: nothing is written down. Executor and store outlive it.
  static std::shared_ptr<RegistrationViewImpl> make(Executor& executor, Store* store, Options options);
  ~RegistrationViewImpl() override;

  // Reads what was stored; users that ran out meanwhile are forgotten without an event.
  Task<Expected<void>> load();
  // Error{too_large}: the limit is reached, the user was not taken up.
  Expected<void> apply(RegistrationChange change);

  [[nodiscard]] const Registration* find(std::string_view user) const override;
  [[nodiscard]] std::size_t size() const noexcept override { return users_.size(); }
  [[nodiscard]] Subscription listen(Listener listener) override;
  // Up to `limit` users after `after` in some stable order; for lists.
  [[nodiscard]] std::vector<Registration> list(std::string_view after, std::size_t limit) const;

 private:
  RegistrationViewImpl(Executor& executor, Store* store, Options options);
  // A million of them fit because they rest as records; who asks gets a decoded copy that lasts for the turn.
  struct Entry {
    std::string user;
    std::string record;
    WallTime due;  // the first expiry of the user or one of its contacts
  };
  using Owned = std::unique_ptr<Entry>;

  [[nodiscard]] bool is_home(std::string_view user) const { return !options_.is_home || options_.is_home(user); }
  [[nodiscard]] const Registration* decoded(const Entry& entry) const;
  void insert(const Registration& registration);
  Owned remove(const Registration& registration);
  void arm();
  void expire_due();
  void announce(RegistrationEvent event, const Registration& registration);
  void save(const Registration& registration);
  void forget(const std::string& user);
  static Task<void> write(std::weak_ptr<RegistrationViewImpl> view, Batch batch);

  Executor& executor_;
  Store* store_;
  Options options_;
  std::unordered_map<std::string_view, Owned> users_;  // keys are views of Entry::user
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, Entry*, TextHash, std::equal_to<>> aliases_;
  std::set<std::pair<WallTime, Entry*>> due_;
  mutable std::unordered_map<const Entry*, std::unique_ptr<Registration>> turn_;  // decoded in this turn
  TimerId timer_;
  WallTime armed_for_{};
  std::list<std::weak_ptr<Listener>> listeners_;
  std::size_t writes_in_flight_ = 0;
};

// The record of one registration, schema 1.
[[nodiscard]] std::string encode(const Registration& registration);
Expected<Registration> decode_registration(std::string_view record);

// What a REGISTER makes of what was known: contacts of other devices stay (AS-14).
[[nodiscard]] Registration merged(const Registration& known, RegistrationChange change, WallTime now);

}  // namespace herald::ims
