#include "builtin_modules.h"

#include <filesystem>
#include <system_error>

#include "push/push_module.h"
#include "receiver_module.h"

namespace herald::daemon {

void add_builtin_modules(container::ModuleHost& host) {
  host.add_builtin("push", &push::module_entry);
  host.add_builtin("receiver", &receiver::hosted_entry);
}

std::vector<std::string> module_directories() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  return {(self.parent_path().parent_path() / "lib" / "herald").string(), self.parent_path().string()};
}

}  // namespace herald::daemon
