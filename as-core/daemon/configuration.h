// Everything the node is told: herald.yaml, the service profiles it names, the sections of its modules. Loaded as one, valid as
// one. Thread: value; immutable once loaded.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "base/log_setup.h"
#include "config/node_config.h"
#include "container/module_host.h"
#include "diameter/diameter_stack.h"
#include "herald/service_profile.h"
#include "io/http_limits.h"
#include "io/msrp_endpoint.h"
#include "sip/sip_stack.h"
#include "store/blob_store_files.h"
#include "store/store_factory.h"

namespace herald::daemon {

struct Configuration {
  NodeConfig node;
  std::vector<ServiceProfile> services;
  std::vector<container::ModuleSpec> modules;
};

// Nothing when `issues` has an error. The modules' own sections are checked by ModuleHost.
[[nodiscard]] std::optional<Configuration> load_configuration(const std::filesystem::path& file, ConfigIssues& issues);

// What each part of the node wants to know of it.
[[nodiscard]] sip::StackOptions sip_options(const NodeConfig& config, unsigned shard);
[[nodiscard]] diameter::DiameterOptions diameter_options(const NodeConfig& config);
[[nodiscard]] diameter::ShOptions sh_options(const NodeConfig& config);
[[nodiscard]] store::StoreOptions store_options(const NodeConfig& config, const Clock& clock);
[[nodiscard]] store::BlobOptions blob_options(const NodeConfig& config, const Clock& clock);
[[nodiscard]] io::MsrpOptions msrp_options(const MsrpConfig& config);
[[nodiscard]] io::HttpLimits http_limits(const NodeConfig& config);
[[nodiscard]] log::Options log_options(const NodeConfig& config);

}  // namespace herald::daemon
