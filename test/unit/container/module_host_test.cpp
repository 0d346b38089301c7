#include <cstdlib>
#include <doctest/doctest.h>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using container::ModuleHost;
using container::ModuleSpec;

namespace {

ModuleSpec spec(std::string name, std::string path, std::string config = {}) {
  ModuleSpec made;
  made.name = std::move(name);
  made.path = std::move(path);
  made.section.kind = ConfigNode::Kind::scalar;
  made.section.scalar = std::move(config);
  return made;
}

}  // namespace

TEST_CASE("a module from a .so passes every check in its order, or the error names the one it failed") {
  struct Row {
    const char* fault;
    const char* says;
  };
  for (const auto& row :
       {Row{"", ""}, Row{"refuses", "refuses this host"}, Row{"magic", "magic"}, Row{"size", "descriptor of 8 bytes"},
        Row{"major", "module ABI 2"}, Row{"minor", "needs module ABI 1.900"}, Row{"toolchain", "c++98-stlport"},
        Row{"no tag", "unknown toolchain"}, Row{"name", "is called other"}, Row{"no name", "has no name"},
        Row{"no version", "has no version"}, Row{"no create", "no create function"},
        Row{"creates nothing", "could not be made"}}) {
    CAPTURE(row.fault);
    ::setenv("HERALD_TEST_MODULE_FAULT", row.fault, 1);
    ModuleHost host({HERALD_TEST_MODULES});
    const auto module = host.open("obedient", "obedient_module.so");
    if (*row.says == '\0') {
      REQUIRE(module.has_value());
      CHECK(module->version == "0.1");
    } else {
      REQUIRE_FALSE(module.has_value());
      CHECK(module.error().text.find(row.says) != std::string::npos);
    }
  }
  ::unsetenv("HERALD_TEST_MODULE_FAULT");
}

TEST_CASE("what is no module at all is refused with the reason") {
  ModuleHost host({HERALD_TEST_MODULES});
  CHECK(host.open("x", "no_module.so").error().text.find("herald_module_entry") != std::string::npos);
  CHECK(host.open("x", "missing.so").error().text.find("missing.so") != std::string::npos);
  CHECK(host.open("x", "builtin").error().text.find("not linked in") != std::string::npos);
}

TEST_CASE("every fault of a start is reported, not only the first") {
  ModuleHost host;
  ConfigIssues issues;
  CHECK_FALSE(host.load({spec("a", "builtin"), spec("b", "missing.so")}, {}, issues).has_value());
  CHECK(issues.all().size() == 2);
}

TEST_CASE("a module whose servlet cannot be made keeps the node from starting") {
  ModuleHost host({HERALD_TEST_MODULES});
  ConfigIssues issues;
  auto loaded = host.load({spec("obedient", "obedient_module.so")}, {}, issues);
  REQUIRE(loaded.has_value());
  Bench bench({.shards = 0, .profiles = {}, .limits = {}, .store = nullptr, .start = false});
  ManualExecutor executor(bench.clock);
  FakeSipStack stack(executor);
  container::ShardParts parts{.index = 0,
                              .count = 1,
                              .executor = executor,
                              .stack = stack,
                              .store = bench.store,
                              .sh = bench.sh,
                              .http = bench.http,
                              .admin_http = bench.admin_http,
                              .node = {},
                              .trusted = {},
                              .own_hosts = {},
                              .own_identities = {},
                              .limits = {}};
  container::Shards shards;
  container::Container made(std::move(parts), shards, host, *loaded);
  std::optional<bool> good;
  const auto start = [](container::Container& which, std::optional<bool>& result) -> Task<void> {
    auto starting = which.start();
    const auto started = co_await std::move(starting);
    result = started.has_value();
  };
  executor.run([&] { spawn(start(made, good)); });
  executor.run_ready();
  CHECK(good == false);
}

TEST_CASE("a reload is all or nothing, and names what only a restart can change") {
  Bench bench;
  const auto text = [&] { return *bench.script.context->config<std::string>(); };
  CHECK(text().empty());
  ConfigIssues issues;
  std::vector<std::string> restart;
  const auto prepare = [&](const std::string& config) {
    issues = {};
    restart.clear();
    return bench.host.prepare({spec("push", "builtin", config)}, {push_profile(), push_profile()}, *bench.snapshot, issues,
                              restart);
  };
  SUBCASE("good") {
    const auto next = prepare("new");
    REQUIRE(next.has_value());
    CHECK(restart.empty());
    CHECK(text().empty());
    bench.containers[0]->reconfigure(*next);
    CHECK(text() == "new");
    CHECK(bench.script.context->services().size() == 2);
  }
  SUBCASE("wrong") {
    CHECK_FALSE(prepare("wrong").has_value());
    CHECK_FALSE(issues.ok());
    CHECK(text().empty());
  }
  SUBCASE("the module throws") { CHECK_FALSE(prepare("throw").has_value()); }
  SUBCASE("needs a restart") {
    const auto next = prepare("restart");
    REQUIRE(next.has_value());
    CHECK(restart == std::vector<std::string>{"modules.push.config"});
    bench.containers[0]->reconfigure(*next);
    CHECK(text().empty());  // the former one stays
  }
}
