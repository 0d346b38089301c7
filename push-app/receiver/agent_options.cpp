#include "agent_options.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "herald/sip_uri.h"

namespace herald::receiver {
namespace {

using std::chrono::milliseconds;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string check_user(const std::string& text) {
  const auto uri = SipUri::parse(text);
  return uri && uri->is_sip() && !uri->user.empty() ? "" : "is no SIP address of a user: \"" + text + "\"";
}
std::string check_uri(const std::string& text) {
  if (text.empty()) return "";
  const auto uri = SipUri::parse(text);
  return uri && uri->is_sip() ? "" : "is no SIP URI: \"" + text + "\"";
}
std::string check_webhook(const std::string& text) {
  return text.starts_with("https://") || text.starts_with("http://") ? "" : "is no http or https URL";
}
std::string check_app(const std::string& text) {
  const bool good = !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("-._+!").find(static_cast<char>(c)) != std::string_view::npos;
  });
  return good ? "" : "is no application identifier: \"" + text + "\"";
}
std::string check_package(const std::string& text) { return check_app(text).empty() ? "" : "is no event package"; }
std::string check_answer(const std::string& text) {
  const auto answer = Answer::parse(text);
  return answer ? "" : answer.error().text;
}

constexpr milliseconds kHour{3'600'000};
constexpr std::size_t kLargestContent = std::size_t{1} << 30U;

std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > 86'400) return std::nullopt;
  return std::chrono::seconds(value);
}

std::optional<std::chrono::seconds> display_of(std::string_view text) {
  return text == "auto" ? std::chrono::seconds(0) : seconds_of(text);
}

std::string check_report_mode(const std::string& text) {
  const auto mode = ReportMode::parse(text);
  return mode ? "" : mode.error().text;
}
std::string check_display(const std::string& text) {
  return text == "never" || display_of(text) ? "" : "is auto, never or a number of seconds, not \"" + text + "\"";
}

ConfigSchema<UserConfig> user_schema() {
  return ConfigSchema<UserConfig>()
      .key("identity", &UserConfig::identity,
           {.help = "Public identity that registers", .required = true, .needs_restart = true, .check = check_user})
      .key("private", &UserConfig::private_identity,
           {.help = "Private identity; none: user@domain of the public one", .needs_restart = true})
      .key("password", &UserConfig::password, {.help = "Of SIP digest", .needs_restart = true});
}

ConfigSchema<ThingConfig> thing_schema() {
  return ConfigSchema<ThingConfig>()
      .key("identity", &ThingConfig::identity,
           {.help = "Public identity whose pushes come here", .required = true, .needs_restart = true, .check = check_user})
      .list("apps", &ThingConfig::apps, {.help = "Its applications", .needs_restart = true, .max_items = 100, .check = check_app})
      .list("accept", &ThingConfig::accept,
            {.help = "Media types besides text/plain; none: all", .needs_restart = true, .max_items = 100})
      .key("webhook", &ThingConfig::webhook,
           {.help = "URL that its pushes are POSTed to", .required = true, .needs_restart = true, .check = check_webhook})
      .key("subscribe", &ThingConfig::subscribe, {.help = "Subscribe to its applications on its behalf", .needs_restart = true})
      .key("route", &ThingConfig::route,
           {.help = "First hop of such a SUBSCRIBE, its S-CSCF; none: sip.next_hop", .needs_restart = true, .check = check_uri});
}

ConfigSchema<ContentRules> content_schema() {
  return ConfigSchema<ContentRules>()
      .list("hosts", &ContentRules::hosts,
            {.help = "Hosts that referred content is fetched from; \"*\": any public one; none: such pushes are refused",
             .needs_restart = true,
             .max_items = 100})
      .key("insecure", &ContentRules::insecure,
           {.help = "Allow http and private addresses too; for laboratories", .needs_restart = true})
      .key("max_bytes", &ContentRules::max_bytes,
           {.help = "Largest content fetched", .needs_restart = true, .min = 1, .max = kLargestContent})
      .key("timeout", &ContentRules::timeout,
           {.help = "For fetching one", .needs_restart = true, .min = milliseconds(10), .max = kHour})
      .key("ca", &ContentRules::ca, {.help = "File of trust anchors; none: the system's", .needs_restart = true});
}

ConfigSchema<SessionRules> session_schema() {
  return ConfigSchema<SessionRules>()
      .key("enabled", &SessionRules::enabled, {.help = "INVITEs that offer MSRP are accepted", .needs_restart = true})
      .key("max_size", &SessionRules::max_size,
           {.help = "Largest message, announced to senders", .needs_restart = true, .min = 1, .max = kLargestContent})
      .key("refuse_above", &SessionRules::refuse_above,
           {.help = "Larger messages are refused with 413 whatever was announced; for laboratories; 0: max_size",
            .needs_restart = true})
      .choice("setup", &SessionRules::setup, {{"active", SessionSetup::active}, {"passive", SessionSetup::passive}},
              {.help = "Who connects when the sender leaves it open: active, this side", .needs_restart = true})
      .list("answers", &SessionRules::answer_texts,
            {.help = "Answers to INVITEs in their order, the last for all that follow; none: those to pushes",
             .needs_restart = true,
             .check = check_answer})
      .key("hold", &SessionRules::hold,
           {.help = "A session without a message for so long is ended",
            .needs_restart = true,
            .min = milliseconds(100),
            .max = 24 * kHour});
}

