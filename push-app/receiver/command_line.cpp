#include "command_line.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "agent_options.h"
#include "herald/sip_uri.h"

namespace herald::receiver {
namespace {

constexpr const char* kFooter =
    "Prints one JSON object a line: registered, unregistered, subscribed, notified, subscription_ended, published,\n"
    "unpublished, referred, push, push_refused, session, report_sent, error.\n"
    "With --refer ask, a line \"accept ID\" or \"deny ID\" on standard input decides on a REFER (ID: of its referred line).\n"
    "SIGTERM and SIGINT end the registrations and then the program, --duration does the same.\n"
    "Exit codes: 0 ended as asked, 1 internal error, 2 wrong usage, 3 the address cannot be bound,\n"
    "4 --duration has passed and no user was ever registered.";

struct Options {
  std::vector<std::string> users, passwords, privates;
  std::string users_file, registrar, apps, accept, listen = "127.0.0.1:0", transport = "udp", answer, duration;
  std::vector<std::string> subscribe, reject, trusted, content_hosts;
  std::string subscribe_to, refer = "deny", imdn = "yes", content_ca, package = "oma-push";
  std::string msrp, msrps, msrp_certificate, msrp_key, msrp_ca, msrp_fingerprint = "own";
  std::string msrp_setup = "active", invite_answer, report_mode = "send", display = "never", save_dir;
  std::size_t max_size = 128U << 20U, lie_max_size = 0, drop_after = 0;
  unsigned session_hold = 600, content_timeout = 20;
  std::size_t max_bytes = 0, content_max = 1'048'576;
  unsigned expires = 600, subscribe_expires = 3600, publish_expires = 3600;
  bool verbose = false, publish = false, content_insecure = false, asserted_only = false;
};

ConfigNode config_list(const std::string& comma_separated) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::list;
  for (const auto part : split_header_list(comma_separated)) node.items.push_back(config_scalar(std::string(part)));
  return node;
}

ConfigNode config_list(const std::vector<std::string>& values) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::list;
  for (const auto& value : values)
    for (const auto part : split_header_list(value)) node.items.push_back(config_scalar(std::string(part)));
  return node;
}

ConfigNode config_flag(bool value) { return config_scalar(value ? "true" : "false"); }

ConfigNode content_section(const Options& options) {
  ConfigNode content;
  content.kind = ConfigNode::Kind::map;
  config_set(content, "hosts", config_list(options.content_hosts));
  config_set(content, "insecure", config_flag(options.content_insecure));
  config_set(content, "max_bytes", config_scalar(std::to_string(options.content_max)));
  config_set(content, "timeout", config_scalar(std::to_string(options.content_timeout) + "s"));
  config_set(content, "ca", config_scalar(options.content_ca));
  return content;
}

ConfigNode session_section(const Options& options) {
  ConfigNode sessions;
  sessions.kind = ConfigNode::Kind::map;
  config_set(sessions, "enabled", config_flag(!options.msrp.empty() || !options.msrps.empty()));
  config_set(sessions, "max_size", config_scalar(std::to_string(options.max_size)));
  config_set(sessions, "refuse_above", config_scalar(std::to_string(options.lie_max_size)));
  config_set(sessions, "setup", config_scalar(options.msrp_setup));
  config_set(sessions, "answers", config_list(options.invite_answer));
  config_set(sessions, "hold", config_scalar(std::to_string(options.session_hold) + "s"));
  return sessions;
}

ConfigNode user_node(const std::string& identity, const std::string& password, const std::string& private_identity) {
  ConfigNode user;
  user.kind = ConfigNode::Kind::map;
  config_set(user, "identity", config_scalar(identity));
  config_set(user, "password", config_scalar(password));
  if (!private_identity.empty()) config_set(user, "private", config_scalar(private_identity));
  return user;
}

// "sip:alice@ims.lab password [private identity]" a line; empty lines and # are passed over.
Expected<void> read_users(const std::string& path, ConfigNode& users) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::invalid, "cannot read " + path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    std::istringstream words(line);
    std::string identity, password, private_identity;
    if (!(words >> identity) || identity.front() == '#') continue;
    if (!(words >> password)) return fail(ErrorCode::invalid, path + ":" + std::to_string(number) + ": no password");
    words >> private_identity;
    users.items.push_back(user_node(identity, password, private_identity));
  }
  return {};
}

