// The push application as a module of the container: linked in ("builtin") or from push.so, through the same descriptor.
#pragma once

#include "herald/module.h"

namespace herald::push {

// What push.so exports as herald_module_entry; the daemon gives it to ModuleHost::add_builtin. Null: the host's ABI is too old.
[[nodiscard]] const herald_module_descriptor* module_entry(std::uint32_t host_abi) noexcept;

}  // namespace herald::push
