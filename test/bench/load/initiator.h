// One keep-alive HTTP connection that POSTs to a push sender; nonblocking once connected.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string>
#include <unistd.h>

#include "wire.h"

namespace bench {

using Clock = std::chrono::steady_clock;

class Initiator {
 public:
  explicit Initiator(long port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    auto address = loopback(port);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("connect");
      std::exit(1);
    }
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool busy() const { return busy_; }
  void post(const std::string& path, const std::string& body, const std::string& type = "application/json") {
    const std::string request = "POST " + path +
                                " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer bench-token\r\nContent-Type: " + type +
                                "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      std::perror("send");
      std::exit(1);
    }
    busy_ = true;
    sent_ = Clock::now();
  }
  // The status of a completed answer, 0 while it is not complete.
  int poll_answer() {
    std::array<char, 16384> buffer{};
    for (;;) {
      const auto got = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return -1;
        break;
      }
      in_.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const auto end = in_.find("\r\n\r\n");
    if (end == std::string::npos) return 0;
    auto at = in_.find("Content-Length: ");
    if (at == std::string::npos || at > end) at = in_.find("content-length: ");
    const auto length = at < end ? static_cast<std::size_t>(std::atol(in_.c_str() + at + 16)) : 0;
    if (in_.size() < end + 4 + length) return 0;
    const int status = std::atoi(in_.c_str() + 9);
    in_.erase(0, end + 4 + length);
    busy_ = false;
    return status;
  }
  [[nodiscard]] double milliseconds() const { return std::chrono::duration<double, std::milli>(Clock::now() - sent_).count(); }

 private:
  int fd_;
  bool busy_ = false;
  std::string in_;
  Clock::time_point sent_;
};

}  // namespace bench
