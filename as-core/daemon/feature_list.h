// What this build can do, and the documents that are generated from its schemas.
#pragma once

#include <string>
#include <string_view>

#include "container/module_host.h"

namespace herald::daemon {

// A host that knows the builtin modules and the module folders.
[[nodiscard]] container::ModuleHost module_host();
// One "name: value" a line: version, libraries, transports, stores, modules.
[[nodiscard]] std::string feature_list();
// sample (config/herald.yaml), reference (config/reference.md) or schema (config/schema.json).
[[nodiscard]] std::string generated_document(std::string_view which);

}  // namespace herald::daemon
