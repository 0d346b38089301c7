// One Herald node: as-core, diameter and push-app put together, from a valid configuration to an ordered end.
// Thread: everything on the control thread (in tests, the test's own).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "config/networks.h"
#include "configuration.h"
#include "container/container.h"
#include "container/module_host.h"
#include "diameter/diameter_stack.h"
#include "herald/sh.h"
#include "herald/store.h"
#include "io/http_client_service.h"
#include "io/http_server.h"
#include "io/io_loop.h"
#include "io/readiness.h"
#include "shard.h"

namespace herald::daemon {

// What the outcome of a reload is, for the log and for `heraldctl config reload`.
struct ReloadResult {
  bool ok = false;
  std::vector<ConfigIssue> issues;
  std::vector<ConfigChange> changes;  // against the configuration that runs; those that need a restart were left as they are
};

class Node {
 public:
  struct Options {
    const Clock& clock;
    Executor& control;  // where operators' orders run
    Drive drive = Drive::own_thread;
    // For tests: instead of Diameter, instead of store.driver. Both outlive the node.
    ShClient* sh = nullptr;
    Store* store = nullptr;  // the blobs are then in a temporary directory unless store.blobs names one
  };

  // Error{invalid}: the configuration of a module is wrong, see `issues`. Error{unavailable}: an address, file or peer layer
  // could not be opened. Ready to serve when it returns.
  static Expected<std::unique_ptr<Node>> start(Configuration configuration, const Options& options, ConfigIssues& issues);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Reads the node's file again: everything that can change without a restart changes, or nothing does.
  ReloadResult reload();
  // What `file` would change.
  ReloadResult compare(const std::string& file);
  // No new work; what was accepted is finished.
  void drain();
  [[nodiscard]] bool draining() const noexcept { return draining_; }
  [[nodiscard]] bool idle();
  // Ends everything in order. Idempotent.
  void stop();

  [[nodiscard]] const Configuration& configuration() const noexcept { return configuration_; }
  [[nodiscard]] std::vector<std::unique_ptr<Shard>>& shards() noexcept { return shards_; }
  [[nodiscard]] io::Readiness& readiness() noexcept { return ready_; }
  [[nodiscard]] io::IoLoop& io() noexcept { return *io_; }
  [[nodiscard]] Store& store() noexcept { return *store_; }
  [[nodiscard]] ShClient& sh() noexcept { return *sh_; }
  [[nodiscard]] Executor& control() noexcept { return options_.control; }
  [[nodiscard]] const io::HttpEndpoint& http_endpoint() const noexcept { return http_endpoint_; }
  [[nodiscard]] const io::HttpEndpoint& admin_endpoint() const noexcept { return admin_endpoint_; }
  [[nodiscard]] Duration uptime() const noexcept { return options_.clock.now() - started_; }

 private:
  Node(Configuration configuration, const Options& options);
  Expected<void> open(ConfigIssues& issues);
  Expected<void> open_store();
  Expected<void> open_http();
  Expected<void> open_msrp();
  Expected<void> open_sh();
  Expected<void> launch_shards(const std::shared_ptr<const container::Snapshot>& snapshot);
  Expected<Shard::Content> make_content(unsigned index, Executor& executor,
                                        const std::shared_ptr<const container::Snapshot>& snapshot);
  // A file read, checked and prepared, and what it would change. `snapshot` is null unless all of it is valid.
  struct Candidate {
    ReloadResult result;
    std::optional<Configuration> configuration;
    std::shared_ptr<const container::Snapshot> snapshot;
  };
  [[nodiscard]] Candidate prepare(const std::string& file) const;
  void watch_conditions();

  Configuration configuration_;
  const Options options_;
  const TimePoint started_;
  // In order of construction; stop() takes them down in the order its comments give.
  io::Readiness ready_;
  io::Readiness live_;
  std::unique_ptr<Store> own_store_;
  Store* store_ = nullptr;
  std::unique_ptr<store::FileBlobStore> blobs_;
  std::unique_ptr<diameter::DiameterStack> diameter_;
  std::unique_ptr<ShClient> own_sh_;
  ShClient* sh_ = nullptr;
  std::unique_ptr<io::IoLoop> io_;
  std::unique_ptr<io::HttpServer> http_;
  std::unique_ptr<io::HttpServer> admin_;
  std::unique_ptr<io::HttpClientService> http_client_;
  std::unique_ptr<io::MsrpEndpointService> msrp_;
  io::HttpEndpoint http_endpoint_;
  io::HttpEndpoint admin_endpoint_;
  std::thread io_thread_;
  container::ModuleHost modules_;
  std::shared_ptr<const container::Snapshot> snapshot_;
  std::shared_ptr<std::atomic<std::shared_ptr<const Networks>>> trusted_;  // read by the shards
  container::Shards containers_;
  std::vector<std::unique_ptr<Shard>> shards_;
  bool draining_ = false;
  bool stopped_ = false;
};

}  // namespace herald::daemon
