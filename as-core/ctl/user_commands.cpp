// registrations, subscriptions, sh get
#include <memory>

#include "ctl/session.h"

namespace herald::ctl {
namespace {

void registrations(Session& session) {
  const auto answer = session.ask({.target = "/v1/registrations"});
  if (!answer || session.json) return;
  Table table({"USER", "CONTACTS", "EXPIRES", "S-CSCF", "SOURCE"});
  for (const auto& entry : answer->is_array() ? *answer : list_of(*answer, "registrations")) {
    const auto& contacts = list_of(entry, "contacts");
    table.row({text_of(entry, "user"), contacts.empty() ? text_of(entry, "contact_count") : std::to_string(contacts.size()),
               text_of(entry, "expires"), text_of(entry, "scscf"), text_of(entry, "source")});
  }
  if (table.empty())
    session.out() << "nobody is registered\n";
  else
    table.print(session.out());
}

void registration(Session& session, const std::string& user) {
  const auto answer = session.ask({.target = "/v1/registrations/" + percent_encode(user)});
  if (!answer || session.json) return;
  print_pairs(session.out(), {{"user", text_of(*answer, "user")},
                              {"expires", text_of(*answer, "expires")},
                              {"S-CSCF", text_of(*answer, "scscf")},
                              {"source", text_of(*answer, "source")},
                              {"associated", text_of(*answer, "associated")},
                              {"updated", text_of(*answer, "updated")}});
  Table table({"CONTACT", "EXPIRES", "APPLICATIONS"});
  for (const auto& contact : list_of(*answer, "contacts"))
    table.row({text_of(contact, "uri"), text_of(contact, "expires"), text_of(contact, "applications")});
  if (!table.empty()) table.print(session.out());
}

struct SubscriptionOptions {
  std::string user;
  std::string app;
  unsigned limit = 0;
};

void subscriptions(Session& session, const SubscriptionOptions& options) {
  std::string query;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + percent_encode(value);
  };
  add("user", options.user);
  add("app", options.app);
  if (options.limit > 0) add("limit", std::to_string(options.limit));
  const auto answer = session.ask({.target = "/v1/subscriptions" + query});
  if (!answer || session.json) return;
  Table table({"USER", "APP", "STATUS", "EXPIRES", "CONTACT", "ACCEPT", "ID"});
  for (const auto& entry : list_of(*answer, "subscriptions")) {
    const bool blocked = text_of(entry, "blocked") == "true";
    table.row({text_of(entry, "user"), text_of(entry, "app"), blocked ? "blocked" : text_of(entry, "status"),
               text_of(entry, "expires"), text_of(entry, "contact"), text_of(entry, "accept"), text_of(entry, "id")});
  }
  if (table.empty())
    session.out() << "nobody is subscribed\n";
  else
    table.print(session.out());
}

struct ShOptions {
  std::string user;
  std::string data = "repository";
  std::string service;
};

void sh_get(Session& session, const ShOptions& options) {
  std::string target = "/v1/sh/" + percent_encode(options.user) + "?data=" + options.data;
  if (!options.service.empty()) target += "&service=" + percent_encode(options.service);
  const auto answer = session.ask({.target = target});
  if (!answer) return;
  if (text_of(*answer, "result") != "ok") session.exit_code = kNegative;
  if (session.json) return;
  const auto repository = answer->is_object() ? answer->value("repository", Json()) : Json();
  print_pairs(session.out(), {{"result", text_of(*answer, "result")},
                              {"Diameter code", text_of(*answer, "diameter_code")},
                              {"stale", text_of(*answer, "stale") == "true" ? "yes, the HSS does not answer" : ""},
                              {"age", text_of(*answer, "age_seconds")},
                              {"identities", text_of(*answer, "identities")},
                              {"state", text_of(*answer, "state")},
                              {"S-CSCF", text_of(*answer, "scscf")},
                              {"service", text_of(repository, "service")},
                              {"sequence", text_of(repository, "sequence")},
                              {"data", text_of(repository, "data")}});
}

}  // namespace

void add_user_commands(CLI::App& app, Session& session) {
  auto user = std::make_shared<std::string>();
  session
      .command(app, "registrations", "Who is registered, or one user's contacts",
               [&session, user] { return user->empty() ? registrations(session) : registration(session, *user); })
      ->add_option("USER", *user, "public identity");

  auto wanted = std::make_shared<SubscriptionOptions>();
  auto* subscribed = session.command(app, "subscriptions", "Who is subscribed to pushes",
                                     [&session, wanted] { subscriptions(session, *wanted); });
  subscribed->add_option("USER", wanted->user, "public identity");
  subscribed->add_option("--app", wanted->app, "only those to this application");
  subscribed->add_option("--limit", wanted->limit, "at most so many")->check(CLI::Range(1U, 200U));

  auto* sh = app.add_subcommand("sh", "Questions to the HSS");
  sh->require_subcommand(1);
  auto options = std::make_shared<ShOptions>();
  auto* get = session.command(*sh, "get", "Ask the HSS (or its cache) for user data; exit code 1 unless it answers with data",
                              [&session, options] { sh_get(session, *options); });
  get->add_option("USER", options->user, "public identity")->required();
  get->add_option("DATAREF", options->data, "repository, identities, state or scscf [repository]")
      ->check(CLI::IsMember({"repository", "identities", "state", "scscf"}));
  get->add_option("--service", options->service, "service indication of repository data");
}

}  // namespace herald::ctl
