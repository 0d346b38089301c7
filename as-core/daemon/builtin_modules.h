// The modules that are linked into the daemon, and where it looks for others.
#pragma once

#include <string>
#include <vector>

#include "container/module_host.h"

namespace herald::daemon {

void add_builtin_modules(container::ModuleHost& host);

// <folder of the executable>/../lib/herald in a build tree and when installed.
[[nodiscard]] std::vector<std::string> module_directories();

}  // namespace herald::daemon
