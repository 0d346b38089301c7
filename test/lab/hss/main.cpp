// herald-hss: the lab's HSS. A Diameter peer that answers Cx and Sh from a YAML file.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "hss/config.h"
#include "hss/control.h"
#include "hss/cx.h"
#include "hss/journal.h"
#include "hss/server.h"
#include "hss/sh.h"

namespace {

using namespace herald::lab;

constexpr int kExitConfiguration = 2;
constexpr int kExitResource = 3;

int give_up(int code, const herald::Error& error) {
  std::fprintf(stderr, "herald-hss: %s\n", error.text.c_str());
  return code;
}

void reload(const std::string& file, SubscriberStore& users) {
  auto next = load_config(file);
  auto entry = event("reload");
  if (next) {
    entry["changed"] = users.load(std::move(next->subscribers));
  } else {
    entry["error"] = next.error().text;  // the old ones stay
  }
  journal(std::move(entry));
}

int serve(const std::string& file, const sigset_t& signals) {
  auto config = load_config(file);
  if (!config) return give_up(kExitConfiguration, config.error());
  SubscriberStore users;
  users.load(std::move(config->subscribers));
  Faults faults;
  Control control(faults, users);
  if (!config->control.empty()) {
    if (const auto done = control.listen(config->control); !done) return give_up(kExitResource, done.error());
  }
  Server server(*config, faults);
  Cx cx(*config, users);
  Notifier notifier(*config, server);
  users.listen([&notifier](const Subscriber& before, const Subscriber& after) { notifier.changed(before, after); });
  Sh sh(users, notifier);
  cx.serve(server);
  sh.serve(server);
  if (const auto done = server.start(); !done) return give_up(kExitResource, done.error());
  auto ready = event("ready");
  ready["identity"] = config->identity;
  ready["listen"] = config->listen_address + ":" + std::to_string(config->listen_port);
  journal(std::move(ready));

  for (int signal = 0; sigwait(&signals, &signal) == 0 && signal == SIGHUP;) reload(file, users);
  journal(event("stopping"));
  server.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The lab's HSS: Cx and Sh from a YAML file, one JSON line per request. SIGHUP rereads the subscribers."};
  std::string file;
  std::vector<std::string> command;
  std::string socket;
  auto* config_option = app.add_option("--config", file, "YAML file");
  auto* tell_option =
      app.add_option("--tell", socket, "send COMMAND to the control socket of a running HSS and print the answer");
  app.add_option("command", command, "for --tell: users | fault sh|cx none|silent|slow MS|result CODE|error CODE|rubbish KIND");
  config_option->excludes(tell_option);
  CLI11_PARSE(app, argc, argv);

  if (!socket.empty()) {
    std::string line;
    for (const auto& word : command) line += (line.empty() ? "" : " ") + word;
    const auto answer = tell(socket, line);
    if (!answer) return give_up(1, answer.error());
    std::puts(answer->c_str());
    return answer->rfind("error", 0) == 0 ? 1 : 0;
  }
  if (file.empty()) return give_up(kExitConfiguration, {herald::ErrorCode::invalid, "--config FILE is missing"});

  // The library's threads inherit the mask: signals come to main alone.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const int code = serve(file, signals);
  std::fflush(nullptr);
  std::_Exit(code);  // threads of the library may still run, see Server::stop
}
