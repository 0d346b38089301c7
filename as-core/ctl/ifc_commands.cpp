// ifc export, diff: the initial filter criteria that the HSS must hold for our services.
#include <filesystem>
#include <memory>

#include "ctl/session.h"

namespace herald::ctl {
namespace {

constexpr std::size_t kMaxProfile = 4UL * 1024 * 1024;

void export_ifc(Session& session, const std::string& profile) {
  std::string target = "/v1/ifc";
  if (!profile.empty()) {
    std::error_code error;
    target += "?profile=" + percent_encode(std::filesystem::absolute(profile, error).string());
  }
  if (session.json) {
    const auto answer = session.fetch({.target = target});
    if (!answer) return;
    Json document;
    document[answer->ok() ? "ifc" : "error"] = answer->body;
    session.out() << dump(document) << '\n';
    if (!answer->ok()) session.fail(kNegative, std::to_string(answer->status));
    return;
  }
  const auto answer = session.fetch({.target = target});
  if (!answer) return;
  if (answer->ok()) {  // XML for a file or a pipe: line ends and all
    session.out() << answer->body;
    if (!answer->body.empty() && answer->body.back() != '\n') session.out() << '\n';
    return;
  }
  const auto document = parse_json(answer->body).value_or(Json());
  session.fail(kNegative, std::to_string(answer->status) + " " + text_of(document, "title") + ": " + text_of(document, "detail"));
}

void diff_ifc(Session& session, const std::string& path) {
  auto xml = read_file(path, kMaxProfile);
  if (!xml) return session.fail(kUnreachable, xml.error().text);
  const auto answer =
      session.ask({.method = "POST", .target = "/v1/ifc/diff", .body = std::move(*xml), .content_type = "application/xml"});
  if (!answer) return;
  const auto& differences = list_of(*answer, "differences");
  if (!differences.empty()) session.exit_code = kNegative;
  if (session.json) return;
  Table table({"KIND", "PRIORITY", "WHAT"});
  for (const auto& difference : differences)
    table.row({text_of(difference, "kind"), text_of(difference, "priority"), text_of(difference, "text")});
  if (table.empty())
    session.out() << "no difference\n";
  else
    table.print(session.out());
}

}  // namespace

void add_ifc_commands(CLI::App& app, Session& session) {
  auto* ifc = app.add_subcommand("ifc", "Initial filter criteria");
  ifc->require_subcommand(1);
  auto profile = std::make_shared<std::string>();
  session
      .command(*ifc, "export", "Print the criteria that the HSS must hold, as XML",
               [&session, profile] { export_ifc(session, *profile); })
      ->add_option("PROFILE", *profile, "a service profile instead of the running ones");
  auto path = std::make_shared<std::string>();
  session
      .command(*ifc, "diff", "Compare an HSS's criteria with ours. Exit code 1 when they differ",
               [&session, path] { diff_ifc(session, *path); })
      ->add_option("FILE", *path, "the HSS's user profile or criteria, XML")
      ->required();
}

}  // namespace herald::ctl
