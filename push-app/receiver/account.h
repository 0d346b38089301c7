// One user of the agent at run time, and what all parts of the agent share.
// Thread: the agent's shard.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent_options.h"
#include "digest.h"
#include "duplicates.h"
#include "events.h"
#include "herald/servlet_context.h"
#include "waits.h"

namespace herald::receiver {

struct Account {
  UserAccount user;
  Duplicates seen;
  bool registered = false;                 // things: from the start
  std::vector<std::string> service_route;  // RFC 3608, first hop first
  std::string gruu;                        // public one of this device; empty: the registrar gives none
};

// Puts contents where the user can look at them.
class ContentSaver {
 public:
  virtual ~ContentSaver() = default;
  // Copies it, and says where it is.
  [[nodiscard]] virtual Future<std::string> save(const PushContent& content) = 0;
};

// Lives as long as the agent.
struct AgentShared {
  ServletContext* context = nullptr;
  std::shared_ptr<const AgentOptions> options;
  AgentOutput* output = nullptr;
  ContentSaver* saver = nullptr;  // none: nothing is saved
  Waits waits;
  bool stopping = false;

  void tell(std::string_view event, const std::vector<EventField>& fields) const {
    output->tell(event, context->clock().wall(), fields);
  }
};

[[nodiscard]] inline EventField number_field(std::string_view name, std::int64_t value) {
  return {name, std::to_string(value), true};
}

// The way of the account's own requests: the registrar's Service-Route, else the registrar; for a thing its S-CSCF.
[[nodiscard]] std::vector<std::string> routes_of(const AgentShared& shared, const Account& account);
// The first Route of a REGISTER.
[[nodiscard]] std::string registrar_of(const AgentOptions& options);
// Who it says it is: a UE prefers an identity, an AS asserts it (S-3).
[[nodiscard]] SipHeaderField identity_field(const Account& account);
// A request of its own outside any dialog, in an application session that ends with the transaction.
[[nodiscard]] Expected<SipServletRequest> originate(const AgentShared& shared, const Account& account, std::string_view method,
                                                    const std::string& to);

// Until what was begun at shutdown has ended, or the deadline has passed. Both outlive the task.
Task<void> all_ended(const AgentShared* shared, const std::size_t* ending, Deadline deadline);

// What this agent answers and understands, by what it was told to do.
[[nodiscard]] std::vector<std::string> served_methods(const AgentOptions& options);
[[nodiscard]] std::vector<std::string> served_events(const AgentOptions& options);
[[nodiscard]] std::vector<std::string> served_extensions(const AgentOptions& options);
[[nodiscard]] std::string joined(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace herald::receiver
