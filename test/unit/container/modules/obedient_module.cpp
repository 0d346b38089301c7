// Has the fault that HERALD_TEST_MODULE_FAULT names, so that one library tries every check of the host.
#include <cstdlib>
#include <string_view>

#include "herald/module.h"

namespace {

class NoServletModule final : public herald::Module {
 public:
  std::shared_ptr<const void> prepare(const herald::ConfigNode& section, herald::ConfigIssues&) override {
    return std::make_shared<const std::string>(section.scalar);
  }
  std::vector<std::string> needs_restart(const void*, const void*) const override { return {}; }
  std::vector<herald::ConfigKeyDoc> documentation() const override { return {}; }
  std::unique_ptr<herald::SipServlet> create_servlet() override { return nullptr; }
};

herald::Module* create() { return new NoServletModule; }
herald::Module* create_nothing() { return nullptr; }

}  // namespace

extern "C" const herald_module_descriptor* herald_module_entry(std::uint32_t host_abi) {
  static herald_module_descriptor descriptor;
  descriptor = {herald::kModuleMagic,
                sizeof(herald_module_descriptor),
                herald::kModuleAbiMajor,
                herald::kModuleAbiMinor,
                HERALD_TOOLCHAIN_TAG,
                "obedient",
                "0.1",
                create};
  const char* const text = std::getenv("HERALD_TEST_MODULE_FAULT");
  const std::string_view fault = text != nullptr ? text : "";
  if (fault == "refuses") return nullptr;
  if (fault == "magic") descriptor.magic = 1;
  if (fault == "size") descriptor.struct_size = 8;
  if (fault == "major") ++descriptor.abi_major;
  if (fault == "minor") descriptor.abi_minor = 900;
  if (fault == "toolchain") descriptor.toolchain_tag = "c++98-stlport";
  if (fault == "no tag") descriptor.toolchain_tag = nullptr;
  if (fault == "name") descriptor.name = "other";
  if (fault == "no name") descriptor.name = nullptr;
  if (fault == "no version") descriptor.version = nullptr;
  if (fault == "no create") descriptor.create = nullptr;
  if (fault == "creates nothing") descriptor.create = create_nothing;
  if (fault == "host" && host_abi == 0) return nullptr;
  return &descriptor;
}
