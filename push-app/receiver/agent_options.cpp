#include "agent_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "herald/sip_uri.h"

namespace herald::receiver {
namespace {

std::string scalar(const ConfigNode& map, std::string_view key) {
  const auto* node = map.find(key);
  return node != nullptr && node->kind == ConfigNode::Kind::scalar ? node->scalar : std::string();
}

std::vector<std::string> list(const ConfigNode& map, std::string_view key) {
  std::vector<std::string> values;
  if (const auto* node = map.find(key))
    for (const auto& item : node->items) values.push_back(item.scalar);
  return values;
}

std::size_t number(const ConfigNode& map, std::string_view key, std::size_t otherwise, ConfigIssues& issues) {
  const auto text = scalar(map, key);
  if (text.empty()) return otherwise;
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  issues.error(*map.find(key), std::string(key), "is not a number: " + text);
  return otherwise;
}

void read_user(const ConfigNode& node, AgentOptions& options, std::set<std::string>& contact_users, ConfigIssues& issues) {
  const auto uri = SipUri::parse(scalar(node, "identity"));
  if (!uri || !uri->is_sip() || uri->user.empty())
    return issues.error(node, "users", "is no SIP address of a user: \"" + scalar(node, "identity") + "\"");
  UserAccount account;
  account.identity = uri->canonical();
  account.domain = uri->host;
  account.private_identity = scalar(node, "private");
  if (account.private_identity.empty()) account.private_identity = uri->user + "@" + uri->host;
  account.password = scalar(node, "password");
  account.contact_user = uri->user;
  while (!contact_users.insert(account.contact_user).second)
    account.contact_user = uri->user + "-" + std::to_string(contact_users.size());
  options.users.push_back(std::move(account));
}

void check_keys(const ConfigNode& section, ConfigIssues& issues) {
  constexpr std::array<std::string_view, 8> kKeys{"users",  "registrar", "contact", "apps",
                                                  "accept", "max_bytes", "answers", "expires"};
  for (const auto& entry : section.entries)
    if (std::find(kKeys.begin(), kKeys.end(), entry.key) == kKeys.end()) issues.error(entry.value, entry.key, "is not known");
}

}  // namespace

std::shared_ptr<const AgentOptions> read_agent_options(const ConfigNode& section, ConfigIssues& issues) {
  auto options = std::make_shared<AgentOptions>();
  check_keys(section, issues);
  std::set<std::string> contact_users;
  if (const auto* users = section.find("users"))
    for (const auto& user : users->items) read_user(user, *options, contact_users, issues);
  if (options->users.empty() && issues.ok()) issues.error(section, "users", "at least one is needed");
  options->registrar = scalar(section, "registrar");
  const auto registrar = SipUri::parse(options->registrar);
  if (!registrar || !registrar->is_sip()) issues.error(section, "registrar", "is no SIP URI: \"" + options->registrar + "\"");
  options->contact = scalar(section, "contact");
  options->policy.apps = list(section, "apps");
  for (auto type : list(section, "accept")) {
    std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    options->policy.accept.push_back(std::move(type));
  }
  options->policy.max_bytes = number(section, "max_bytes", 0, issues);
  options->expires = std::chrono::seconds(number(section, "expires", 600, issues));
  if (options->expires.count() < 1 || options->expires.count() > 7 * 24 * 3600)
    issues.error(section, "expires", "must lie between 1 second and 7 days");
  std::vector<Answer> answers;
  for (const auto& text : list(section, "answers")) {
    auto answer = Answer::parse(text);
    if (answer)
      answers.push_back(*answer);
    else
      issues.error(section, "answers", answer.error().text);
  }
  if (!answers.empty()) options->answers = std::move(answers);
  return options;
}

}  // namespace herald::receiver
