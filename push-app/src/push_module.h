#pragma once

#include "delivery/delivery_scheduler.h"
#include "herald/module.h"
#include "result/saved_states.h"

namespace herald::push {

class PushModule final : public Module {
 public:
  ~PushModule() override { watch_->cdr.close(); }  // whoever still holds a part of us: the clock goes now
  std::shared_ptr<const void> prepare(const ConfigNode& section, ConfigIssues& issues) override;
  std::vector<std::string> needs_restart(const void* before, const void* after) const override;
  std::vector<ConfigKeyDoc> documentation() const override;
  std::unique_ptr<SipServlet> create_servlet() override;

 private:
  std::shared_ptr<NodeLoad> load_ = std::make_shared<NodeLoad>();
  std::shared_ptr<NodeWatch> watch_ = std::make_shared<NodeWatch>();
};

}  // namespace herald::push
