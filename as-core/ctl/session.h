// What every command shares: the daemon, where to print, and how an answer becomes an exit code.
// Thread: one.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <ostream>
#include <string>

#include "ctl/daemon_client.h"
#include "ctl/output.h"

namespace herald::ctl {

enum ExitCode : int {
  kOk = 0,
  kNegative = 1,     // the daemon answered, and the answer is no
  kUnreachable = 2,  // wrong usage, or no (understandable) answer
};

class Session {
 public:
  Session(std::ostream& out, std::ostream& err) : out_(out), err_(err) {}

  std::string socket = "/run/herald/herald.sock";
  double timeout_seconds = 30;
  bool json = false;
  int exit_code = kOk;

  [[nodiscard]] std::ostream& out() noexcept { return out_; }
  [[nodiscard]] std::ostream& err() noexcept { return err_; }

  // The JSON of a 2xx answer. Otherwise says on err what went wrong, sets the exit code and gives nothing.
  // With --json the daemon's own JSON goes to out either way.
  [[nodiscard]] std::optional<Json> ask(const DaemonCall& call);
  // The same without JSON: the answer as it is, printed nowhere.
  [[nodiscard]] std::optional<DaemonAnswer> fetch(const DaemonCall& call);
  void fail(int code, const std::string& text);

  // A subcommand with --json, whose work runs after all options are known.
  CLI::App* command(CLI::App& parent, const std::string& name, const std::string& help, std::function<void()> work);

 private:
  void explain(const DaemonAnswer& answer, const Json& document);
  std::ostream& out_;
  std::ostream& err_;
};

// A local file as text; says so when it cannot be read or is larger than `limit`.
[[nodiscard]] Expected<std::string> read_file(const std::string& path, std::size_t limit);

void add_status_commands(CLI::App& app, Session& session);  // status, drain
void add_push_commands(CLI::App& app, Session& session);    // push, pushes
void add_user_commands(CLI::App& app, Session& session);    // registrations, subscriptions, sh get
void add_capability_commands(CLI::App& app, Session& session);
void add_config_commands(CLI::App& app, Session& session);  // config check, diff, reload
void add_token_commands(CLI::App& app, Session& session);   // hash-token
void add_ifc_commands(CLI::App& app, Session& session);     // ifc export, diff

}  // namespace herald::ctl