Expected<ConfigNode> users_of(const Options& options) {
  ConfigNode users;
  users.kind = ConfigNode::Kind::list;
  if (options.passwords.size() > 1 && options.passwords.size() != options.users.size())
    return fail(ErrorCode::invalid, "--password is given once for all or once for each --user");
  if (options.privates.size() > options.users.size()) return fail(ErrorCode::invalid, "more --private-id than --user");
  for (std::size_t i = 0; i < options.users.size(); ++i) {
    const auto& passwords = options.passwords;
    const auto password = passwords.empty() ? std::string() : passwords.size() == 1 ? passwords[0] : passwords[i];
    users.items.push_back(user_node(options.users[i], password, i < options.privates.size() ? options.privates[i] : ""));
  }
  if (!options.users_file.empty())
    if (auto ok = read_users(options.users_file, users); !ok) return fail(std::move(ok.error()));
  if (users.items.empty()) return fail(ErrorCode::invalid, "give --user or --users");
  return users;
}

ToldFingerprint fingerprint_of(std::string_view name) {
  if (name == "wrong") return ToldFingerprint::wrong;
  return name == "none" ? ToldFingerprint::none : ToldFingerprint::own;
}

Expected<void> listen_for_sessions(const Options& options, CommandLine& line) {
  if (!options.msrp.empty()) {
    auto address = parse_host_port(options.msrp);
    if (!address) return fail(std::move(address.error()));
    line.msrp = std::move(*address);
  }
  if (options.msrps.empty()) return {};
  auto address = parse_host_port(options.msrps);
  if (!address) return fail(std::move(address.error()));
  if (options.msrp_certificate.empty() || options.msrp_key.empty())
    return fail(ErrorCode::invalid, "--msrps needs --msrp-certificate and --msrp-key");
  line.msrps = std::move(*address);
  line.msrp_certificate = options.msrp_certificate;
  line.msrp_key = options.msrp_key;
  line.msrp_ca = options.msrp_ca;
  line.msrp_fingerprint = fingerprint_of(options.msrp_fingerprint);
  return {};
}

Expected<CommandLine> complete(const Options& options) {
  CommandLine line;
  auto users = users_of(options);
  if (!users) return fail(std::move(users.error()));
  auto address = parse_host_port(options.listen);
  if (!address) return fail(std::move(address.error()));
  std::tie(line.host, line.port) = *address;
  line.transport = options.transport;
  line.verbose = options.verbose;
  line.asks = options.refer == "ask";
  line.trusted = options.trusted;
  line.save_dir = options.save_dir;
  line.msrp_drop_after = options.drop_after;
  if (auto ok = listen_for_sessions(options, line); !ok) return fail(std::move(ok.error()));
  if (!options.duration.empty()) {
    auto duration = parse_duration(options.duration);
    if (!duration) return fail(std::move(duration.error()));
    line.duration = *duration;
  }
  auto& section = line.section;
  section.kind = ConfigNode::Kind::map;
  config_set(section, "users", std::move(*users));
  config_set(section, "registrar",
             config_scalar(options.registrar.find(";lr") == std::string::npos ? options.registrar + ";lr" : options.registrar));
  config_set(section, "apps", config_list(options.apps));
  config_set(section, "accept", config_list(options.accept));
  config_set(section, "answers", config_list(options.answer));
  config_set(section, "max_bytes", config_scalar(std::to_string(options.max_bytes)));
  config_set(section, "expires", config_scalar(std::to_string(options.expires)));
  config_set(section, "package", config_scalar(options.package));
  config_set(section, "subscribe", config_list(options.subscribe));
  config_set(section, "subscribe_to", config_scalar(options.subscribe_to));
  config_set(section, "subscribe_expires", config_scalar(std::to_string(options.subscribe_expires)));
  config_set(section, "publish", config_flag(options.publish));
  config_set(section, "publish_expires", config_scalar(std::to_string(options.publish_expires)));
  config_set(section, "refer", config_scalar(options.refer));
  config_set(section, "imdn", config_scalar(options.imdn));
  config_set(section, "display", config_scalar(options.display));
  config_set(section, "report_mode", config_scalar(options.report_mode));
  config_set(section, "sessions", session_section(options));
  config_set(section, "reject", config_list(options.reject));
  config_set(section, "asserted_only", config_flag(options.asserted_only));
  config_set(section, "content", content_section(options));
  // What is wrong in the options is told as wrong usage, before anything is opened.
  ConfigIssues issues;
  (void)read_agent_options(section, issues);
  for (const auto& issue : issues.all())
    if (!issue.warning) return fail(ErrorCode::invalid, issue.key + " " + issue.text);
  return line;
}

