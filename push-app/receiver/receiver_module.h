// The agent as a module, for the receiver's own node and for any other.
#pragma once

#include <memory>

#include "events.h"
#include "herald/module.h"
#include "receiver_agent.h"

namespace herald::receiver {

class ReceiverModule final : public Module {
 public:
  explicit ReceiverModule(std::unique_ptr<AgentOutput> output) : output_(std::move(output)) {}
  explicit ReceiverModule(EventSink sink) : ReceiverModule(std::make_unique<LineOutput>(std::move(sink))) {}
  std::shared_ptr<const void> prepare(const ConfigNode& section, ConfigIssues& issues) override;
  std::vector<std::string> needs_restart(const void* before, const void* after) const override;
  std::vector<ConfigKeyDoc> documentation() const override;
  std::unique_ptr<SipServlet> create_servlet() override;
  // Before a servlet is made: where contents are saved.
  void save_with(ContentSaver* saver) noexcept { saver_ = saver; }
  // The servlet made last; it belongs to its container.
  [[nodiscard]] ReceiverAgent* agent() const noexcept { return agent_; }

 private:
  std::unique_ptr<AgentOutput> output_;
  std::shared_ptr<WebhookLoad> load_ = std::make_shared<WebhookLoad>();
  ContentSaver* saver_ = nullptr;
  ReceiverAgent* agent_ = nullptr;
};

// The module's entry for a UE's node: events go to standard output, flushed line by line.
const herald_module_descriptor* module_entry(std::uint32_t host_abi) noexcept;
// For Herald: events go to the log.
const herald_module_descriptor* hosted_entry(std::uint32_t host_abi) noexcept;
// Everything that reaches the node is for the agent.
[[nodiscard]] ServiceProfile receiver_profile();

}  // namespace herald::receiver
