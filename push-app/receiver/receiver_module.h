// The agent as a module, for the receiver's own node and for any other.
#pragma once

#include "events.h"
#include "herald/module.h"
#include "receiver_agent.h"

namespace herald::receiver {

class ReceiverModule final : public Module {
 public:
  explicit ReceiverModule(EventSink sink) : sink_(std::move(sink)) {}
  std::shared_ptr<const void> prepare(const ConfigNode& section, ConfigIssues& issues) override;
  std::vector<std::string> needs_restart(const void* before, const void* after) const override;
  std::vector<ConfigKeyDoc> documentation() const override;
  std::unique_ptr<SipServlet> create_servlet() override;
  // The servlet made last; it belongs to its container.
  [[nodiscard]] ReceiverAgent* agent() const noexcept { return agent_; }

 private:
  EventSink sink_;
  ReceiverAgent* agent_ = nullptr;
};

// The module's entry; its events go to standard output, flushed line by line.
const herald_module_descriptor* module_entry(std::uint32_t host_abi);
// Everything that reaches the node is for the agent.
[[nodiscard]] ServiceProfile receiver_profile();

}  // namespace herald::receiver
