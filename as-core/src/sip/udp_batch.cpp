#include "sip/udp_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sofia-sip/su.h>
#include <sofia-sip/tport.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include "herald/log.h"
#include "sip/sip_metrics.h"
#include "sip/udp_ring.h"

// Exported by the library, but declared in none of its installed headers. What tport does when its socket is readable, and what
// it does with an error from the socket's error queue.
extern "C" {
extern void tport_recv_event(tport_t* self);
extern void tport_error_report(tport_t* self, int errcode, su_sockaddr_t const* addr);
}

namespace herald::sip {

struct UdpBatch::Socket {
  Socket(int descriptor, tport_s* transport) : fd(descriptor), tport(transport) { failed.reserve(kFailures); }

  static constexpr std::size_t kFailures = 2 * SendRing::kSlots;  // between two turns; the rest ends by its timers

  bool flush() noexcept {
    if (send.empty()) return true;
    const auto waiting = send.size();
    ++counts.send_calls;
    stalled = !send.flush(fd, failed);
    counts.sent += waiting - (stalled ? send.size() : 0);
    return !stalled;
  }

  int fd;
  tport_s* tport;  // null: removed
  ReceiveRing receive;
  SendRing send;
  std::vector<SendRing::Failure> failed;
  bool stalled = false;
  std::size_t dropped = 0;  // as reported last
  Counts counts;
};

namespace {

thread_local UdpBatch::Watch* watching = nullptr;

}  // namespace

// What Sofia's functions become.
struct SocketCalls {
  using Sockets = std::vector<UdpBatch::Socket*>;

  static Sockets& of_thread() noexcept {
    static thread_local Sockets sockets;  // two or three: looking through them is quickest
    return sockets;
  }
  static UdpBatch::Socket* find(int fd) noexcept {
    for (auto* socket : of_thread()) {
      if (socket->fd == fd) return socket;
    }
    return nullptr;
  }

  static void made(int fd) {
    if (watching) watching->fds_.push_back(fd);
  }
  static void closed(int fd) noexcept {
    if (watching) std::erase(watching->fds_, fd);
  }

  static issize_t size(UdpBatch::Socket& socket) noexcept {
    if (socket.receive.empty()) {
      ++socket.counts.receive_calls;
      if (!socket.receive.fill(socket.fd)) return -1;
      socket.counts.received += socket.receive.size();
    }
    return static_cast<issize_t>(socket.receive.front().size());
  }

  static issize_t receive(UdpBatch::Socket& socket, std::span<const iovec> into, sockaddr* from, socklen_t* length) noexcept {
    auto text = socket.receive.front();
    issize_t copied = 0;
    for (const auto& piece : into) {
      const auto part = text.substr(0, piece.iov_len);
      if (part.empty()) break;
      std::memcpy(piece.iov_base, part.data(), part.size());
      text.remove_prefix(part.size());
      copied += static_cast<issize_t>(part.size());
    }
    if (from && length) {
      const auto& address = socket.receive.from();
      std::memcpy(from, &address.storage, std::min(*length, address.length));
      *length = address.length;
    }
    socket.receive.pop();
    return copied;
  }

  // False: Sofia's own function does it, and its errors reach the caller at once.
  static bool take(UdpBatch::Socket& socket, std::span<const iovec> pieces, const sockaddr* to, socklen_t length,
                   issize_t& result) noexcept {
    std::size_t bytes = 0;
    for (const auto& piece : pieces) bytes += piece.iov_len;
    const bool alone = bytes > SendRing::kLargest || bytes == 0 || !to || length == 0 || length > sizeof(sockaddr_in6);
    if (alone || !socket.send.fits(bytes)) {
      if (!socket.flush()) {  // order is kept: nothing overtakes what waits
        errno = EAGAIN;
        result = -1;
        return true;
      }
      if (alone) return false;
    }
    socket.send.push(pieces, bytes, to, length);
    result = static_cast<issize_t>(bytes);
    return true;
  }
};

UdpBatch::Watch::Watch() : outer_(std::exchange(watching, this)) {}
UdpBatch::Watch::~Watch() { watching = outer_; }
int UdpBatch::Watch::only() const noexcept { return fds_.size() == 1 ? fds_.front() : -1; }

UdpBatch::UdpBatch() = default;
UdpBatch::~UdpBatch() {
  while (!sockets_.empty()) remove(sockets_.back()->tport);
}

void UdpBatch::add(int fd, tport_s* tport) {
  auto socket = std::make_shared<Socket>(fd, tport);  // shared: a delivery may end its own socket
  sockets_.reserve(sockets_.size() + 1);
  SocketCalls::of_thread().push_back(socket.get());
  sockets_.push_back(std::move(socket));
}

void UdpBatch::remove(tport_s* tport) noexcept {
  const auto found = std::find_if(sockets_.begin(), sockets_.end(), [&](const auto& one) { return one->tport == tport; });
  if (found == sockets_.end()) return;
  auto& socket = **found;
  socket.flush();
  std::erase(SocketCalls::of_thread(), &socket);
  socket.tport = nullptr;
  sockets_.erase(found);
}

void UdpBatch::deliver(const std::function<void()>& between) {
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    const auto socket = sockets_[i];
    // As many as there are now: what Sofia reads beyond the last one comes from the kernel, in the loop's next turn.
    for (auto left = socket->receive.size(); left > 0 && socket->tport && !socket->receive.empty(); --left) {
      between();
      if (!socket->tport || socket->receive.empty()) break;
      tport_recv_event(socket->tport);
    }
  }
}

