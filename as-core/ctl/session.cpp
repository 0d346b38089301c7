#include "ctl/session.h"

#include <fstream>

namespace herald::ctl {

void Session::fail(int code, const std::string& text) {
  exit_code = code;
  err_ << "heraldctl: " << printable(text) << '\n';
}

std::optional<DaemonAnswer> Session::fetch(const DaemonCall& call) {
  const DaemonClient client(socket, std::chrono::milliseconds(static_cast<std::int64_t>(timeout_seconds * 1000)));
  auto answer = client.call(call);
  if (!answer) {
    fail(kUnreachable, answer.error().text);
    return std::nullopt;
  }
  return std::move(*answer);
}

// RFC 9457: title, detail and our code.
void Session::explain(const DaemonAnswer& answer, const Json& document) {
  std::string text = std::to_string(answer.status);
  if (const auto title = text_of(document, "title"); !title.empty()) text += " " + title;
  if (const auto detail = text_of(document, "detail"); !detail.empty()) text += ": " + detail;
  if (const auto code = text_of(document, "code"); !code.empty()) text += " (code " + code + ")";
  fail(kNegative, text);
}

std::optional<Json> Session::ask(const DaemonCall& call) {
  const auto answer = fetch(call);
  if (!answer) return std::nullopt;
  auto document = parse_json(answer->body);
  if (!document) {
    if (answer->ok()) {
      fail(kUnreachable, "the daemon's answer is not JSON");
    } else {
      explain(*answer, Json::object());
    }
    return std::nullopt;
  }
  if (json) out_ << dump(*document) << '\n';
  if (!answer->ok()) {
    explain(*answer, *document);
    return std::nullopt;
  }
  return document;
}

CLI::App* Session::command(CLI::App& parent, const std::string& name, const std::string& help, std::function<void()> work) {
  auto* command = parent.add_subcommand(name, help);
  command->add_flag("--json", json, "print the daemon's JSON");
  command->callback(std::move(work));
  return command;
}

Expected<std::string> read_file(const std::string& path, std::size_t limit) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return herald::fail(ErrorCode::not_found, "cannot read " + path);
  std::string text;
  std::array<char, 65536> piece{};
  while (file.read(piece.data(), piece.size()) || file.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > limit)
      return herald::fail(ErrorCode::too_large, path + " is larger than " + std::to_string(limit) + " bytes");
  }
  if (file.bad()) return herald::fail(ErrorCode::unavailable, "cannot read " + path);
  return text;
}

}  // namespace herald::ctl
