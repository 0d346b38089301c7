#include "doubles/sip_peer.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace herald::test {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  Address(const std::string& host, std::uint16_t port) {
    if (host.find(':') != std::string::npos) {
      auto* in6 = reinterpret_cast<sockaddr_in6*>(&storage);
      in6->sin6_family = AF_INET6;
      in6->sin6_port = htons(port);
      if (::inet_pton(AF_INET6, host.c_str(), &in6->sin6_addr) != 1) throw std::runtime_error("not an address: " + host);
      size = sizeof(sockaddr_in6);
    } else {
      auto* in = reinterpret_cast<sockaddr_in*>(&storage);
      in->sin_family = AF_INET;
      in->sin_port = htons(port);
      if (::inet_pton(AF_INET, host.c_str(), &in->sin_addr) != 1) throw std::runtime_error("not an address: " + host);
      size = sizeof(sockaddr_in);
    }
  }
  int family() { return get()->sa_family; }
};

int open_socket(int family, SipPeer::Kind kind) {
  const int type = kind == SipPeer::Kind::udp ? SOCK_DGRAM : SOCK_STREAM;
  const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::runtime_error("socket");
  return fd;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

}  // namespace

SipPeer::SipPeer(Kind kind, const std::string& host) : kind_(kind), host_(host) {
  Address address(host, 0);
  socket_ = open_socket(address.family(), kind);
  if (::bind(socket_, address.get(), address.size) != 0) throw std::runtime_error("bind " + host);
  if (kind == Kind::tcp && ::listen(socket_, 16) != 0) throw std::runtime_error("listen " + host);
  Address bound(host, 0);
  socklen_t size = sizeof bound.storage;
  ::getsockname(socket_, bound.get(), &size);
  port_ = ntohs(host.find(':') == std::string::npos ? reinterpret_cast<sockaddr_in*>(&bound.storage)->sin_port
                                                    : reinterpret_cast<sockaddr_in6*>(&bound.storage)->sin6_port);
}

SipPeer::~SipPeer() {
  if (connection_ >= 0) ::close(connection_);
  if (socket_ >= 0) ::close(socket_);
}

std::string SipPeer::host_port() const {
  return (host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]") + ":" + std::to_string(port_);
}

std::string SipPeer::uri(std::string_view user) const {
  std::string out = "sip:";
  if (!user.empty()) out += std::string(user) + "@";
  return out + host_port() + (kind_ == Kind::tcp ? ";transport=tcp" : "");
}

void SipPeer::connect(std::uint16_t port, const std::string& host) {
  Address address(host.empty() ? host_ : host, port);
  if (kind_ == Kind::udp) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&address.storage);
    last_sender_.assign(bytes, bytes + address.size);
    return;
  }
  hang_up();
  connection_ = open_socket(address.family(), kind_);
  if (::connect(connection_, address.get(), address.size) != 0 && errno != EINPROGRESS) throw std::runtime_error("connect");
}

bool SipPeer::send(std::string_view text) {
  if (kind_ == Kind::udp) {
    if (last_sender_.empty() || socket_ < 0) return false;
    const auto sent =
        ::sendto(socket_, text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(last_sender_.data()),
                 static_cast<socklen_t>(last_sender_.size()));
    return sent == static_cast<ssize_t>(text.size());
  }
  accept();
  while (connection_ >= 0 && !text.empty()) {
    const auto sent = ::send(connection_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN) {
      pollfd waiting{connection_, POLLOUT, 0};
      if (::poll(&waiting, 1, 1000) <= 0) return false;
    } else {
      return false;
    }
  }
  return connection_ >= 0;
}

void SipPeer::accept() {
  if (kind_ != Kind::tcp || socket_ < 0) return;
  const int fd = ::accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  if (connection_ >= 0) ::close(connection_);
  connection_ = fd;
  buffer_.clear();
}

void SipPeer::read_stream() {
  std::array<char, 65536> chunk{};
  bool ended = false;
  for (;;) {
    const auto got = ::recv(connection_, chunk.data(), chunk.size(), 0);
    if (got > 0) {
      buffer_.append(chunk.data(), static_cast<std::size_t>(got));
      continue;
    }
    ended = got == 0;
    break;
  }
  cut_stream();
  if (ended) hang_up();  // what came before the end counts
}

