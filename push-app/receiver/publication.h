// Publishes what the users can do. RFC 3903 4; PR-14.
// Thread: the agent's shard.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "account.h"

namespace herald::receiver {

class Publications {
 public:
  explicit Publications(AgentShared& shared) : shared_(shared) {}

  // Once it is registered; further calls do nothing.
  void begin(Account& account);
  // Removes what is published; done when all is answered or the deadline has passed.
  Task<void> end(Deadline deadline);
  void cancel();

 private:
  struct Publication {
    Account& account;
    std::string etag;  // empty: nothing is published
    std::chrono::seconds expires;
    unsigned failures = 0;
    bool busy = false;
    TimerId timer;
  };
  struct Outcome {
    int status = 0;
    std::string reason;
    std::string etag;
    std::chrono::seconds granted{};
    std::optional<Duration> retry_after;
  };

  void schedule(Publication& publication, Duration delay);
  static Task<void> refresh(Publications* self, Publication* publication);
  static Task<void> remove(Publications* self, Publication* publication, Deadline deadline);
  static Task<Outcome> publish(Publications* self, Publication* publication, std::chrono::seconds expires, Deadline deadline);
  Expected<SipServletRequest> make_request(const Publication& publication, std::chrono::seconds expires) const;
  [[nodiscard]] std::string document(const Account& account) const;

  AgentShared& shared_;
  std::map<const Account*, std::unique_ptr<Publication>> publications_;
  std::size_t ending_ = 0;
};

}  // namespace herald::receiver
