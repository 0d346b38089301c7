#include "container/module_host.h"

#include <algorithm>
#include <dlfcn.h>
#include <filesystem>

#include "container/container_events.h"

namespace herald::container {
namespace {

constexpr const char* kEntrySymbol = "herald_module_entry";
constexpr std::uint32_t host_abi() { return (std::uint32_t{kModuleAbiMajor} << 16) | kModuleAbiMinor; }

Unexpected refused(std::string_view where, const std::string& why) {
  return fail(ErrorCode::invalid, "module " + std::string(where) + ": " + why);
}

// Never closed: code and vtables of a module may be in use until the process ends.
Expected<herald_module_entry_fn> entry_of_file(const std::filesystem::path& file) {
  auto* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const text = ::dlerror();
    return refused(file.string(), text != nullptr ? text : "cannot be opened");
  }
  auto* const symbol = ::dlsym(library, kEntrySymbol);
  if (symbol == nullptr) return refused(file.string(), std::string("has no ") + kEntrySymbol);
  return reinterpret_cast<herald_module_entry_fn>(symbol);  // POSIX: a function fits
}

// Modules live as long as the process, like their code: servlets and configurations of theirs may be in use until it ends. Being
// reachable from here, they are no leaks.
void keep(Module& module) {
  static auto& kept = *new std::vector<Module*>;
  kept.push_back(&module);
}

}  // namespace

Expected<void> check_descriptor(const herald_module_descriptor* descriptor, std::string_view where) {
  if (descriptor == nullptr) return refused(where, "refuses this host");
  if (descriptor->magic != kModuleMagic) return refused(where, "is no Herald module (magic)");
  // Only the fields up to struct_size may be read from here on.
  if (descriptor->struct_size < sizeof(herald_module_descriptor)) {
    return refused(where, "descriptor of " + std::to_string(descriptor->struct_size) + " bytes, at least " +
                              std::to_string(sizeof(herald_module_descriptor)) + " are needed");
  }
  if (descriptor->abi_major != kModuleAbiMajor) {
    return refused(where, "made for module ABI " + std::to_string(descriptor->abi_major) + ", this host has " +
                              std::to_string(kModuleAbiMajor));
  }
  if (descriptor->abi_minor > kModuleAbiMinor) {
    return refused(where, "needs module ABI " + std::to_string(descriptor->abi_major) + "." +
                              std::to_string(descriptor->abi_minor) + ", this host has only " + std::to_string(kModuleAbiMajor) +
                              "." + std::to_string(kModuleAbiMinor));
  }
  if (descriptor->toolchain_tag == nullptr || std::string_view(descriptor->toolchain_tag) != HERALD_TOOLCHAIN_TAG) {
    return refused(where, std::string("built with ") +
                              (descriptor->toolchain_tag != nullptr ? descriptor->toolchain_tag : "an unknown toolchain") +
                              ", this host with " HERALD_TOOLCHAIN_TAG);
  }
  if (descriptor->name == nullptr || *descriptor->name == '\0') return refused(where, "has no name");
  if (descriptor->version == nullptr) return refused(where, "has no version");
  if (descriptor->create == nullptr) return refused(where, "has no create function");
  return {};
}

Expected<HostedModule> ModuleHost::open(const std::string& name, const std::string& path) {
  herald_module_entry_fn entry = nullptr;
  auto where = path;
  if (path == "builtin") {
    const auto found = builtin_.find(name);
    if (found == builtin_.end()) return refused(name, "is not linked in; give the path of its .so");
    entry = found->second;
    where = name + " (builtin)";
  } else {
    std::filesystem::path file(path);
    std::error_code ignored;
    for (const auto& directory : directories_) {
      if (file.is_relative() && std::filesystem::exists(std::filesystem::path(directory) / path, ignored)) {
        file = std::filesystem::path(directory) / path;
      }
    }
    // Without a slash dlopen would search the system's library path.
    if (file.is_relative()) file = std::filesystem::path(".") / file;
    auto found = entry_of_file(file);
    if (!found) return fail(std::move(found.error()));
    entry = *found;
  }
  const auto* const descriptor = entry(host_abi());
  if (auto checked = check_descriptor(descriptor, where); !checked) return fail(std::move(checked.error()));
  if (name != descriptor->name) return refused(where, std::string("is called ") + descriptor->name + ", not " + name);
  auto* const module = descriptor->create();
  if (module == nullptr) return refused(where, "could not be made");
  keep(*module);
  return HostedModule{name, descriptor->version, path, module};
}

