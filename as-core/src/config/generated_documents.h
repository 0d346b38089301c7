// What the schemas say, for people and editors: the sample file, the reference, the JSON Schema. The files in config/ are made by
// these functions, and a test holds them equal.
// Thread: pure functions.
#pragma once

#include <string>
#include <vector>

#include "herald/config.h"

namespace herald {

struct ModuleDocumentation {
  std::string name;
  std::string path;                // "push.so" or "builtin"
  std::vector<ConfigKeyDoc> rows;  // of Module::documentation(): paths from inside `config:`
};

// config/herald.yaml: keys with a sample value are set, the others are shown as comments with their default.
[[nodiscard]] std::string sample_yaml(const std::vector<ModuleDocumentation>& modules);

// config/reference.md, service profiles included.
[[nodiscard]] std::string reference_markdown(const std::vector<ModuleDocumentation>& modules);

// config/schema.json, JSON Schema 2020-12 for editors that check YAML.
[[nodiscard]] std::string json_schema(const std::vector<ModuleDocumentation>& modules);

}  // namespace herald
