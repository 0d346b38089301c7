// A small blocking HTTP client for these tests: raw bytes out, parsed answers in. Never waits longer than its deadline.
#pragma once

#include <arpa/inet.h>
#include <cstring>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "herald/http.h"
#include "io/http_server.h"

namespace herald::test {

using namespace herald::io;

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) == 0);
  }
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::connect(fd_, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) == 0);
  }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), pump_(std::move(other.pump_)), buffer_(std::move(other.buffer_)) {}
  Client& operator=(Client&&) = delete;
  ~Client() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Called while waiting, for loops that the test steps itself.
  void while_waiting(std::function<void()> pump) { pump_ = std::move(pump); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // refused meanwhile: the answer tells
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }
  // The end that a crashed client or an impatient user makes.
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::close(std::exchange(fd_, -1));
  }

  // The next answer; nothing when the server closes instead.
  std::optional<Answer> receive(bool head_only = false) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!fill()) return std::nullopt;
    Answer answer;
    answer.status = std::stoi(buffer_.substr(9, 3));
    std::size_t at = buffer_.find("\r\n") + 2;
    while (at < end + 2) {
      const auto eol = buffer_.find("\r\n", at);
      const auto colon = buffer_.find(':', at);
      auto name = buffer_.substr(at, colon - at);
      for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      answer.headers[name] = buffer_.substr(colon + 2, eol - colon - 2);
      at = eol + 2;
    }
    buffer_.erase(0, end + 4);
    const auto length = answer.headers.find("content-length");
    const std::size_t want = length == answer.headers.end() || head_only ? 0 : std::stoul(length->second);
    while (buffer_.size() < want)
      if (!fill()) return std::nullopt;
    answer.body = buffer_.substr(0, want);
    buffer_.erase(0, want);
    return answer;
  }
  std::optional<Answer> exchange(std::string_view bytes) {
    send(bytes);
    return receive();
  }
  // Up to the next CRLF, which it takes.
  std::string line() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) REQUIRE_MESSAGE(fill(), "the server has closed");
    auto out = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return out;
  }
  // True when the server has closed and left nothing unread.
  bool at_end() { return buffer_.empty() && !fill(); }

 private:
  bool fill() {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);  // a guard against hanging, not a measure
    for (;;) {
      if (pump_) pump_();
      pollfd ready{fd_, POLLIN, 0};
      if (::poll(&ready, 1, pump_ ? 0 : 1000) > 0) break;
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < limit, "the server neither answers nor closes");
    }
    char bytes[16384];
    const auto got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  int fd_;
  std::function<void()> pump_;
  std::string buffer_;
};

// An I/O loop in its own thread.
class LoopThread {
 public:
  explicit LoopThread(const Clock& clock = system_clock()) : loop(clock) {}
  ~LoopThread() { stop(); }
  void start() {
    thread_ = std::thread([this] { loop.run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    loop.stop();
    thread_.join();
  }
  IoLoop loop;

 private:
  std::thread thread_;
};

inline Task<HttpResponse> reply(HttpResponse response) { co_return response; }

// Answers with what it got, as JSON-less text: method, path, parameters, body.
inline Task<HttpResponse> echo(HttpRequest request) {
  HttpResponse response;
  response.body = request.method + " " + request.path;
  for (const auto& [name, value] : request.path_parameters) response.body += " " + name + "=" + value;
  for (const auto& [name, value] : request.query) response.body += " ?" + name + "=" + value;
  if (!request.body.empty()) response.body += "\n" + request.body;
  co_return response;
}

}  // namespace herald::test
