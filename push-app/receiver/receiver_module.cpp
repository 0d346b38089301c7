#include "receiver_module.h"

#include <cstdio>

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
  const bool same = *static_cast<const AgentOptions*>(before) == *static_cast<const AgentOptions*>(after);
  return same ? std::vector<std::string>{} : std::vector<std::string>{"modules.receiver.config"};
}

std::vector<ConfigKeyDoc> ReceiverModule::documentation() const {
  const auto key = [](std::string name, std::string type, std::string otherwise, std::string help) {
    ConfigKeyDoc doc;
    doc.path = "modules.receiver.config." + name;
    doc.type = std::move(type);
    doc.required = otherwise.empty();
    doc.default_text = std::move(otherwise);
    doc.help = std::move(help);
    doc.needs_restart = true;
    return doc;
  };
  return {key("users", "list of {identity, private, password}", "", "who registers"),
          key("registrar", "SIP URI", "", "first hop of a REGISTER"),
          key("contact", "host:port;parameters", "", "where this node is reached"),
          key("apps", "list", "[]", "application identifiers in +g.oma.pusheventapp"),
          key("accept", "list", "[]", "media types besides text/plain; none: all"),
          key("max_bytes", "number", "0", "larger bodies are answered 413; 0: no limit"),
          key("answers", "list", "[200]", "answers to pushes in their order, the last for all that follow"),
          key("expires", "seconds", "600", "asked of the registrar")};
}

std::unique_ptr<SipServlet> ReceiverModule::create_servlet() {
  auto agent = std::make_unique<ReceiverAgent>(sink_);
  agent_ = agent.get();
  return agent;
}

const herald_module_descriptor* module_entry(std::uint32_t) {
  static const herald_module_descriptor descriptor{kModuleMagic,
                                                   sizeof(herald_module_descriptor),
                                                   kModuleAbiMajor,
                                                   kModuleAbiMinor,
                                                   HERALD_TOOLCHAIN_TAG,
                                                   kName,
                                                   "0.1.0",
                                                   []() -> Module* { return new ReceiverModule(print); }};
  return &descriptor;
}

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
