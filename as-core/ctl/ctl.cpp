#include "ctl/ctl.h"

#include <algorithm>

#include "ctl/session.h"

namespace herald::ctl {

int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  Session session(out, err);
  CLI::App app("Looks into a running Herald and tells it what to do", "heraldctl");
  app.set_version_flag("--version", std::string("heraldctl ") + HERALD_VERSION);
  app.add_option("--socket", session.socket, "the daemon's admin socket")->capture_default_str();
  app.add_option("--timeout", session.timeout_seconds, "seconds to wait for an answer")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 86400.0));
  app.fallthrough();  // --socket may come after the command, too
  app.require_subcommand(1);
  app.footer("Exit codes: 0 done, 1 the daemon says no, 2 wrong usage or the daemon cannot be reached.");
  try {
    add_status_commands(app, session);
    add_push_commands(app, session);
    add_user_commands(app, session);
    add_capability_commands(app, session);
    add_config_commands(app, session);
    add_ifc_commands(app, session);
    add_token_commands(app, session);
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants it
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? kOk : kUnreachable;
  }
  out.flush();
  if (!out) {
    err << "heraldctl: cannot write the output\n";
    return kUnreachable;
  }
  return session.exit_code;
}

}  // namespace herald::ctl
