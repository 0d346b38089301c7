// The one symbol of push.so.
#include "push/push_module.h"

extern "C" __attribute__((visibility("default"))) const herald_module_descriptor* herald_module_entry(std::uint32_t host_abi) {
  return herald::push::module_entry(host_abi);
}
