// What a receiver agent is told: its users, where they register, and how they answer.
// Thread: values; immutable once prepared.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "herald/config.h"
#include "herald/expected.h"
#include "push_decision.h"

namespace herald::receiver {

struct UserAccount {
  std::string identity;          // canonical public identity, sip:alice@ims.lab
  std::string private_identity;  // alice@ims.lab unless told otherwise (TS 23.003 13.3)
  std::string password;
  std::string contact_user;  // user part of the contact: unique, so that a request finds its account
  std::string domain;
  friend bool operator==(const UserAccount&, const UserAccount&) = default;
};

struct AgentOptions {
  std::vector<UserAccount> users;
  std::string registrar;  // first Route of a REGISTER
  std::string contact;    // host:port and URI parameters under which this node is reached
  PushPolicy policy;
  std::vector<Answer> answers{Answer{}};  // the first push gets the first, the last one holds for all that follow
  std::chrono::seconds expires{600};
  friend bool operator==(const AgentOptions&, const AgentOptions&) = default;
};

// Reads the module's section: users [{identity, private, password}], registrar, contact, apps, accept, max_bytes, answers,
// expires. Everything that is wrong goes to `issues`.
std::shared_ptr<const AgentOptions> read_agent_options(const ConfigNode& section, ConfigIssues& issues);

}  // namespace herald::receiver
