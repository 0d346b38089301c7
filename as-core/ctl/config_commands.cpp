// config check, diff, reload
#include <filesystem>
#include <memory>

#include "ctl/session.h"

namespace herald::ctl {
namespace {

// The daemon may have another working directory.
std::string absolute(const std::string& path) {
  std::error_code error;
  const auto full = std::filesystem::absolute(path, error);
  return error ? path : full.string();
}

DaemonCall file_call(const char* target, const std::string& path) {
  Json body;
  body["path"] = absolute(path);
  return {.method = "POST", .target = target, .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

void print_issues(Session& session, const Json& answer) {
  for (const auto& issue : list_of(answer, "issues"))
    session.out() << (issue.is_string() ? text_of(issue) : text_of(issue, "line")) << '\n';
}

void print_changes(Session& session, const Json& answer) {
  Table table({"KEY", "RUNNING", "FILE", "RESTART"});
  for (const auto& change : list_of(answer, "changes"))
    table.row({text_of(change, "key"), text_of(change, "running"), text_of(change, "file"),
               text_of(change, "needs_restart") == "true" ? "needed" : ""});
  if (!table.empty()) table.print(session.out());
}

// 200 with ok false, or 422: both carry the issues.
std::optional<Json> verdict(Session& session, const DaemonCall& call) {
  const auto answer = session.fetch(call);
  if (!answer) return std::nullopt;
  auto document = parse_json(answer->body).value_or(Json());
  if (!document.is_object() || (!answer->ok() && !document.contains("issues"))) {
    if (document.is_object() && session.json) session.out() << dump(document) << '\n';
    session.fail(answer->ok() ? kUnreachable : kNegative,
                 answer->ok()
                     ? "the daemon's answer is not a JSON object"
                     : std::to_string(answer->status) + " " + text_of(document, "title") + ": " + text_of(document, "detail"));
    return std::nullopt;
  }
  if (session.json) session.out() << dump(document) << '\n';
  if (!answer->ok() || text_of(document, "ok") == "false") session.exit_code = kNegative;
  return document;
}

void check(Session& session, const std::string& path) {
  const auto answer = verdict(session, file_call("/v1/config/check", path));
  if (!answer || session.json) return;
  print_issues(session, *answer);
  if (session.exit_code == kOk) session.out() << printable(path) << ": ok\n";
}

void diff(Session& session, const std::string& path) {
  const auto answer = verdict(session, file_call("/v1/config/diff", path));
  if (!answer) return;
  if (!list_of(*answer, "changes").empty()) session.exit_code = kNegative;
  if (session.json) return;
  print_issues(session, *answer);
  print_changes(session, *answer);
  if (session.exit_code == kOk) session.out() << "no difference\n";
}

void reload(Session& session) {
  const auto answer = verdict(session, {.method = "POST", .target = "/v1/config/reload"});
  if (!answer || session.json) return;
  print_issues(session, *answer);
  print_changes(session, *answer);
  session.out() << (session.exit_code == kOk ? "reloaded\n" : "not reloaded: the running configuration stays\n");
}

}  // namespace

void add_config_commands(CLI::App& app, Session& session) {
  auto* config = app.add_subcommand("config", "The node's configuration");
  config->require_subcommand(1);
  auto path = std::make_shared<std::string>();
  session.command(*config, "check", "Is a file valid? Exit code 1 when not", [&session, path] { check(session, *path); })
      ->add_option("FILE", *path, "herald.yaml")
      ->required();
  session
      .command(*config, "diff", "What would a file change? Exit code 1 when anything", [&session, path] { diff(session, *path); })
      ->add_option("FILE", *path, "herald.yaml")
      ->required();
  session.command(*config, "reload", "Read the node's own file again, all or nothing", [&session] { reload(session); });
}

}  // namespace herald::ctl
