#include "push_module.h"

#include <exception>

#include "push/push_module.h"
#include "push_config_schema.h"
#include "push_servlet.h"

namespace herald::push {

std::shared_ptr<const void> PushModule::prepare(const ConfigNode& section, ConfigIssues& issues) {
  return std::make_shared<const PushConfig>(push_schema().parse(section, issues));
}

std::vector<std::string> PushModule::needs_restart(const void* before, const void* after) const {
  std::vector<std::string> keys;
  for (const auto& change : push_schema().diff(*static_cast<const PushConfig*>(before), *static_cast<const PushConfig*>(after))) {
    if (change.needs_restart) keys.push_back(change.path);
  }
  return keys;
}

std::vector<ConfigKeyDoc> PushModule::documentation() const { return push_schema().documentation(); }

std::unique_ptr<SipServlet> PushModule::create_servlet() { return std::make_unique<PushServlet>(load_, watch_); }

namespace {

Module* create_module() noexcept {
  try {
    return new PushModule();
  } catch (const std::exception&) {
    return nullptr;
  }
}

constexpr herald_module_descriptor kDescriptor{
    kModuleMagic,  sizeof(herald_module_descriptor), kModuleAbiMajor, kModuleAbiMinor, HERALD_TOOLCHAIN_TAG, "push", "0.1.0",
    &create_module};

}  // namespace

const herald_module_descriptor* module_entry(std::uint32_t host_abi) noexcept {
  // The major half must be ours, the minor half at least ours: an older host lacks what we call.
  const auto major = static_cast<std::uint16_t>(host_abi >> 16U);
  const auto minor = static_cast<std::uint16_t>(host_abi & 0xffffU);
  return major == kModuleAbiMajor && minor >= kModuleAbiMinor ? &kDescriptor : nullptr;
}

}  // namespace herald::push