ConfigSchema<WebhookRules> webhook_schema() {
  return ConfigSchema<WebhookRules>()
      .key("timeout", &WebhookRules::timeout,
           {.help = "Of one POST", .needs_restart = true, .min = milliseconds(10), .max = kHour})
      .key("max_attempts", &WebhookRules::max_attempts,
           {.help = "Then a push is given up", .needs_restart = true, .min = 1, .max = 1000})
      .key("first_delay", &WebhookRules::first_delay,
           {.help = "Before the second attempt; doubled each time", .needs_restart = true, .min = milliseconds(1), .max = kHour})
      .key("max_delay", &WebhookRules::max_delay,
           {.help = "Longest pause between attempts", .needs_restart = true, .min = milliseconds(1), .max = 24 * kHour})
      .key("lifetime", &WebhookRules::lifetime,
           {.help = "Given up after this time at the latest", .needs_restart = true, .min = milliseconds(1), .max = 720 * kHour})
      .key("ca", &WebhookRules::ca, {.help = "File of trust anchors; none: the system's", .needs_restart = true})
      .key("max_in_flight", &WebhookRules::max_in_flight,
           {.help = "POSTs at a time", .needs_restart = true, .min = 1, .max = 1000})
      .key("max_waiting", &WebhookRules::max_waiting,
           {.help = "Pushes that may wait; beyond, MESSAGE is answered 503", .needs_restart = true, .min = 1, .max = 10'000'000});
}

PushPolicy policy_of(const std::vector<std::string>& apps, const std::vector<std::string>& accept, const AgentOptions& options) {
  PushPolicy policy;
  policy.apps = apps;
  for (const auto& type : accept) policy.accept.push_back(lower(type));
  policy.max_bytes = options.max_bytes;
  policy.external_bodies = options.fetches_content();
  policy.reports = options.imdn != ImdnPolicy::no;
  return policy;
}

UserAccount account_of(const std::string& identity, std::set<std::string>& contact_users) {
  const auto uri = SipUri::parse(identity);
  UserAccount account;
  account.identity = uri->canonical();
  account.domain = uri->host;
  account.private_identity = uri->user + "@" + uri->host;
  account.contact_user = uri->user;
  while (!contact_users.insert(account.contact_user).second)
    account.contact_user = uri->user + "-" + std::to_string(contact_users.size());
  return account;
}

void derive(AgentOptions& options) {
  options.policy = policy_of(options.apps, options.accept, options);
  options.expires = std::chrono::seconds(options.expires_seconds);
  options.report_mode = *ReportMode::parse(options.report_text);
  options.display = display_of(options.display_text);
  for (const auto& text : options.sessions.answer_texts) options.invite_answers.push_back(*Answer::parse(text));
  if (!options.answer_texts.empty()) options.answers.clear();
  for (const auto& text : options.answer_texts) options.answers.push_back(*Answer::parse(text));
  std::set<std::string> contact_users;
  for (const auto& user : options.user_list) {
    auto account = account_of(user.identity, contact_users);
    if (!user.private_identity.empty()) account.private_identity = user.private_identity;
    account.password = user.password.value;
    account.policy = options.policy;
    account.subscribe = options.subscribe;
    options.users.push_back(std::move(account));
  }
  for (const auto& thing : options.things) {
    auto account = account_of(thing.identity, contact_users);
    account.registers = false;
    account.policy =
        policy_of(thing.apps.empty() ? options.apps : thing.apps, thing.accept.empty() ? options.accept : thing.accept, options);
    account.policy.in_memory = true;
    account.webhook = thing.webhook;
    account.route = thing.route;
    if (thing.subscribe) account.subscribe = account.policy.apps;
    options.users.push_back(std::move(account));
  }
}

void check_whole(AgentOptions& options, const ConfigScope& at) {
  if (options.user_list.empty() && options.things.empty()) at.error("users", "at least one user or thing is needed");
  if (!options.user_list.empty() && options.registrar.empty()) at.error("registrar", "is needed where users register");
  std::set<std::string> identities;
  for (const auto& user : options.user_list)
    if (!identities.insert(canonical_identity(user.identity)).second) at.error("users", user.identity + " is there twice");
  for (const auto& thing : options.things)
    if (!identities.insert(canonical_identity(thing.identity)).second) at.error("things", thing.identity + " is there twice");
}

}  // namespace