void SipPeer::cut_stream() {
  for (;;) {
    while (buffer_.starts_with("\r\n")) buffer_.erase(0, 2);  // keep-alive
    const auto end = buffer_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const auto length = std::strtoul(header(buffer_.substr(0, end + 2), "Content-Length").c_str(), nullptr, 10);
    if (buffer_.size() < end + 4 + length) return;
    inbox_.push_back(buffer_.substr(0, end + 4 + length));
    buffer_.erase(0, end + 4 + length);
  }
}

std::optional<std::string> SipPeer::receive() {
  if (kind_ == Kind::udp && socket_ >= 0) {
    std::array<char, 65536> datagram{};
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const auto got = ::recvfrom(socket_, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got >= 0) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(&from);
      last_sender_.assign(bytes, bytes + size);
      inbox_.emplace_back(datagram.data(), static_cast<std::size_t>(got));
    }
  } else if (kind_ == Kind::tcp) {
    accept();
    if (connection_ >= 0) read_stream();
  }
  if (inbox_.empty()) return std::nullopt;
  auto first = std::move(inbox_.front());
  inbox_.pop_front();
  ++received_;
  return first;
}

std::optional<std::string> SipPeer::wait(const std::function<void()>& turn, int turns) {
  for (int i = 0; i < turns; ++i) {
    turn();
    if (auto message = receive()) return message;
    std::array<pollfd, 2> waiting{pollfd{socket_, POLLIN, 0}, pollfd{connection_, POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), 1);
  }
  return std::nullopt;
}

void SipPeer::hang_up(bool reset) {
  if (connection_ < 0) return;
  if (reset) {
    const linger now{1, 0};
    ::setsockopt(connection_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  ::close(connection_);
  connection_ = -1;
  buffer_.clear();
}

void SipPeer::close() {
  hang_up();
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

std::string SipPeer::start_line(std::string_view message) { return std::string(message.substr(0, message.find("\r\n"))); }

int SipPeer::status(std::string_view message) {
  if (!message.starts_with("SIP/2.0 ")) return 0;
  return std::atoi(std::string(message.substr(8, 3)).c_str());
}

std::string SipPeer::method(std::string_view message) { return std::string(message.substr(0, message.find(' '))); }

std::vector<std::string> SipPeer::headers(std::string_view message, std::string_view name) {
  std::vector<std::string> out;
  auto rest = message.substr(0, message.find("\r\n\r\n"));
  for (auto end = rest.find("\r\n"); end != std::string_view::npos; end = rest.find("\r\n")) {
    rest.remove_prefix(end + 2);
    const auto line = rest.substr(0, rest.find("\r\n"));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && same_name(trimmed(line.substr(0, colon)), name))
      out.push_back(trimmed(line.substr(colon + 1)));
  }
  return out;
}

std::string SipPeer::header(std::string_view message, std::string_view name) {
  const auto all = headers(message, name);
  return all.empty() ? std::string() : all.front();
}

std::string SipPeer::body(std::string_view message) {
  const auto end = message.find("\r\n\r\n");
  return end == std::string_view::npos ? std::string() : std::string(message.substr(end + 4));
}

std::string SipPeer::response(std::string_view request, int status, std::string_view reason, std::string_view extra,
                              std::string_view body) {
  std::string out = "SIP/2.0 " + std::to_string(status) + " " + std::string(reason) + "\r\n";
  for (const auto& via : headers(request, "Via")) out += "Via: " + via + "\r\n";
  out += "From: " + header(request, "From") + "\r\n";
  auto to = header(request, "To");
  if (status > 100 && to.find(";tag=") == std::string::npos) to += ";tag=peer";
  out += "To: " + to + "\r\nCall-ID: " + header(request, "Call-ID") + "\r\nCSeq: " + header(request, "CSeq") + "\r\n";
  out += std::string(extra) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  return out;
}

std::string SipPeer::message(std::string_view uri, std::string_view body, std::string_view extra) {
  const auto id = std::to_string(port_) + "-" + std::to_string(next_++);
  return "MESSAGE " + std::string(uri) + " SIP/2.0\r\nVia: SIP/2.0/" + (kind_ == Kind::tcp ? "TCP" : "UDP") + " " + host_port() +
         ";branch=z9hG4bK" + id + "\r\nMax-Forwards: 70\r\nFrom: <sip:peer@example.com>;tag=" + id +
         "\r\nTo: <sip:herald@example.com>\r\nCall-ID: " + id + "\r\nCSeq: 1 MESSAGE\r\n" + std::string(extra) +
         "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace herald::test
