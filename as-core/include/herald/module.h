// The entry of a hosted module, linked in ("builtin") or loaded from a .so through the same descriptor.
// Load order: dlopen -> magic -> abi_major equal, abi_minor <= host's -> toolchain_tag equal -> prepare(config) -> init on every
// shard.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "herald/config.h"
#include "herald/servlet_context.h"
#include "herald/sip_servlet.h"

namespace herald {

class Module {
 public:
  virtual ~Module() = default;
  // Parses and validates the module's section; also on reload, while the former configuration is in use. Reports everything
  // that is wrong to `issues`; the result is used only when nothing is. Main thread. Must have no effect outside.
  virtual std::shared_ptr<const void> prepare(const ConfigNode& section, ConfigIssues& issues) = 0;
  // Keys that differ between two prepared configurations and that only a restart can change.
  virtual std::vector<std::string> needs_restart(const void* before, const void* after) const = 0;
  virtual std::vector<ConfigKeyDoc> documentation() const = 0;
  // One servlet per shard; created on the main thread before the shards start.
  virtual std::unique_ptr<SipServlet> create_servlet() = 0;
};

inline constexpr std::uint32_t kModuleMagic = 0x48524c44;  // "HRLD"
inline constexpr std::uint16_t kModuleAbiMajor = 1;
inline constexpr std::uint16_t kModuleAbiMinor = 0;

// Compiler and C++ library whose objects may meet; differs between, say, GCC with the old and the new string ABI.
#if defined(__GLIBCXX__)
#define HERALD_TOOLCHAIN_LIBRARY "libstdc++-cxx11abi"
#else
#define HERALD_TOOLCHAIN_LIBRARY "libc++"
#endif
#if defined(__SANITIZE_ADDRESS__)
#define HERALD_TOOLCHAIN_SANITIZER "-asan"
#elif defined(__SANITIZE_THREAD__)
#define HERALD_TOOLCHAIN_SANITIZER "-tsan"
#else
#define HERALD_TOOLCHAIN_SANITIZER ""
#endif
#define HERALD_TOOLCHAIN_TAG "c++20-" HERALD_TOOLCHAIN_LIBRARY HERALD_TOOLCHAIN_SANITIZER

}  // namespace herald

extern "C" {
struct herald_module_descriptor {
  std::uint32_t magic;
  std::uint32_t struct_size;
  std::uint16_t abi_major;
  std::uint16_t abi_minor;
  const char* toolchain_tag;
  const char* name;
  const char* version;
  // Never throws; null when the module cannot be made.
  herald::Module* (*create)();
};
// The one symbol of a module. Null: the module refuses this host.
using herald_module_entry_fn = const herald_module_descriptor* (*)(std::uint32_t host_abi);
}
