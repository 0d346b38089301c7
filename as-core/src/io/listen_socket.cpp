#include "io/listen_socket.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace herald::io {
namespace {

constexpr int kBacklog = 1024;

Unexpected system_failure(std::string what, int error) {
  const bool input = error == EADDRNOTAVAIL || error == EINVAL || error == EAFNOSUPPORT;
  return fail(input ? ErrorCode::invalid : ErrorCode::unavailable, std::move(what) + ": " + std::strerror(error));
}

template <class Address>
const sockaddr* generic(const Address& address) noexcept {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

struct HostPort {
  std::string host;
  std::string port;
};

Expected<HostPort> split_host_port(std::string_view text) {
  const auto bad = [&] { return fail(ErrorCode::invalid, "\"" + std::string(text) + "\" is not HOST:PORT with a numeric host"); };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || port.empty() || error != std::errc{} || end != port.data() + port.size()) return bad();
  return HostPort{std::string(host == "localhost" ? "127.0.0.1" : host == "*" ? "::" : host), std::string(port)};
}

Expected<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(ErrorCode::invalid,
                "socket path \"" + path + "\" is empty or longer than " + std::to_string(sizeof address.sun_path - 1) + " bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Removes a socket that nobody serves any more; an error when it must stay.
Expected<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return errno == ENOENT ? Expected<void>{} : system_failure(path, errno);
  if (!S_ISSOCK(info.st_mode)) return fail(ErrorCode::invalid, path + " exists and is not a socket");
  const Socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return system_failure("socket", errno);
  if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno != ECONNREFUSED)
    return fail(ErrorCode::conflict, path + " is served by another process");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_failure("cannot remove " + path, errno);
  return {};
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

std::string address_text(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = address;
  if (address && address->sa_family == AF_INET)
    return ::inet_ntop(AF_INET, &static_cast<const sockaddr_in*>(bytes)->sin_addr, text.data(), text.size());
  if (address && address->sa_family == AF_INET6) {
    const auto& v6 = *static_cast<const sockaddr_in6*>(bytes);
    // An IPv4 client of a dual-stack socket is known by its IPv4 address: address lists are written that way.
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    return ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return "unix";
}

Expected<TcpListener> listen_tcp(std::string_view text) {
  auto where = split_host_port(text);
  if (!where) return fail(std::move(where.error()));
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (::getaddrinfo(where->host.c_str(), where->port.c_str(), &hints, &raw) != 0)
    return fail(ErrorCode::invalid, "\"" + std::string(text) + "\" is not HOST:PORT with a numeric host");
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(raw, &::freeaddrinfo);
  const std::string what = "cannot listen on " + std::string(text);
  Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_failure(what, errno);
  const int on = 1;
  const int off = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (found->ai_family == AF_INET6) {
    const bool dual = text.starts_with('*');
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, dual ? &off : &on, sizeof on);
  }
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0) return system_failure(what, errno);
  if (::listen(socket.get(), kBacklog) != 0) return system_failure(what, errno);
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(socket.get(), static_cast<sockaddr*>(static_cast<void*>(&bound)), &length);
  HttpEndpoint endpoint;
  endpoint.address = address_text(generic(bound));
  const void* bytes = &bound;
  endpoint.port = ntohs(bound.ss_family == AF_INET ? static_cast<const sockaddr_in*>(bytes)->sin_port
                                                   : static_cast<const sockaddr_in6*>(bytes)->sin6_port);
  return TcpListener{std::move(socket), std::move(endpoint)};
}

Expected<UnixListener> UnixListener::bind(const std::string& path, mode_t mode) {
  const auto address = unix_address(path);
  if (!address) return fail(address.error());
  const auto directory = std::filesystem::path(path).parent_path();
  std::error_code made;
  if (!directory.empty() && !std::filesystem::exists(directory, made)) std::filesystem::create_directories(directory, made);
  if (made) return fail(ErrorCode::unavailable, "cannot create " + directory.string() + ": " + made.message());
  if (auto removed = remove_stale(path, *address); !removed) return fail(std::move(removed.error()));
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_failure("socket", errno);
  if (::bind(socket.get(), generic(*address), sizeof *address) != 0) return system_failure("cannot listen on " + path, errno);
  struct stat info {};
  // Nobody can connect before listen(): the rights are set in time.
  if (::chmod(path.c_str(), mode) != 0 || ::lstat(path.c_str(), &info) != 0 || ::listen(socket.get(), kBacklog) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return system_failure("cannot listen on " + path, error);
  }
  return UnixListener(std::move(socket), path, info.st_dev, info.st_ino);
}

UnixListener::~UnixListener() {
  struct stat info {};
  if (!path_.empty() && ::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_)
    ::unlink(path_.c_str());
}

}  // namespace herald::io
