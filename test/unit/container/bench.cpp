#include "bench.h"

#include <doctest/doctest.h>

namespace herald::test {
namespace {

Script* the_script = nullptr;  // a module's create() has no arguments

const herald_module_descriptor* scripted_entry(std::uint32_t) {
  static const herald_module_descriptor descriptor{kModuleMagic,
                                                   sizeof(herald_module_descriptor),
                                                   kModuleAbiMajor,
                                                   kModuleAbiMinor,
                                                   HERALD_TOOLCHAIN_TAG,
                                                   "push",
                                                   "1.2.3",
                                                   []() -> Module* { return new ScriptedModule(*the_script); }};
  return &descriptor;
}

store::MemoryOptions on(const Clock& clock) {
  store::MemoryOptions options;
  options.clock = &clock;
  return options;
}

Task<void> start_container(container::Container& container, std::optional<Error>& error) {
  auto starting = container.start();
  const auto started = co_await std::move(starting);
  if (!started) error = started.error();
}

Task<void> fetch(HttpHandler handler, HttpRequest request, HttpResponse& response) {
  auto task = handler(std::move(request));
  response = co_await std::move(task);
}

}  // namespace

Task<void> ScriptedServlet::init(ServletContext& context) {
  script_.context = &context;
  if (script_.on_init) script_.on_init(context);
  co_return;
}

Task<void> ScriptedServlet::run(const std::string& method, SipServletRequest request) {
  const auto hook = script_.hooks.find(method);
  if (hook != script_.hooks.end()) return hook->second(std::move(request));
  if (method == "BYE") return SipServlet::do_bye(std::move(request));
  if (method == "ACK") return SipServlet::do_ack(std::move(request));
  return SipServlet::do_request(std::move(request));
}

Task<void> ScriptedServlet::do_cancel(SipServletRequest request) {
  return script_.cancelled ? script_.cancelled(std::move(request)) : SipServlet::do_cancel(std::move(request));
}

Task<void> ScriptedServlet::do_provisional_response(SipServletResponse response) {
  return script_.provisional ? script_.provisional(std::move(response))
                             : SipServlet::do_provisional_response(std::move(response));
}

std::shared_ptr<const void> ScriptedModule::prepare(const ConfigNode& section, ConfigIssues& issues) {
  if (section.scalar == "wrong") issues.error(section, "modules.push.config", "wrong");
  if (section.scalar == "throw") throw std::runtime_error("prepare threw");
  return std::make_shared<const std::string>(section.scalar);
}

std::vector<std::string> ScriptedModule::needs_restart(const void* before, const void* after) const {
  const auto& from = *static_cast<const std::string*>(before);
  const auto& to = *static_cast<const std::string*>(after);
  return to == "restart" && from != to ? std::vector<std::string>{"modules.push.config"} : std::vector<std::string>{};
}

ServiceProfile push_profile() {
  ServiceProfile profile;
  profile.id = "push";
  profile.application = "push";
  profile.server_name = "sip:127.0.0.1:5065;lr";
  const auto trigger = [](std::string name, int priority, std::string method, std::string tag) {
    ServiceTrigger made;
    made.name = std::move(name);
    made.priority = priority;
    Condition condition;
    condition.test = Condition::Method{std::move(method)};
    made.when = std::move(condition);
    made.tag = std::move(tag);
    return made;
  };
  profile.triggers.push_back(trigger("hold", 20, "MESSAGE", "hold"));
  profile.triggers.push_back(trigger("subscribe", 10, "SUBSCRIBE", "sub"));
  profile.triggers.push_back(trigger("call", 30, "INVITE", "call"));
  ServiceIdentity psi;
  psi.uri = "sip:push@ims.lab";
  psi.type = ServiceIdentity::Type::distinct_psi;
  profile.identities.push_back(std::move(psi));
  return profile;
}

Bench::Bench(Options options) : own_store(on(clock)), store(options.store != nullptr ? *options.store : own_store) {
  the_script = &script;
  host.add_builtin("push", scripted_entry);
  ConfigIssues issues;
  container::ModuleSpec spec;
  spec.name = "push";
  auto loaded = host.load({spec}, std::move(options.profiles), issues);
  REQUIRE(loaded.has_value());
  snapshot = *loaded;
  for (unsigned i = 0; i < options.shards; ++i) {
    executors.push_back(std::make_unique<ManualExecutor>(clock));
    const sip::ListenAddress address{sip::Transport::udp, "127.0.0.1", static_cast<std::uint16_t>(5065 + i)};
    stacks.push_back(std::make_unique<FakeSipStack>(*executors[i], std::vector{address}));
    container::ShardParts parts{.index = i,
                                .count = options.shards,
                                .executor = *executors[i],
                                .stack = *stacks[i],
                                .store = store,
                                .sh = sh,
                                .http = http,
                                .admin_http = admin_http,
                                .node = {"as1", "ims.lab", "sip:127.0.0.1:6060;lr"},
                                .trusted = [](const sip::PeerAddress& peer) { return peer.host == "127.0.0.1"; },
                                .own_hosts = {"as1.ims.lab"},
                                .own_identities = {"sip:push-news@ims.lab"},
                                .limits = options.limits,
                                .reg_event = options.reg_event};
    containers.push_back(std::make_unique<container::Container>(std::move(parts), all, host, snapshot));
  }
  if (options.start) start();
}

void Bench::start() {
  for (unsigned i = 0; i < containers.size(); ++i) {
    executors[i]->run([&] { spawn(start_container(*containers[i], start_error)); });
  }
  settle();
}

Bench::~Bench() {
  for (unsigned i = 0; i < containers.size(); ++i) {
    executors[i]->run([&] { containers[i]->stop(); });
  }
  settle();
}

void Bench::settle() {
  for (bool more = true; more;) {
    more = false;
    for (const auto& executor : executors) more = executor->run_ready() > 0 || more;
  }
}

void Bench::advance(Duration span) {
  // Shards share the clock: one moves it, the others follow.
  executors.front()->advance(span);
  settle();
}

void Bench::spawn_here(Task<void> task) {
  executors.front()->run([&] { spawn(std::move(task)); });
  settle();
}

HttpResponse Bench::get(const std::string& pattern, std::map<std::string, std::string> parameters) {
  HttpRequest request;
  request.method = "GET";
  request.path_parameters = std::move(parameters);
  HttpResponse response;
  const auto route = admin_http.routes.find("GET " + pattern);
  REQUIRE(route != admin_http.routes.end());
  spawn_here(fetch(route->second, std::move(request), response));
  return response;
}

}  // namespace herald::test
