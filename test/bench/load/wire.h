// What the load programs share: loopback sockets and a glance at SIP text.
#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace bench {

inline sockaddr_in loopback(long port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline int udp_socket(long port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const int big = 8 << 20;
  // FORCE goes beyond net.core.rmem_max, where we may.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big) != 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof big) != 0)
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
  auto address = loopback(port);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror("bind");
    std::exit(1);
  }
  return fd;
}

// The first value of a header field in its long form; empty: none.
inline std::string_view header(std::string_view message, std::string_view name) {
  std::size_t at = message.find("\r\n");
  while (at != std::string_view::npos && at + 2 < message.size()) {
    const auto line = message.substr(at + 2, message.find("\r\n", at + 2) - at - 2);
    if (line.empty()) break;
    if (line.size() > name.size() && line[name.size()] == ':' && line.substr(0, name.size()) == name) {
      auto value = line.substr(name.size() + 1);
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      return value;
    }
    at = message.find("\r\n", at + 2);
  }
  return {};
}

inline std::string user_name(long i) { return "u" + std::to_string(i); }

}  // namespace bench