void UdpBatch::flush() {
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    const auto socket = sockets_[i];
    socket->flush();
    if (const auto dropped = std::exchange(socket->dropped, socket->receive.dropped()); dropped != socket->dropped) {
      stats::dropped(stats::Drop::malformed, static_cast<double>(socket->dropped - dropped));
      log::debug("UDP datagrams of no use dropped", {{"datagrams", socket->dropped - dropped}});
    }
    if (socket->failed.empty()) continue;
    const std::vector<SendRing::Failure> failures(socket->failed.begin(), socket->failed.end());
    socket->failed.clear();  // a report may send, and that may fail
    for (const auto& failure : failures) {
      stats::dropped(stats::Drop::not_sent);
      log::debug("UDP datagram not sent", {{"errno", failure.error}});
      if (!socket->tport) continue;
      su_sockaddr_t to{};
      std::memcpy(&to, &failure.to.storage, failure.to.length);
      tport_error_report(socket->tport, failure.error, &to);  // as an ICMP error: whoever waits for an answer from there fails
    }
  }
}

bool UdpBatch::stalled() const noexcept {
  return std::any_of(sockets_.begin(), sockets_.end(), [](const auto& one) { return one->stalled; });
}

UdpBatch::Counts UdpBatch::counts() const noexcept {
  Counts all;
  for (const auto& one : sockets_) {
    all.received += one->counts.received;
    all.receive_calls += one->counts.receive_calls;
    all.sent += one->counts.sent;
    all.send_calls += one->counts.send_calls;
  }
  return all;
}

namespace {

// Sofia's own function of that name, behind ours.
template <class Function>
Function* original(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int sofias_soerror(int fd) noexcept {
  static auto* const sofias = original<decltype(su_soerror)>("su_soerror");
  return sofias(fd);
}

std::span<const iovec> pieces_of(su_iovec_t const* pieces, isize_t count) noexcept {
  static_assert(sizeof(su_iovec_t) == sizeof(iovec));  // "defined like struct iovec": su.h
  return {reinterpret_cast<const iovec*>(pieces), static_cast<std::size_t>(count)};
}

}  // namespace
}  // namespace herald::sip

using herald::sip::SocketCalls;

extern "C" {

[[gnu::visibility("default")]] su_socket_t su_socket(int family, int type, int protocol) {
  static auto* const sofias = herald::sip::original<decltype(su_socket)>("su_socket");
  const auto fd = sofias(family, type, protocol);
  if (fd >= 0 && type == SOCK_DGRAM) SocketCalls::made(fd);
  return fd;
}

[[gnu::visibility("default")]] int su_close(su_socket_t fd) {
  static auto* const sofias = herald::sip::original<decltype(su_close)>("su_close");
  SocketCalls::closed(fd);
  return sofias(fd);
}

[[gnu::visibility("default")]] issize_t su_getmsgsize(su_socket_t fd) {
  if (auto* socket = SocketCalls::find(fd)) return SocketCalls::size(*socket);
  static auto* const sofias = herald::sip::original<decltype(su_getmsgsize)>("su_getmsgsize");
  return sofias(fd);
}

[[gnu::visibility("default")]] issize_t su_vrecv(su_socket_t fd, su_iovec_t pieces[], isize_t count, int flags,
                                                 su_sockaddr_t* from, socklen_t* length) {
  if (auto* socket = SocketCalls::find(fd); socket && !socket->receive.empty()) {
    return SocketCalls::receive(*socket, herald::sip::pieces_of(pieces, count), from ? &from->su_sa : nullptr, length);
  }
  static auto* const sofias = herald::sip::original<decltype(su_vrecv)>("su_vrecv");
  return sofias(fd, pieces, count, flags, from, length);
}

// Sofia asks before each datagram, to clear what an earlier one left behind: for ours flush() does that, when there is something.
[[gnu::visibility("default")]] int su_soerror(su_socket_t fd) {
  if (SocketCalls::find(fd)) return 0;
  return herald::sip::sofias_soerror(fd);
}

[[gnu::visibility("default")]] issize_t su_vsend(su_socket_t fd, su_iovec_t const pieces[], isize_t count, int flags,
                                                 su_sockaddr_t const* to, socklen_t length) {
  if (auto* socket = SocketCalls::find(fd)) {
    issize_t result = 0;
    if (SocketCalls::take(*socket, herald::sip::pieces_of(pieces, count), to ? &to->su_sa : nullptr, length, result)) {
      return result;
    }
    herald::sip::sofias_soerror(fd);
  }
  static auto* const sofias = herald::sip::original<decltype(su_vsend)>("su_vsend");
  return sofias(fd, pieces, count, flags, to, length);
}

}  // extern "C"
