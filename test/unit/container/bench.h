// One shard on a bench: the container with a scripted servlet, a stack without a wire, virtual time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "container/container.h"
#include "doubles/fake_sip_stack.h"
#include "doubles/manual_executor.h"
#include "doubles/virtual_clock.h"
#include "herald/module.h"
#include "store/memory_store.h"

namespace herald::test {

// What a test writes instead of a class of its own: hooks by method.
struct Script {
  std::map<std::string, std::function<Task<void>(SipServletRequest)>> hooks;
  std::function<Task<void>(SipServletResponse)> provisional;
  std::function<Task<void>(SipServletRequest)> cancelled;
  std::function<void(ServletContext&)> on_init;
  ServletContext* context = nullptr;
  int destroyed = 0;
  std::vector<std::string_view> methods{"MESSAGE", "INVITE", "SUBSCRIBE", "NOTIFY", "BYE"};
};

class ScriptedServlet final : public SipServlet {
 public:
  explicit ScriptedServlet(Script& script) : script_(script) {}
  Task<void> init(ServletContext& context) override;
  void destroy() noexcept override { ++script_.destroyed; }
  Task<void> do_invite(SipServletRequest request) override { return run("INVITE", std::move(request)); }
  Task<void> do_ack(SipServletRequest request) override { return run("ACK", std::move(request)); }
  Task<void> do_bye(SipServletRequest request) override { return run("BYE", std::move(request)); }
  Task<void> do_subscribe(SipServletRequest request) override { return run("SUBSCRIBE", std::move(request)); }
  Task<void> do_notify(SipServletRequest request) override { return run("NOTIFY", std::move(request)); }
  Task<void> do_message(SipServletRequest request) override { return run("MESSAGE", std::move(request)); }
  Task<void> do_refer(SipServletRequest request) override { return run("REFER", std::move(request)); }
  Task<void> do_register(SipServletRequest request) override { return run("REGISTER", std::move(request)); }
  Task<void> do_publish(SipServletRequest request) override { return run("PUBLISH", std::move(request)); }
  Task<void> do_cancel(SipServletRequest request) override;
  Task<void> do_provisional_response(SipServletResponse response) override;
  std::vector<std::string_view> methods() const override { return script_.methods; }

 private:
  Task<void> run(const std::string& method, SipServletRequest request);
  Script& script_;
};

class ScriptedModule final : public Module {
 public:
  explicit ScriptedModule(Script& script) : script_(script) {}
  std::shared_ptr<const void> prepare(const ConfigNode& section, ConfigIssues& issues) override;
  std::vector<std::string> needs_restart(const void* before, const void* after) const override;
  std::vector<ConfigKeyDoc> documentation() const override { return {}; }
  std::unique_ptr<SipServlet> create_servlet() override { return std::make_unique<ScriptedServlet>(script_); }

 private:
  Script& script_;
};

struct NoSh final : ShClient {
  Future<ShReply> user_data(ShQuery, Deadline) override { return ready<ShReply>(ShReply{}); }
  std::vector<PeerState> peers() const override { return {}; }
};

struct RouteBook final : HttpRoutes {
  std::map<std::string, HttpHandler> routes;
  void add(std::string_view method, std::string_view pattern, HttpHandler handler, HttpRouteOptions) override {
    routes[std::string(method) + " " + std::string(pattern)] = std::move(handler);
  }
};

// A push profile: MESSAGE and SUBSCRIBE to the module "push", with tags for SPF-40.
[[nodiscard]] ServiceProfile push_profile();

class Bench {
 public:
  struct Options {
    unsigned shards = 1;
    std::vector<ServiceProfile> profiles{push_profile()};
    container::ContainerLimits limits;
    Store* store = nullptr;
    RegEventUse reg_event = RegEventUse::never;
    bool start = true;
  };
  Bench() : Bench(Options()) {}
  explicit Bench(Options options);
  ~Bench();

  void start();  // unless Options::start did
  // Runs everything that is ready on all shards.
  void settle();
  void advance(Duration span);
  // Starts a coroutine on shard 0.
  void spawn_here(Task<void> task);
  [[nodiscard]] container::ContainerStatus status(unsigned shard = 0) const { return containers[shard]->status(); }
  [[nodiscard]] FakeSipStack& stack(unsigned shard = 0) { return *stacks[shard]; }
  [[nodiscard]] const Registration* registered(const std::string& user, unsigned shard = 0) {
    return containers[shard]->registrations().find(user);
  }
  [[nodiscard]] HttpResponse get(const std::string& pattern, std::map<std::string, std::string> parameters);

  Script script;
  VirtualClock clock;
  store::MemoryStore own_store;
  Store& store;
  NoSh sh;
  RouteBook http, admin_http;
  container::ModuleHost host;
  std::shared_ptr<const container::Snapshot> snapshot;
  std::vector<std::unique_ptr<ManualExecutor>> executors;
  std::vector<std::unique_ptr<FakeSipStack>> stacks;
  container::Shards all;
  std::vector<std::unique_ptr<container::Container>> containers;
  std::optional<Error> start_error;
};

}  // namespace herald::test
