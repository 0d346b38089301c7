// Listening sockets: TCP on numeric addresses, and AF_UNIX paths that only displace the socket of a process that is gone.
// Thread: call before the loop runs, or on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/types.h>
#include <utility>

#include "herald/expected.h"

namespace herald::io {

// Owns one descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) noexcept : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct HttpEndpoint {
  std::string address;     // numeric, or the path of a unix socket
  std::uint16_t port = 0;  // as bound; 0 for a unix socket
};

struct TcpListener {
  Socket socket;
  HttpEndpoint endpoint;
};

// "127.0.0.1:8080", "[::1]:0", "*:8080" (IPv4 and IPv6). Names are not resolved.
[[nodiscard]] Expected<TcpListener> listen_tcp(std::string_view address);

// A bound unix socket; removes its path when it goes, unless somebody has replaced the file meanwhile.
class UnixListener {
 public:
  // Creates the directory when missing. A path where somebody still answers is `conflict`; one that is no socket is `invalid`.
  static Expected<UnixListener> bind(const std::string& path, mode_t mode);
  UnixListener(UnixListener&& other) noexcept
      : socket_(std::move(other.socket_)), path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();
  // libevent's listener closes it.
  [[nodiscard]] int release_socket() noexcept { return socket_.release(); }

 private:
  UnixListener(Socket socket, std::string path, dev_t device, ino_t inode)
      : socket_(std::move(socket)), path_(std::move(path)), device_(device), inode_(inode) {}
  Socket socket_;
  std::string path_;
  dev_t device_;
  ino_t inode_;
};

// "127.0.0.1", "::1", "unix"
[[nodiscard]] std::string address_text(const sockaddr* address);

}  // namespace herald::io
