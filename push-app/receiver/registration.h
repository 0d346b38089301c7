// Keeps the users registered. RFC 3261 10.2, TS 24.229 5.1.1, PR-1.
// Thread: the agent's shard.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "account.h"

namespace herald::receiver {

class Registrations {
 public:
  using OnRegistered = std::function<void(Account&)>;  // after each 200, the refreshing ones too

  Registrations(AgentShared& shared, OnRegistered on_registered) : shared_(shared), on_registered_(std::move(on_registered)) {}

  // The first REGISTER goes out after `delay`.
  Expected<void> add(Account& account, Duration delay);
  void cancel();
  // De-registers all; done when the registrar has answered for all of them or the deadline has passed.
  Task<void> end(Deadline deadline);
  [[nodiscard]] bool ever_registered() const noexcept { return ever_registered_; }

 private:
  struct Registration {
    Account& account;
    SipApplicationSession application;
    std::optional<SipSession> session;  // all REGISTERs of a user share Call-ID and count CSeq (RFC 3261 10.2)
    std::optional<DigestChallenge> challenge;
    std::uint32_t nonce_count = 0;
    std::chrono::seconds expires;
    unsigned failures = 0;
    bool busy = false;
    TimerId timer;
  };
  struct Outcome {
    int status = 0;  // final; 0: no answer from the registrar's side
    std::string reason;
    std::optional<Duration> retry_after;
    std::chrono::seconds granted{};
  };

  void schedule(Registration& registration, Duration delay);
  Task<void> refresh(Registration* registration);
  Task<void> deregister(Registration* registration, Deadline deadline);
  Task<Outcome> register_once(Registration* registration, std::chrono::seconds expires, Deadline deadline);
  Expected<SipServletRequest> make_register(Registration& registration, std::chrono::seconds expires);
  std::string authorization(Registration& registration, const std::string& uri);
  void learn(Account& account, const SipMessage& response) const;

  AgentShared& shared_;
  OnRegistered on_registered_;
  std::vector<std::unique_ptr<Registration>> registrations_;
  bool ever_registered_ = false;
  std::size_t ending_ = 0;  // de-registrations under way
};

}  // namespace herald::receiver