Expected<ReportMode> ReportMode::parse(std::string_view text) {
  constexpr std::string_view kDelay = "delay:";
  ReportMode mode;
  if (text == "send") return mode;
  if (text == "ignore" || text == "refuse" || text == "failed") {
    mode.kind = text == "ignore" ? Kind::ignore : text == "refuse" ? Kind::refuse : Kind::failed;
    return mode;
  }
  if (const auto delay = text.starts_with(kDelay) ? seconds_of(text.substr(kDelay.size())) : std::nullopt) {
    mode.kind = Kind::delay;
    mode.delay = *delay;
    return mode;
  }
  return fail(ErrorCode::invalid, "is send, ignore, delay:SECONDS, refuse or failed, not \"" + std::string(text) + "\"");
}

const ConfigSchema<AgentOptions>& agent_schema() {
  static const auto schema =
      ConfigSchema<AgentOptions>()
          .sections("users", &AgentOptions::user_list, user_schema(),
                    {.help = "Who registers: a UE on Gm", .needs_restart = true, .in_sample = false})
          .sections("things", &AgentOptions::things, thing_schema(),
                    {.help = "Who cannot speak SIP: served on ISC, pushes go to a webhook", .needs_restart = true})
          .key("registrar", &AgentOptions::registrar,
               {.help = "First hop of a REGISTER", .needs_restart = true, .check = check_uri})
          .key("contact", &AgentOptions::contact, {.help = "host:port;parameters where users are reached", .needs_restart = true})
          .list("apps", &AgentOptions::apps,
                {.help = "Application identifiers in +g.oma.pusheventapp",
                 .needs_restart = true,
                 .max_items = 100,
                 .check = check_app})
          .list("accept", &AgentOptions::accept,
                {.help = "Media types besides text/plain; none: all", .needs_restart = true, .max_items = 100})
          .key("max_bytes", &AgentOptions::max_bytes,
               {.help = "Larger bodies are answered 413; 0: no limit", .needs_restart = true})
          .list("answers", &AgentOptions::answer_texts,
                {.help = "Answers to pushes in their order, the last for all that follow: 200, 486;retry-after=2, none",
                 .needs_restart = true,
                 .check = check_answer})
          .key("expires", &AgentOptions::expires_seconds,
               {.help = "Seconds asked of the registrar", .needs_restart = true, .min = 1U, .max = 7U * 24 * 3600})
          .key("package", &AgentOptions::package,
               {.help = "Event package of pushes", .needs_restart = true, .check = check_package})
          .list("subscribe", &AgentOptions::subscribe,
                {.help = "Applications that users subscribe to", .needs_restart = true, .max_items = 100, .check = check_app})
          .key("subscribe_to", &AgentOptions::subscribe_to,
               {.help = "Where to; none: the user's own address", .needs_restart = true, .check = check_uri})
          .key("subscribe_expires", &AgentOptions::subscribe_expires,
               {.help = "Seconds asked for", .needs_restart = true, .min = 1U, .max = 7U * 24 * 3600})
          .key("publish", &AgentOptions::publish, {.help = "Users publish what they can do", .needs_restart = true})
          .key("publish_expires", &AgentOptions::publish_expires,
               {.help = "Seconds asked for", .needs_restart = true, .min = 1U, .max = 7U * 24 * 3600})
          .choice("refer", &AgentOptions::refer,
                  {{"accept", ReferPolicy::accept}, {"ask", ReferPolicy::ask}, {"deny", ReferPolicy::deny}},
                  {.help = "What a REFER to subscribe is answered", .needs_restart = true})
          .choice("imdn", &AgentOptions::imdn,
                  {{"yes", ImdnPolicy::yes}, {"no", ImdnPolicy::no}, {"forbidden", ImdnPolicy::forbidden}},
                  {.help = "Delivery reports where senders ask for them", .needs_restart = true})
          .key("report_mode", &AgentOptions::report_text,
               {.help = "What becomes of reports that are asked for: send; for tests of senders ignore, delay:SECONDS, refuse, "
                        "failed",
                .needs_restart = true,
                .check = check_report_mode})
          .key("display", &AgentOptions::display_text,
               {.help = "Tell that a push was displayed, too: never, auto (at once) or after so many seconds",
                .needs_restart = true,
                .check = check_display})
          .list("reject", &AgentOptions::reject,
                {.help = "Senders whose pushes are answered 603", .needs_restart = true, .check = check_uri})
          .key("asserted_only", &AgentOptions::asserted_only,
               {.help = "No push without an asserted identity", .needs_restart = true})
          .section("content", &AgentOptions::content, content_schema(),
                   {.help = "Content that a push refers to", .needs_restart = true})
          .section("sessions", &AgentOptions::sessions, session_schema(), {.help = "Sessions of MSRP", .needs_restart = true})
          .section("webhook", &AgentOptions::webhook, webhook_schema(), {.help = "How webhooks are tried", .needs_restart = true})
          .check(check_whole);
  return schema;
}

std::shared_ptr<const AgentOptions> read_agent_options(const ConfigNode& section, ConfigIssues& issues) {
  const auto before = issues.error_count();
  auto options = std::make_shared<AgentOptions>(agent_schema().parse(section, issues));
  if (issues.error_count() == before) derive(*options);
  return options;
}

}  // namespace herald::receiver
