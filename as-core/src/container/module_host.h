// Which modules this node hosts, and what they and the service profiles say right now.
// Thread: main only; the Snapshot it makes is immutable and shared with the shards.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "herald/config.h"
#include "herald/expected.h"
#include "herald/module.h"
#include "herald/service_profile.h"

namespace herald::container {

// One entry of `modules:` in herald.yaml.
struct ModuleSpec {
  std::string name;
  std::string path = "builtin";  // or a file; a relative one is looked up in the module directories
  ConfigNode section;            // its `config:`
};

struct HostedModule {
  std::string name;
  std::string version;
  std::string path;
  Module* module = nullptr;  // lives as long as the process
};

// Everything a reload can change, swapped whole.
struct Snapshot {
  std::vector<ServiceProfile> profiles;                // all of them
  std::vector<std::shared_ptr<const void>> configs;    // by index of the module in ModuleHost::modules()
  std::vector<std::vector<ServiceProfile>> of_module;  // the profiles each module serves
};

class ModuleHost {
 public:
  explicit ModuleHost(std::vector<std::string> directories = {}) : directories_(std::move(directories)) {}

  // Makes `path: builtin` of that name work.
  void add_builtin(std::string name, herald_module_entry_fn entry) { builtin_[std::move(name)] = entry; }

  // Loads every module and prepares its configuration, or says everything that is wrong and loads nothing usable. Once.
  Expected<std::shared_ptr<const Snapshot>> load(std::vector<ModuleSpec> specs, std::vector<ServiceProfile> profiles,
                                                 ConfigIssues& issues);
  // For a reload: prepares everything anew while the former snapshot stays in use. Error{invalid} with the reasons in `issues`;
  // keys that only a restart can change are reported in `needs_restart` and their module keeps its former configuration.
  Expected<std::shared_ptr<const Snapshot>> prepare(const std::vector<ModuleSpec>& specs, std::vector<ServiceProfile> profiles,
                                                    const Snapshot& current, ConfigIssues& issues,
                                                    std::vector<std::string>& needs_restart) const;

  [[nodiscard]] const std::vector<HostedModule>& modules() const noexcept { return modules_; }
  // For the generated reference: loads without preparing.
  Expected<HostedModule> open(const std::string& name, const std::string& path);

 private:
  Expected<std::shared_ptr<const Snapshot>> prepare_all(const std::vector<ModuleSpec>& specs,
                                                        std::vector<ServiceProfile> profiles, ConfigIssues& issues) const;
  std::vector<std::string> directories_;
  std::map<std::string, herald_module_entry_fn> builtin_;
  std::vector<HostedModule> modules_;
};

// The checks of a descriptor in their order: present, magic, struct_size, abi_major, abi_minor, toolchain tag, name, create.
Expected<void> check_descriptor(const herald_module_descriptor* descriptor, std::string_view where);

}  // namespace herald::container
