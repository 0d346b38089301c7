// Datagrams on their way between the kernel and Sofia: many of them a system call. Only sockets and memory, nothing of Sofia.
// Thread: one.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <netinet/in.h>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace herald::sip {

struct SocketAddress {
  sockaddr_in6 storage{};  // the larger of the two families
  socklen_t length = 0;
  [[nodiscard]] int family() const noexcept { return storage.sin6_family; }
};

// What recvmmsg gave and nobody has read yet. A slot takes the largest datagram there is; memory is touched only as far as
// datagrams reach.
class ReceiveRing {
 public:
  static constexpr std::size_t kSlots = 32;
  static constexpr std::size_t kSlotBytes = 64 * 1024;

  ReceiveRing();
  ReceiveRing(const ReceiveRing&) = delete;
  ReceiveRing& operator=(const ReceiveRing&) = delete;

  // Asks the kernel, when the ring is empty. False, with errno: nothing there, or the socket failed.
  bool fill(int fd) noexcept;
  [[nodiscard]] bool empty() const noexcept { return next_ == filled_; }
  [[nodiscard]] std::size_t size() const noexcept { return filled_ - next_; }
  // The oldest one. Not when empty().
  [[nodiscard]] std::string_view front() const noexcept { return {bytes_.get() + next_ * kSlotBytes, lengths_[next_]}; }
  [[nodiscard]] const SocketAddress& from() const noexcept { return from_[next_]; }
  void pop() noexcept;
  [[nodiscard]] std::size_t dropped() const noexcept { return dropped_; }  // empty ones, and what no slot could hold

 private:
  void skip_unusable() noexcept;

  std::unique_ptr<char[]> bytes_;  // NOLINT(modernize-avoid-c-arrays): not zeroed
  std::array<SocketAddress, kSlots> from_{};
  std::array<std::size_t, kSlots> lengths_{};
  std::array<bool, kSlots> usable_{};
  std::array<iovec, kSlots> vectors_{};
  std::array<mmsghdr, kSlots> headers_{};
  std::size_t next_ = 0, filled_ = 0, dropped_ = 0;
};

// What waits for sendmmsg, in order.
class SendRing {
 public:
  static constexpr std::size_t kSlots = 32;
  static constexpr std::size_t kBytes = 64 * 1024;
  static constexpr std::size_t kLargest = 8 * 1024;  // larger ones are sent by themselves

  struct Failure {
    SocketAddress to;
    int error = 0;
  };

  SendRing();
  SendRing(const SendRing&) = delete;
  SendRing& operator=(const SendRing&) = delete;

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool fits(std::size_t bytes) const noexcept { return count_ < kSlots && used_ + bytes <= kBytes; }
  // Only what fits().
  void push(std::span<const iovec> pieces, std::size_t bytes, const sockaddr* to, socklen_t length) noexcept;
  // As many as the kernel takes. The rest stays, in order, when the kernel has no room (EAGAIN, ENOBUFS); false then. What
  // cannot be sent at all is taken out and appended to `failed`, up to its capacity.
  bool flush(int fd, std::vector<Failure>& failed) noexcept;
  void clear() noexcept { count_ = first_ = used_ = 0; }

 private:
  std::unique_ptr<char[]> bytes_;  // NOLINT(modernize-avoid-c-arrays): not zeroed
  std::array<SocketAddress, kSlots> to_{};
  std::array<iovec, kSlots> vectors_{};
  std::array<mmsghdr, kSlots> headers_{};
  std::size_t first_ = 0;  // sent already; only after a flush that found no room
  std::size_t count_ = 0, used_ = 0;
};

}  // namespace herald::sip