Expected<std::shared_ptr<const Snapshot>> ModuleHost::load(std::vector<ModuleSpec> specs, std::vector<ServiceProfile> profiles,
                                                           ConfigIssues& issues) {
  for (const auto& spec : specs) {
    auto module = open(spec.name, spec.path);
    if (!module) {
      log::event(events::kModuleRefused, {{"module", spec.name}, {"cause", module.error().text}});
      issues.error(spec.section, "modules." + spec.name + ".path", module.error().text);
      continue;
    }
    modules_.push_back(std::move(*module));
  }
  if (modules_.size() != specs.size()) return fail(ErrorCode::invalid, "not every module could be loaded");
  return prepare_all(specs, std::move(profiles), issues);
}

Expected<std::shared_ptr<const Snapshot>> ModuleHost::prepare_all(const std::vector<ModuleSpec>& specs,
                                                                  std::vector<ServiceProfile> profiles,
                                                                  ConfigIssues& issues) const {
  auto snapshot = std::make_shared<Snapshot>();
  for (const auto& module : modules_) {
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const ModuleSpec& each) { return each.name == module.name; });
    const ConfigNode none;
    const auto& section = spec == specs.end() ? none : spec->section;
    try {
      snapshot->configs.push_back(module.module->prepare(section, issues));
    } catch (const std::exception& error) {
      issues.error(section, "modules." + module.name + ".config", std::string("the module threw: ") + error.what());
      snapshot->configs.emplace_back();
    }
    auto& own = snapshot->of_module.emplace_back();
    for (const auto& profile : profiles) {
      if (profile.application == module.name) own.push_back(profile);
    }
  }
  snapshot->profiles = std::move(profiles);
  if (!issues.ok()) return fail(ErrorCode::invalid, "the configuration of a module is wrong");
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

Expected<std::shared_ptr<const Snapshot>> ModuleHost::prepare(const std::vector<ModuleSpec>& specs,
                                                              std::vector<ServiceProfile> profiles, const Snapshot& current,
                                                              ConfigIssues& issues,
                                                              std::vector<std::string>& needs_restart) const {
  for (const auto& spec : specs) {
    const auto known = std::find_if(modules_.begin(), modules_.end(), [&](const auto& each) { return each.name == spec.name; });
    if (known == modules_.end() || known->path != spec.path) needs_restart.push_back("modules." + spec.name + ".path");
  }
  for (const auto& module : modules_) {
    const bool kept = std::any_of(specs.begin(), specs.end(), [&](const auto& each) { return each.name == module.name; });
    if (!kept) needs_restart.push_back("modules." + module.name);
  }
  auto made = prepare_all(specs, std::move(profiles), issues);
  if (!made) return made;
  auto next = std::make_shared<Snapshot>(**made);
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    try {
      const auto keys = modules_[i].module->needs_restart(current.configs[i].get(), next->configs[i].get());
      if (keys.empty()) continue;
      needs_restart.insert(needs_restart.end(), keys.begin(), keys.end());
      next->configs[i] = current.configs[i];
    } catch (const std::exception& error) {
      return fail(ErrorCode::internal, "module " + modules_[i].name + " threw: " + error.what());
    }
  }
  return std::shared_ptr<const Snapshot>(std::move(next));
}

}  // namespace herald::container
