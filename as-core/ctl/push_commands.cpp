// push, pushes
#include <ctime>
#include <memory>
#include <openssl/evp.h>
#include <poll.h>

#include "ctl/session.h"

namespace herald::ctl {
namespace {

constexpr std::size_t kMaxContent = 16UL * 1024 * 1024;
constexpr int kWaitStep = 200;  // milliseconds between two looks at the status

struct PushOptions {
  std::vector<std::string> to;
  std::string app;
  std::string text;
  std::string file;
  std::string type;
  std::string from;
  std::string report;
  std::string deliver_before;
  std::string priority;
  std::string mode;
  bool wait = false;
  double wait_seconds = 60;
};

struct ListOptions {
  std::string id;
  std::string status;
  std::string address;
  unsigned limit = 0;
};

std::string base64(const std::string& bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const auto* input = static_cast<const unsigned char*>(static_cast<const void*>(bytes.data()));
  auto* output = static_cast<unsigned char*>(static_cast<void*>(out.data()));
  out.resize(static_cast<std::size_t>(EVP_EncodeBlock(output, input, static_cast<int>(bytes.size()))));
  return out;
}

// "10m" from now, or a time as RFC 3339 has it, which the daemon checks.
Expected<std::string> point_in_time(const std::string& text) {
  const auto digits = text.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string::npos || digits > 9 || digits + 1 != text.size()) return text;
  std::chrono::seconds unit{};
  switch (text.back()) {
    case 's':
      unit = std::chrono::seconds(1);
      break;
    case 'm':
      unit = std::chrono::minutes(1);
      break;
    case 'h':
      unit = std::chrono::hours(1);
      break;
    case 'd':
      unit = std::chrono::hours(24);
      break;
    default:
      return fail(ErrorCode::invalid, "--deliver-before is a time like 2026-11-23T20:00:00Z or a span like 10m, 2h, 1d");
  }
  const auto when = std::chrono::system_clock::now() + unit * std::stol(text);
  const auto seconds = std::chrono::system_clock::to_time_t(when);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> out{};
  std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(out.data());
}

Expected<Json> content_of(const PushOptions& options) {
  Json content;
  if (options.file.empty()) {
    content["type"] = options.type.empty() ? "text/plain" : options.type;
    content["text"] = options.text;
    return content;
  }
  auto bytes = read_file(options.file, kMaxContent);
  if (!bytes) return fail(std::move(bytes.error()));
  content["type"] = options.type.empty() ? "application/octet-stream" : options.type;
  content["base64"] = base64(*bytes);
  return content;
}

Expected<Json> submission(const PushOptions& options) {
  Json document;
  document["to"] = options.to;
  document["app"] = options.app;
  if (!options.from.empty()) document["from"] = options.from;
  auto content = content_of(options);
  if (!content) return fail(std::move(content.error()));
  document["content"] = std::move(*content);
  if (!options.report.empty()) document["report"] = options.report;
  if (!options.priority.empty()) document["priority"] = options.priority;
  if (!options.mode.empty()) document["mode"] = options.mode;
  if (!options.deliver_before.empty()) {
    auto when = point_in_time(options.deliver_before);
    if (!when) return fail(std::move(when.error()));
    document["deliver_before"] = *when;
  }
  return document;
}

void print_push(Session& session, const Json& push) {
  print_pairs(session.out(), {{"id", text_of(push, "id")}, {"created", text_of(push, "created")}, {"app", text_of(push, "app")}});
  Table table({"ADDRESS", "STATUS", "FINAL", "CODE", "CAUSE", "ATTEMPTS", "EVIDENCE", "UPDATED", "RETRY AT"});
  for (const auto& to : list_of(push, "recipients"))
    table.row({text_of(to, "address"), text_of(to, "status"), text_of(to, "final"), text_of(to, "code"), text_of(to, "cause"),
               text_of(to, "attempts"), text_of(to, "evidence"), text_of(to, "updated"), text_of(to, "retry_at")});
  if (!table.empty()) table.print(session.out());
}

bool all_final(const Json& push) {
  const auto& recipients = list_of(push, "recipients");
  return !recipients.empty() &&
         std::all_of(recipients.begin(), recipients.end(), [](const Json& r) { return text_of(r, "final") == "true"; });
}

bool all_delivered(const Json& push) {
  const auto& recipients = list_of(push, "recipients");
  return std::all_of(recipients.begin(), recipients.end(), [](const Json& r) {
    const auto status = text_of(r, "status");
    return status == "delivered" || status == "displayed" || status == "network_accepted";
  });
}

// Looks again until every recipient has its final state.
void follow(Session& session, const std::string& id, double seconds) {
  const DaemonCall look{.target = "/v1/pushes/" + percent_encode(id) + "?limit=1000"};
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  const bool json = std::exchange(session.json, false);  // only the last answer is printed
  std::optional<Json> push;
  for (;;) {
    push = session.ask(look);
    if (!push || all_final(*push) || std::chrono::steady_clock::now() >= until) break;
    ::poll(nullptr, 0, kWaitStep);
  }
  session.json = json;
  if (!push) return;
  if (json)
    session.out() << dump(*push) << '\n';
  else
    print_push(session, *push);
  if (!all_final(*push)) return session.fail(kNegative, "not final after " + std::to_string(static_cast<int>(seconds)) + " s");
  if (!all_delivered(*push)) session.exit_code = kNegative;
}

void push(Session& session, const PushOptions& options) {
  const auto document = submission(options);
  if (!document) return session.fail(kUnreachable, document.error().text);
  const DaemonCall call{
      .method = "POST", .target = "/v1/pushes", .body = document->dump(-1, ' ', false, Json::error_handler_t::replace)};
  const bool json = session.json;
  if (options.wait) session.json = false;
  const auto answer = session.ask(call);
  session.json = json;
  if (!answer) return;
  const auto id = text_of(*answer, "id");
  if (id.empty()) return session.fail(kUnreachable, "the daemon's answer names no push id");
  if (options.wait) return follow(session, id, options.wait_seconds);
  if (!session.json) session.out() << id << '\n';
}

void show(Session& session, const std::string& id) {
  const auto answer = session.ask({.target = "/v1/pushes/" + percent_encode(id)});
  if (answer && !session.json) print_push(session, *answer);
}

void list(Session& session, const ListOptions& options) {
  std::string query;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + percent_encode(value);
  };
  add("status", options.status);
  add("address", options.address);
  if (options.limit > 0) add("limit", std::to_string(options.limit));
  const auto answer = session.ask({.target = "/v1/pushes" + query});
  if (!answer || session.json) return;
  Table table({"ID", "CREATED", "APP", "ADDRESS", "STATUS", "CODE", "CAUSE"});
  for (const auto& push : answer->is_array() ? *answer : list_of(*answer, "pushes")) {
    const auto& recipients = list_of(push, "recipients");
    const auto first = recipients.empty() ? push : recipients.front();
    const auto more = recipients.size() > 1 ? " +" + std::to_string(recipients.size() - 1) : "";
    table.row({text_of(push, "id"), text_of(push, "created"), text_of(push, "app"), text_of(first, "address") + more,
               text_of(first, "status"), text_of(first, "code"), text_of(first, "cause")});
  }
  if (table.empty())
    session.out() << "no pushes\n";
  else
    table.print(session.out());
}

}  // namespace

