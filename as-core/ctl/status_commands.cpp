// status, drain
#include "ctl/session.h"

namespace herald::ctl {
namespace {

std::string span_text(const Json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  if (found == object.end() || !found->is_number()) return text_of(object, member);
  const auto all = static_cast<std::int64_t>(found->get<double>());
  const auto days = all / 86400;
  return (days > 0 ? std::to_string(days) + "d " : "") + std::to_string(all / 3600 % 24) + "h " + std::to_string(all / 60 % 60) +
         "m " + std::to_string(all % 60) + "s";
}

void print_members(std::ostream& out, const Json& object, const char* member, std::vector<std::string> head) {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_object() || found->empty()) return;
  Table table(std::move(head));
  for (const auto& [name, value] : found->items()) table.row({printable(name), text_of(value)});
  out << '\n';
  table.print(out);
}

void status(Session& session) {
  const auto answer = session.ask({.target = "/v1/status"});
  if (!answer) return;
  const auto state = text_of(*answer, "status");
  if (state != "ok") session.exit_code = kNegative;
  if (session.json) return;
  if (!answer->is_object()) return session.fail(kUnreachable, "the daemon's answer is not an object");
  const auto node = answer->value("node", Json::object());
  print_pairs(session.out(), {{"status", state},
                              {"node", text_of(node, "name")},
                              {"version", text_of(node, "version")},
                              {"uptime", span_text(node, "uptime_seconds")},
                              {"configuration", text_of(node, "configuration_hash")},
                              {"shards", text_of(node, "shards")}});
  print_members(session.out(), *answer, "checks", {"CHECK", "RESULT"});
  Table peers({"PEER", "STATE"});
  for (const auto& peer : list_of(*answer, "peers")) peers.row({text_of(peer, "identity"), text_of(peer, "state")});
  if (!peers.empty()) {
    session.out() << '\n';
    peers.print(session.out());
  }
  print_members(session.out(), *answer, "counts", {"COUNT", "VALUE"});
}

void drain(Session& session) {
  const auto answer = session.ask({.method = "POST", .target = "/v1/drain"});
  if (!answer || session.json) return;
  session.out() << "draining: no new work is accepted, what was accepted is finished\n";
}

}  // namespace

void add_status_commands(CLI::App& app, Session& session) {
  session.command(app, "status", "How the node is: checks, peers, counts. Exit code 1 when it is not ok",
                  [&] { status(session); });
  session.command(app, "drain", "Take no new work and finish what was accepted", [&] { drain(session); });
}

}  // namespace herald::ctl
