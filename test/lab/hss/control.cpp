#include "hss/control.h"

#include <array>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dictionary/dictionary.h"
#include "hss/journal.h"

namespace herald::lab {

namespace {

constexpr std::size_t kMaxLine = 512;

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Error system_error(const std::string& what) {
  return {ErrorCode::unavailable, what + ": " + std::generic_category().message(errno)};
}

// Up to a newline or the end; empty when the other side is mute for two seconds or says too much.
std::string read_line(int fd) {
  std::string line;
  while (line.size() < kMaxLine) {
    pollfd wait{fd, POLLIN, 0};
    if (poll(&wait, 1, 2000) <= 0) return {};
    std::array<char, 256> part;
    const auto n = read(fd, part.data(), part.size());
    if (n <= 0) return line;
    line.append(part.data(), static_cast<std::size_t>(n));
    if (const auto end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
  }
  return {};
}

std::string users_json(const SubscriberStore& users) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& user : users.all())
    list.push_back({{"private", user.profile.private_id}, {"state", to_string(user.state)}, {"scscf", user.scscf}});
  return list.dump();
}

std::string set_fault(std::string_view words, Faults& faults) {
  const auto space = words.find(' ');
  const auto application = words.substr(0, space);
  if ((application != "sh" && application != "cx") || space == std::string_view::npos) return "error: fault sh|cx KIND";
  const auto fault = parse_fault(words.substr(space + 1));
  if (!fault) return "error: " + fault.error().text;
  faults.set(application == "sh" ? diameter::kApplicationSh : diameter::kApplicationCx, *fault);
  auto entry = event("fault");
  entry["switch"] = words;
  journal(std::move(entry));
  return "ok";
}

}  // namespace

std::string run_command(std::string_view line, Faults& faults, const SubscriberStore& users) {
  if (line == "users") return users_json(users);
  if (line.substr(0, 6) == "fault ") return set_fault(line.substr(6), faults);
  return "error: known are: users, fault sh|cx KIND";
}

Control::~Control() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    (void)!write(stop_, &one, sizeof one);
    thread_.join();
  }
  for (const int fd : {listener_, stop_}) {
    if (fd >= 0) close(fd);
  }
  if (!path_.empty()) unlink(path_.c_str());
}

Expected<> Control::listen(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return fail(ErrorCode::invalid, "control socket: the path is too long: " + path);
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  stop_ = eventfd(0, EFD_CLOEXEC);
  unlink(path.c_str());
  if (listener_ < 0 || stop_ < 0 || bind(listener_, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::listen(listener_, 8) != 0)
    return fail(system_error("control socket " + path));
  path_ = path;
  thread_ = std::thread([this] { run(); });
  return {};
}

void Control::run() {
  for (;;) {
    std::array<pollfd, 2> wait{pollfd{stop_, POLLIN, 0}, pollfd{listener_, POLLIN, 0}};
    if (poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return;
    if (wait[0].revents != 0) return;
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    serve(connection);
    close(connection);
  }
}

void Control::serve(int connection) {
  const auto line = read_line(connection);
  if (line.empty()) return;
  const auto answer = run_command(line, faults_, users_) + "\n";
  (void)!send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
}

Expected<std::string> tell(const std::string& path, const std::string& command) {
  const auto address = address_of(path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (!address || fd < 0) return fail(ErrorCode::invalid, "no such control socket: " + path);
  const auto line = command + "\n";
  if (connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      send(fd, line.data(), line.size(), MSG_NOSIGNAL) < 0) {
    const auto error = system_error(path);
    close(fd);
    return fail(error);
  }
  std::string answer;
  std::array<char, 4096> part;
  for (ssize_t n = 0; (n = read(fd, part.data(), part.size())) > 0;) answer.append(part.data(), static_cast<std::size_t>(n));
  close(fd);
  while (!answer.empty() && answer.back() == '\n') answer.pop_back();
  return answer;
}

}  // namespace herald::lab
