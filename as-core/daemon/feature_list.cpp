#include "feature_list.h"

#include <sstream>

#include "builtin_modules.h"
#include "config/generated_documents.h"
#include "config/node_config.h"
#include "herald/module.h"
#include "version.h"

namespace herald::daemon {

container::ModuleHost module_host() {
  container::ModuleHost host(module_directories());
  add_builtin_modules(host);
  return host;
}

std::string feature_list() {
  std::ostringstream out;
  out << "version: " << kVersion << '\n'
      << "toolchain: " << HERALD_TOOLCHAIN_TAG << '\n'
      << "module-abi: " << kModuleAbiMajor << '.' << kModuleAbiMinor << '\n'
      << "modules: push (builtin, push.so)\n"
      << "sip-transports: udp tcp tls ipv4 ipv6\n"
      << "stores: sqlite memory\n"
      << "interfaces: isc sh http rest\n"
      << "push-modes: pager\n";
  return out.str();
}

std::string generated_document(std::string_view which) {
  auto host = module_host();
  const std::string path = "builtin";
  std::vector<ModuleDocumentation> modules;
  if (auto push = host.open("push", path)) modules.push_back({"push", path, push->module->documentation()});
  if (which == "reference") return reference_markdown(modules);
  if (which == "schema") return json_schema(modules);
  return sample_yaml(modules);
}

}  // namespace herald::daemon
