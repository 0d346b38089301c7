#include "config/node_config.h"

#include "check.h"
#include "config/yaml_loader.h"

using namespace herald;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ConfigIssues issues;
  const auto root = parse_yaml(text_of(data, size), "fuzz.yaml", issues);
  require(root.has_value() == issues.ok(), "no tree without an issue");
  if (!root) return 0;
  const auto config = parse_node_config(*root, issues);
  require(config.has_value() == issues.ok(), "no configuration without an issue");
  for (const auto& issue : issues.all()) (void)issue.line();
  if (config) require(diff(*config, *config).changed.empty(), "nothing differs from itself");
  return 0;
}