void declare(CLI::App& app, Options& options) {
  app.add_option("--user", options.users, "public identity, sip:alice@ims.lab; may be given several times");
  app.add_option("--password", options.passwords, "digest password: one for all users, or one for each in their order");
  app.add_option("--private-id", options.privates, "private identity [user@domain], for each user in their order");
  app.add_option("--users", options.users_file, "file of users: \"sip:alice@ims.lab password [private identity]\" a line");
  app.add_option("--registrar", options.registrar, "first hop of a REGISTER, sip:127.0.0.1:6060")->required();
  app.add_option("--apps", options.apps, "application identifiers, news.ua,mms.ua");
  app.add_option("--listen", options.listen, "HOST:PORT for UDP and TCP; port 0: any")->capture_default_str();
  app.add_option("--transport", options.transport, "of the contact")->check(CLI::IsMember({"udp", "tcp"}))->capture_default_str();
  app.add_option("--accept", options.accept, "media types besides text/plain; others are answered 415 [all]");
  app.add_option("--max-bytes", options.max_bytes, "larger bodies are answered 413 [no limit]");
  app.add_option("--answer", options.answer,
                 "answers to pushes in their order, the last for all that follow: CODE, CODE;retry-after=SECONDS or none [200]");
  app.add_option("--expires", options.expires, "seconds asked of the registrar")->capture_default_str();
  app.add_option("--duration", options.duration, "ends after this time: 500ms, 2s, 10m, 1h [never]");
  app.add_flag("--verbose", options.verbose, "log to standard error");
  app.add_option("--subscribe", options.subscribe, "application to subscribe to once registered; may be given several times");
  app.add_option("--subscribe-to", options.subscribe_to, "where to: a SIP URI [the user's own address]");
  app.add_option("--subscribe-expires", options.subscribe_expires, "seconds asked for")->capture_default_str();
  app.add_option("--package", options.package, "event package of pushes")->capture_default_str();
  app.add_flag("--publish", options.publish, "publish what this agent can do (PUBLISH, Event: presence)");
  app.add_option("--publish-expires", options.publish_expires, "seconds asked for")->capture_default_str();
  app.add_option("--refer", options.refer, "what a REFER to subscribe is answered: accept, ask (on standard input) or deny")
      ->check(CLI::IsMember({"accept", "ask", "deny"}))
      ->capture_default_str();
  app.add_option("--imdn", options.imdn, "delivery reports where senders ask for them: yes, no or forbidden")
      ->check(CLI::IsMember({"yes", "no", "forbidden"}))
      ->capture_default_str();
  app.add_option("--display", options.display,
                 "when senders that ask for it are told that a push was displayed: auto (at once), never or after SECONDS")
      ->expected(0, 1)
      ->default_str("auto");
  app.add_option("--report-mode", options.report_mode,
                 "what becomes of the reports that senders ask for: send, ignore, delay:SECONDS, refuse or failed")
      ->capture_default_str();
  app.add_option("--msrp", options.msrp, "accept sessions of MSRP; HOST:PORT to listen on, port 0: any [off; alone: 127.0.0.1:0]")
      ->expected(0, 1)
      ->default_str("127.0.0.1:0");
  app.add_option("--msrps", options.msrps,
                 "accept sessions of MSRP over TLS; HOST:PORT to listen on, port 0: any [off; alone: 127.0.0.1:0]")
      ->expected(0, 1)
      ->default_str("127.0.0.1:0");
  app.add_option("--msrp-certificate", options.msrp_certificate,
                 "of --msrps: PEM file of the certificate, intermediates behind it");
  app.add_option("--msrp-key", options.msrp_key, "of --msrps: PEM file of its private key");
  app.add_option("--msrp-ca", options.msrp_ca,
                 "of --msrps: file of trust anchors for senders that announce no fingerprint [the system's]");
  app.add_option("--msrp-fingerprint", options.msrp_fingerprint, "announced of the certificate: own, wrong or none")
      ->check(CLI::IsMember({"own", "wrong", "none"}))
      ->capture_default_str();
  app.add_option("--msrp-setup", options.msrp_setup, "who connects when the sender leaves it open: active is this side")
      ->check(CLI::IsMember({"active", "passive"}))
      ->capture_default_str();
  app.add_option("--max-size", options.max_size, "largest message of a session, announced in its SDP")->capture_default_str();
  app.add_option("--lie-max-size", options.lie_max_size,
                 "messages above it are refused with 413 whatever was announced [--max-size]");
  app.add_option("--msrp-drop-after", options.drop_after, "break the connections once after so many bytes of contents [never]");
  app.add_option("--session-hold", options.session_hold, "seconds without a message after which a session is ended")
      ->capture_default_str();
  app.add_option("--invite-answer", options.invite_answer, "answers to INVITEs, as --answer [those of --answer]");
  app.add_option("--save-dir", options.save_dir,
                 "keep every content as a file of this folder, named in its push line [not kept]");
  app.add_option("--reject", options.reject, "sender whose pushes and REFERs are answered 603; may be given several times");
  app.add_option(
      "--trust", options.trusted,
      "address of the network's side (P-CSCF, S-CSCF): requests of others are answered 403; may be given several times "
      "[all are trusted]");
  app.add_flag("--asserted-only", options.asserted_only, "refuse pushes without an asserted identity");
  app.add_option("--content-host", options.content_hosts,
                 "host that content by reference is fetched from, or * for any public one; may be given several times [none: "
                 "answered 415]");
  app.add_flag("--content-insecure", options.content_insecure, "fetch by http and from private addresses too; for laboratories");
  app.add_option("--content-ca", options.content_ca, "file of trust anchors for https [the system's]");
  app.add_option("--content-max", options.content_max, "largest content fetched, bytes")->capture_default_str();
  app.add_option("--content-timeout", options.content_timeout, "seconds for fetching one")->capture_default_str();
  app.footer(kFooter);
}

}  // namespace

