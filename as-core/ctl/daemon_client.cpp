#include "ctl/daemon_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace herald::ctl {
namespace {

constexpr std::size_t kMaxAnswer = 64UL * 1024 * 1024;
constexpr std::size_t kMaxHead = 64UL * 1024;

using Clock = std::chrono::steady_clock;

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

Unexpected system_failure(const std::string& what) { return fail(ErrorCode::unavailable, what + ": " + std::strerror(errno)); }

Expected<void> wait(int fd, short events, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return fail(ErrorCode::timeout, "the daemon does not answer in time");
    pollfd ready{fd, events, 0};
    const int got = ::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (got > 0) return {};
    if (got < 0 && errno != EINTR) return system_failure("poll");
  }
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == y; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Unexpected nonsense(const char* what) {
  return fail(ErrorCode::corrupt, std::string("the daemon's answer is not understood: ") + what);
}

Expected<std::string> read_chunks(std::string_view bytes) {
  std::string body;
  for (;;) {
    const auto eol = bytes.find("\r\n");
    if (eol == std::string_view::npos) return nonsense("it is cut off");
    const auto size = number<std::size_t>(bytes.substr(0, std::min(eol, bytes.find(';'))), 16);
    if (!size) return nonsense("bad chunk size");
    bytes.remove_prefix(eol + 2);
    if (*size == 0) return body;
    if (*size > bytes.size() || bytes.size() - *size < 2) return nonsense("it is cut off");
    body.append(bytes.substr(0, *size));
    if (bytes.substr(*size, 2) != "\r\n") return nonsense("bad chunk");
    bytes.remove_prefix(*size + 2);
  }
}

}  // namespace

Expected<DaemonAnswer> parse_answer(std::string_view bytes) {
  // Interim answers (100 Continue) come before the real one.
  for (;;) {
    const auto end = bytes.substr(0, kMaxHead).find("\r\n\r\n");
    if (end == std::string_view::npos) return nonsense(bytes.size() < kMaxHead ? "it is cut off" : "endless header");
    auto head = bytes.substr(0, end + 2);
    bytes.remove_prefix(end + 4);
    if (head.size() < 14 || head.substr(0, 7) != "HTTP/1." || head[8] != ' ') return nonsense("no HTTP status line");
    DaemonAnswer answer;
    answer.status = number<int>(head.substr(9, 3)).value_or(0);
    if (answer.status < 100 || answer.status > 599) return nonsense("no HTTP status line");
    std::optional<std::size_t> length;
    bool chunked = false;
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
      const auto eol = head.find("\r\n");
      const auto line = head.substr(0, eol);
      head.remove_prefix(eol + 2);
      const auto colon = line.find(':');
      if (colon == std::string_view::npos) return nonsense("bad header field");
      const auto name = line.substr(0, colon);
      const auto value = trimmed(line.substr(colon + 1));
      if (same_name(name, "content-type")) answer.content_type = value;
      if (same_name(name, "transfer-encoding")) chunked = same_name(value, "chunked");
      if (!same_name(name, "content-length")) continue;
      const auto given = number<std::size_t>(value);
      if (!given || (length && *length != *given)) return nonsense("bad Content-Length");
      length = given;
    }
    if (answer.status < 200) continue;
    if (answer.status == 204 || answer.status == 304) return answer;
    if (chunked) {
      auto body = read_chunks(bytes);
      if (!body) return fail(std::move(body.error()));
      answer.body = std::move(*body);
      return answer;
    }
    if (length && *length > bytes.size()) return nonsense("it is cut off");
    answer.body = bytes.substr(0, length.value_or(bytes.size()));
    return answer;
  }
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) || std::strchr("-._~:@+;=,!*'()", c)) {
      out += c;
      if (c == '+') out.replace(out.size() - 1, 1, "%2B");  // a query reads '+' as a space
    } else {
      out.append({'%', kHex[u >> 4U], kHex[u & 15U]});
    }
  }
  return out;
}

Expected<DaemonAnswer> DaemonClient::call(const DaemonCall& call) const {
  const auto until = Clock::now() + timeout_;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.empty() || path_.size() >= sizeof address.sun_path)
    return fail(ErrorCode::invalid, "socket path is empty or too long");
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return system_failure("socket");
  if (::connect(socket.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof address) != 0)
    return system_failure("cannot reach the daemon at " + path_);

  std::string request =
      call.method + " " + call.target + " HTTP/1.1\r\nHost: herald\r\nConnection: close\r\nAccept: application/json\r\n";
  if (!call.body.empty()) request += "Content-Type: " + call.content_type + "\r\n";
  if (!call.body.empty() || call.method == "POST") request += "Content-Length: " + std::to_string(call.body.size()) + "\r\n";
  request += "\r\n" + call.body;
  std::string_view rest = request;
  while (!rest.empty()) {
    const auto sent = ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
    if (sent < 0 && errno == EPIPE) break;  // refused before it was all said; the answer tells why
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return system_failure("the connection to the daemon broke");
    if (sent < 0)
      if (auto ready = wait(socket.get(), POLLOUT, until); !ready) return fail(std::move(ready.error()));
  }

  std::string answer;
  std::array<char, 65536> piece{};
  for (;;) {
    if (auto ready = wait(socket.get(), POLLIN, until); !ready) return fail(std::move(ready.error()));
    const auto got = ::recv(socket.get(), piece.data(), piece.size(), 0);
    if (got == 0) break;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return system_failure("the connection to the daemon broke");
    answer.append(piece.data(), static_cast<std::size_t>(got));
    if (answer.size() > kMaxAnswer) return nonsense("it is larger than 64 MiB");
  }
  if (answer.empty()) return fail(ErrorCode::unavailable, "the daemon closed the connection without an answer");
  return parse_answer(answer);
}

}  // namespace herald::ctl
