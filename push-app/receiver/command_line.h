// herald-receiver's options.
// Thread: start-up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "herald/clock.h"
#include "herald/config.h"
#include "herald/expected.h"
#include "msrp_faults.h"

namespace herald::receiver {

enum ExitCode : int { kEnded = 0, kInternal = 1, kUsage = 2, kCannotBind = 3, kNeverRegistered = 4 };

struct CommandLine {
  ConfigNode section;  // what the agent is told, see agent_options.h; the contact follows when the port is known
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string transport = "udp";
  std::optional<Duration> duration;                            // none: until SIGTERM or SIGINT
  std::optional<std::pair<std::string, std::uint16_t>> msrp;   // where to listen
  std::optional<std::pair<std::string, std::uint16_t>> msrps;  // the same over TLS
  std::string msrp_certificate, msrp_key, msrp_ca;             // PEM files of it; no ca: the system's
  ToldFingerprint msrp_fingerprint = ToldFingerprint::own;     // others: a fault for tests of senders
  std::uint64_t msrp_drop_after = 0;                           // a fault for tests of senders; 0: never
  std::string save_dir;                                        // empty: contents are not kept
  bool verbose = false;
  std::vector<std::string> trusted;  // addresses of the network's side; none: whoever reaches this node
  bool asks = false;                 // standard input decides on REFERs
};

// What to run, or with which code to end after the text has been printed (--help, usage errors).
struct ParsedCommandLine {
  std::optional<CommandLine> run;
  int exit_code = kEnded;
};
ParsedCommandLine parse_command_line(int argc, const char* const* argv);

// "500ms", "2s", "10m", "1h"
Expected<Duration> parse_duration(const std::string& text);
// "127.0.0.1:5070", "[::1]:0"; host with brackets where it has them.
Expected<std::pair<std::string, std::uint16_t>> parse_host_port(const std::string& text);

// Pieces of a section, as a YAML file would give them.
[[nodiscard]] ConfigNode config_scalar(std::string text);
void config_set(ConfigNode& map, std::string key, ConfigNode value);

}  // namespace herald::receiver