ConfigNode config_scalar(std::string text) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::scalar;
  node.scalar = std::move(text);
  return node;
}

void config_set(ConfigNode& map, std::string key, ConfigNode value) {
  ConfigNode::Entry entry;
  entry.key = std::move(key);
  entry.value = std::move(value);
  map.entries.push_back(std::move(entry));
}

Expected<Duration> parse_duration(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc() && value >= 0 && value <= 1'000'000'000) {
    if (unit == "ms") return Duration(std::chrono::milliseconds(value));
    if (unit == "s") return Duration(std::chrono::seconds(value));
    if (value <= 1'000'000 && unit == "m") return Duration(std::chrono::minutes(value));
    if (value <= 1'000'000 && unit == "h") return Duration(std::chrono::hours(value));
  }
  return fail(ErrorCode::invalid, "\"" + text + "\" is no time; write 500ms, 2s, 10m or 1h");
}

Expected<std::pair<std::string, std::uint16_t>> parse_host_port(const std::string& text) {
  const auto colon = text.rfind(':');
  std::uint16_t port = 0;
  if (colon != std::string::npos && colon > 0) {
    const auto* first = text.data() + colon + 1;
    const auto* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, port);
    if (error == std::errc() && end == last) return std::pair(text.substr(0, colon), port);
  }
  return fail(ErrorCode::invalid, "\"" + text + "\" is no HOST:PORT");
}

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  CLI::App app("herald-receiver: a push receiver agent (a UE on Gm)", "herald-receiver");
  Options options;
  declare(app, options);
  ParsedCommandLine parsed;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = app.exit(error) == 0 ? kEnded : kUsage;
    return parsed;
  }
  auto line = complete(options);
  if (!line) {
    std::fprintf(stderr, "herald-receiver: %s\n", line.error().text.c_str());
    parsed.exit_code = kUsage;
    return parsed;
  }
  parsed.run = std::move(*line);
  return parsed;
}

}  // namespace herald::receiver
