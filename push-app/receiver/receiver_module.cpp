#include "receiver_module.h"

#include <cstdio>
#include <exception>

namespace herald::receiver {
namespace {

constexpr const char* kName = "receiver";

void print(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

}  // namespace

std::shared_ptr<const void> ReceiverModule::prepare(const ConfigNode& section, ConfigIssues& issues) {
  return read_agent_options(section, issues);
}

// The agent reads its options once, when it starts.
std::vector<std::string> ReceiverModule::needs_restart(const void* before, const void* after) const {
  std::vector<std::string> keys;
  for (const auto& change :
       agent_schema().diff(*static_cast<const AgentOptions*>(before), *static_cast<const AgentOptions*>(after)))
    keys.push_back(change.path);
  return keys;
}

std::vector<ConfigKeyDoc> ReceiverModule::documentation() const { return agent_schema().documentation(); }

std::unique_ptr<SipServlet> ReceiverModule::create_servlet() {
  auto agent = std::make_unique<ReceiverAgent>(*output_, load_, saver_);
  agent_ = agent.get();
  return agent;
}

namespace {

bool serves(std::uint32_t host_abi) noexcept {
  // The major half must be ours, the minor half at least ours: an older host lacks what we call.
  const auto major = static_cast<std::uint16_t>(host_abi >> 16U);
  const auto minor = static_cast<std::uint16_t>(host_abi & 0xffffU);
  return major == kModuleAbiMajor && minor >= kModuleAbiMinor;
}

// No exception goes into the host's loader.
template <class Output>
Module* create(Output make_output) noexcept {
  try {
    return std::make_unique<ReceiverModule>(make_output()).release();
  } catch (const std::exception&) {
    return nullptr;
  }
}

Module* create_printing() noexcept {
  return create([] { return print; });
}
Module* create_hosted() noexcept {
  return create([] { return std::make_unique<LogOutput>(); });
}

constexpr herald_module_descriptor describe(Module* (*create)()) {
  return {kModuleMagic, sizeof(herald_module_descriptor), kModuleAbiMajor, kModuleAbiMinor, HERALD_TOOLCHAIN_TAG, kName, "0.1.0",
          create};
}
constexpr auto kPrinting = describe(&create_printing);
constexpr auto kHosted = describe(&create_hosted);

}  // namespace

const herald_module_descriptor* module_entry(std::uint32_t host_abi) noexcept { return serves(host_abi) ? &kPrinting : nullptr; }
const herald_module_descriptor* hosted_entry(std::uint32_t host_abi) noexcept { return serves(host_abi) ? &kHosted : nullptr; }

ServiceProfile receiver_profile() {
  ServiceProfile profile;
  profile.id = kName;
  profile.application = kName;
  ServiceTrigger all;
  all.name = "all";
  profile.triggers.push_back(std::move(all));
  return profile;
}

}  // namespace herald::receiver
