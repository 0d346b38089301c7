// From a third-party REGISTER on any shard to the views of the shards that are home to the user and his aliases.
// Thread: take() on the shard the REGISTER came to; the rest on the shards it concerns.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "herald/task.h"
#include "ims/third_party_register.h"

namespace herald::container {

class Core;

class RegistrationFeed {
 public:
  explicit RegistrationFeed(Core& core) : core_(core) {}
  // What to answer; the work is handed on before, but not waited for (AS-11).
  SipMessage take(const SipMessage& request, const std::string& trace);
  // To the views of the user's and his aliases' home shards.
  void spread(ims::RegistrationChange change);
  // The registration as its home shard knows it. From any shard.
  Future<std::optional<Registration>> lookup(std::string canonical_user);
  // Up to `limit` users of one shard after `after`, by name.
  Future<std::vector<Registration>> list(unsigned shard, std::string after, std::size_t limit);

 private:
  static void apply(Core& core, const ims::RegistrationChange& change);
  void hand_over(unsigned shard, std::shared_ptr<const ims::RegistrationChange> change, unsigned attempt);
  Core& core_;
  std::size_t waiting_ = 0;  // retries to full mailboxes
};

}  // namespace herald::container
