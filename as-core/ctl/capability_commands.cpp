// capabilities
#include <memory>

#include "ctl/session.h"

namespace herald::ctl {
namespace {

struct CapabilityOptions {
  std::string user;
  std::string application;
  bool all = false;  // facts that others outrank, too
};

void print_summary(Session& session, const std::string& subject, const Json& merged) {
  const auto modes = merged.is_object() ? merged.value("modes", Json()) : Json();
  print_pairs(session.out(), {{"contact", subject},
                              {"applications", text_of(merged, "applications")},
                              {"takes", text_of(merged, "types")},
                              {"refuses", text_of(merged, "refused_types")},
                              {"largest", text_of(merged, "max_size")},
                              {"notify", text_of(modes, "notify")},
                              {"pager", text_of(modes, "pager")},
                              {"msrp", text_of(modes, "msrp")},
                              {"indirection", text_of(modes, "indirection")}});
}

void capabilities(Session& session, const CapabilityOptions& options) {
  std::string target = "/v1/capabilities/" + percent_encode(options.user);
  if (!options.application.empty()) target += "?app=" + percent_encode(options.application);
  const auto answer = session.ask({.target = target});
  if (!answer || session.json) return;
  print_pairs(session.out(), {{"user", text_of(*answer, "user")},
                              {"registered", text_of(*answer, "registered") == "true" ? "yes" : "no"},
                              {"application", text_of(*answer, "application")},
                              {"profile", text_of(*answer, "provisioned") == "unavailable" ? "the HSS does not answer" : ""},
                              {"asked", text_of(*answer, "asked")}});
  const auto& contacts = list_of(*answer, "contacts");
  for (const auto& contact : contacts) print_summary(session, text_of(contact, "contact"), contact);
  if (contacts.empty() && answer->is_object()) print_summary(session, "any", answer->value("merged", Json()));
  Table table({"KIND", "VALUE", "TAKEN", "SOURCE", "UNTIL", "CONTACT", "APPLICATION"});
  for (const auto& fact : list_of(*answer, "facts")) {
    const bool wins = text_of(fact, "wins") == "true";
    if (!wins && !options.all) continue;
    table.row({text_of(fact, "kind"), text_of(fact, "value"), text_of(fact, "supported") == "true" ? "yes" : "no",
               text_of(fact, "source") + (wins ? "" : " (outranked)"), text_of(fact, "valid_until"), text_of(fact, "contact"),
               text_of(fact, "application")});
  }
  if (!table.empty()) table.print(session.out());
}

}  // namespace

void add_capability_commands(CLI::App& app, Session& session) {
  auto options = std::make_shared<CapabilityOptions>();
  auto* command = session.command(app, "capabilities", "What a user's receivers can take, and how that is known",
                                  [&session, options] { capabilities(session, *options); });
  command->add_option("USER", options->user, "public identity")->required();
  command->add_option("--app", options->application, "application that it is merged for");
  command->add_flag("--all", options->all, "also facts that others outrank");
}

}  // namespace herald::ctl
