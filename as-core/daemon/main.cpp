// heraldd: the application server.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <string>

#include "base/log_setup.h"
#include "configuration.h"
#include "control_loop.h"
#include "feature_list.h"
#include "herald/log.h"
#include "node.h"
#include "node_catalog.h"
#include "systemd.h"
#include "version.h"

namespace {

using namespace herald;
using namespace herald::daemon;

// interfaces: what the caller of heraldd can rely on.
enum Exit { kOk = 0, kOther = 1, kConfiguration = 2, kCannotOpen = 3 };

void print(const ConfigIssues& issues) {
  for (const auto& issue : issues.all()) std::cerr << issue.line() << '\n';
}

int check(const std::string& file) {
  ConfigIssues issues;
  const auto configuration = load_configuration(file, issues);
  if (configuration) {
    container::ModuleHost host = module_host();
    if (auto loaded = host.load(configuration->modules, configuration->services, issues); !loaded && issues.ok())
      std::cerr << file << ": modules: " << loaded.error().text << '\n';
    else if (issues.ok() && loaded) {
      print(issues);  // warnings
      std::cout << file << ": ok\n";
      return kOk;
    }
  }
  print(issues);
  return kConfiguration;
}

// Drains, and stops the control loop when nothing runs any more, when the time is up, or at the second order.
class Stopping {
 public:
  Stopping(ControlLoop& loop, Node& node) : loop_(loop), node_(node) {}
  void order() {
    if (begun_) return end(true);
    begun_ = true;
    notify_service_manager("STOPPING=1");
    node_.drain();
    deadline_ = Deadline::after(loop_.clock(), node_.configuration().node.limits.drain_timeout);
    look();
  }

 private:
  void look() {
    if (node_.idle()) return end(false);
    if (deadline_.passed(loop_.clock())) return end(true);
    loop_.timers().start_at(loop_.clock().now() + std::chrono::milliseconds(50), [this] { look(); });
  }
  void end(bool unfinished) {
    if (unfinished) log::event(kDrainCutShort);
    loop_.stop();
  }
  ControlLoop& loop_;
  Node& node_;
  bool begun_ = false;
  Deadline deadline_ = Deadline::never();
};

int serve(const std::string& file, const std::string& log_format) {
  ConfigIssues issues;
  auto configuration = load_configuration(file, issues);
  if (!configuration) {
    print(issues);
    return kConfiguration;
  }
  ControlLoop::block_signals();
  auto logging = log_options(configuration->node);
  if (!log_format.empty()) logging.format = log_format == "text" ? log::Format::text : log::Format::json;
  log::start(logging);
  ControlLoop control(system_clock());
  auto node = Node::start(std::move(*configuration), {system_clock(), control}, issues);
  if (!node) {
    log::event(kCannotStart, {{"error", node.error().text}});
    log::stop();
    print(issues);
    return node.error().code == ErrorCode::unavailable ? kCannotOpen : issues.ok() ? kOther : kConfiguration;
  }
  Stopping stopping(control, **node);
  control.on_order([&](Order order) {
    if (order == Order::stop) return stopping.order();
    notify_service_manager("RELOADING=1");
    (*node)->reload();
    notify_service_manager("READY=1");
  });
  log::info("ready", {{"version", kVersion}});
  notify_service_manager("READY=1");
  control.run();
  (*node)->stop();
  node->reset();
  log::info("stopped");
  log::stop();
  return kOk;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Herald, an IMS application server");
  std::string config;
  std::string log_format;
  std::string generate;
  bool only_check = false;
  bool features = false;
  app.set_version_flag("--version", std::string("heraldd ") + kVersion);
  app.add_option("--config", config, "herald.yaml");
  app.add_flag("--check", only_check, "Validate the configuration: exit code 0 or 2");
  app.add_flag("--features", features, "Print what this build can do");
  app.add_option("--log-format", log_format, "json or text, whatever the configuration says")
      ->check(CLI::IsMember({"json", "text"}));
  app.add_option("--print", generate, "Print a generated document: sample, reference or schema")
      ->check(CLI::IsMember({"sample", "reference", "schema"}));
  app.footer(
      "SIGTERM drains and stops, SIGHUP reloads. Exit codes: 0 clean stop, 2 configuration error, 3 cannot bind or open, 1 "
      "other.");
  CLI11_PARSE(app, argc, argv);
  try {
    if (features) {
      std::cout << feature_list();
      return kOk;
    }
    if (!generate.empty()) {
      std::cout << generated_document(generate);
      return kOk;
    }
    if (config.empty()) {
      std::cerr << "heraldd: --config FILE is needed (--help tells more)\n";
      return kConfiguration;
    }
    return only_check ? check(config) : serve(config, log_format);
  } catch (const std::exception& e) {
    std::cerr << "heraldd: " << e.what() << '\n';
    return kOther;
  }
}