void add_push_commands(CLI::App& app, Session& session) {
  auto options = std::make_shared<PushOptions>();
  auto* push_command =
      session.command(app, "push", "Submit a push; prints its id. With --wait: its final states, exit code 1 unless delivered",
                      [&session, options] { push(session, *options); });
  push_command->add_option("--to", options->to, "recipient, a SIP or tel URI; may be given several times")->required();
  push_command->add_option("--app", options->app, "application id, for example news.ua")->required();
  auto* content = push_command->add_option_group("content", "what is sent: exactly one of");
  content->add_option("--text", options->text, "the text itself");
  content->add_option("--file", options->file, "a file");
  content->require_option(1);
  push_command->add_option("--type", options->type, "media type [text/plain; application/octet-stream for a file]");
  push_command->add_option("--from", options->from, "identity it is sent as");
  push_command->add_option("--report", options->report, "none, network, delivery or display");
  push_command->add_option("--deliver-before", options->deliver_before, "2026-11-23T20:00:00Z, or 10m, 2h, 1d from now");
  push_command->add_option("--priority", options->priority, "low, medium or high");
  push_command->add_option("--mode", options->mode, "auto, notify or pager");
  push_command->add_flag("--wait", options->wait, "wait until every recipient has a final state");
  push_command->add_option("--wait-for", options->wait_seconds, "longest wait in seconds [60]")->check(CLI::PositiveNumber);

  auto filter = std::make_shared<ListOptions>();
  auto* list_command = session.command(app, "pushes", "List pushes, newest first, or show one", [&session, filter] {
    return filter->id.empty() ? list(session, *filter) : show(session, filter->id);
  });
  list_command->add_option("ID", filter->id, "show this one, recipient by recipient");
  list_command->add_option("--status", filter->status, "only with a recipient in this status");
  list_command->add_option("--address", filter->address, "only to this recipient");
  list_command->add_option("--limit", filter->limit, "at most so many");
}

}  // namespace herald::ctl
