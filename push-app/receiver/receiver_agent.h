// The Push Receiver Agent: registers its users, keeps them registered, answers MESSAGE as told and says what it got.
// PR-1, PR-7, PR-8, PR-9, PR-15, PR-16. A servlet like any other: a UE's node hosts it on Gm, Herald may host it on ISC.
// Thread: its shard.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent_options.h"
#include "digest.h"
#include "duplicates.h"
#include "events.h"
#include "herald/servlet_context.h"
#include "herald/sip_servlet.h"

namespace herald::receiver {

class ReceiverAgent final : public SipServlet {
 public:
  explicit ReceiverAgent(EventSink sink) : sink_(std::move(sink)) {}

  Task<void> init(ServletContext& context) override;
  void destroy() noexcept override;
  Task<void> do_message(SipServletRequest request) override;
  Task<void> do_options(SipServletRequest request) override;
  [[nodiscard]] std::vector<std::string_view> methods() const override { return {"MESSAGE", "OPTIONS"}; }

  // Ends every registration; done when the registrar has answered for all of them or the deadline has passed.
  Task<void> shut_down(Deadline deadline);
  [[nodiscard]] bool ever_registered() const noexcept { return ever_registered_; }

 private:
  struct Account {
    UserAccount user;
    SipApplicationSession application;
    std::optional<SipSession> session;  // all REGISTERs of a user share Call-ID and count CSeq (RFC 3261 10.2)
    std::optional<DigestChallenge> challenge;
    std::uint32_t nonce_count = 0;
    std::chrono::seconds expires;
    unsigned failures = 0;
    bool registered = false;
    bool busy = false;
    TimerId timer;
    Duplicates seen;
  };
  struct Outcome {
    int status = 0;  // final; 0: no answer from the registrar's side
    std::string reason;
    std::optional<Duration> retry_after;
    std::chrono::seconds granted{};
  };

  void schedule(Account& account, Duration delay);
  Task<void> refresh(Account* account);
  Task<void> deregister(Account* account, Deadline deadline);
  Task<Outcome> register_once(Account* account, std::chrono::seconds expires, Deadline deadline);
  Expected<SipServletRequest> make_register(Account& account, std::chrono::seconds expires);
  std::string authorization(Account& account, const std::string& uri);
  [[nodiscard]] Account* account_for(const SipServletRequest& request);
  [[nodiscard]] Answer next_answer();
  Task<void> keep_silent();
  void tell(std::string_view event, const std::vector<EventField>& fields);

  EventSink sink_;
  ServletContext* context_ = nullptr;
  std::shared_ptr<const AgentOptions> options_;
  std::vector<std::unique_ptr<Account>> accounts_;
  std::unordered_map<std::string, Account*> by_contact_user_;
  std::unordered_map<std::string, Account*> by_identity_;
  std::size_t answered_ = 0;                               // pushes, for the order of answers
  std::deque<std::shared_ptr<Promise<void>>> unanswered_;  // requests that get no answer wait here
  bool stopping_ = false;
  bool ever_registered_ = false;
  std::size_t ending_ = 0;  // de-registrations under way
};

}  // namespace herald::receiver
