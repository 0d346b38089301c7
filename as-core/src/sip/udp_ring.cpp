#include "sip/udp_ring.h"

#include <cerrno>
#include <cstring>

namespace herald::sip {
namespace {

// Errors of earlier datagrams (ICMP) wait in the socket and are handed to whoever sends or receives next; Sofia reads them, with
// the address, from the socket's error queue. They say nothing about the datagram at hand: asked again, the socket works.
constexpr int kStaleErrors = 3;

bool no_room(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM; }

}  // namespace

ReceiveRing::ReceiveRing() : bytes_(new char[kSlots * kSlotBytes]) {  // NOLINT: make_unique would touch it all
  for (std::size_t i = 0; i < kSlots; ++i) {
    vectors_[i] = {bytes_.get() + i * kSlotBytes, kSlotBytes};
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = &from_[i].storage;
  }
}

bool ReceiveRing::fill(int fd) noexcept {
  next_ = filled_ = 0;
  for (auto& header : headers_) header.msg_hdr.msg_namelen = sizeof(sockaddr_in6);
  int got = -1;
  for (int attempt = 0; got < 0 && attempt < kStaleErrors; ++attempt) {
    got = ::recvmmsg(fd, headers_.data(), kSlots, MSG_DONTWAIT, nullptr);
    if (got < 0 && no_room(errno)) return false;
  }
  if (got <= 0) return false;
  filled_ = static_cast<std::size_t>(got);
  for (std::size_t i = 0; i < filled_; ++i) {
    from_[i].length = headers_[i].msg_hdr.msg_namelen;
    lengths_[i] = headers_[i].msg_len;
    // Sofia, told of an empty datagram, takes one out of the kernel itself: that would be the wrong one.
    usable_[i] = lengths_[i] > 0 && (headers_[i].msg_hdr.msg_flags & MSG_TRUNC) == 0;
  }
  skip_unusable();
  if (!empty()) return true;
  errno = EAGAIN;
  return false;
}

void ReceiveRing::pop() noexcept {
  ++next_;
  skip_unusable();
}

void ReceiveRing::skip_unusable() noexcept {
  for (; next_ < filled_ && !usable_[next_]; ++next_) ++dropped_;
}

SendRing::SendRing() : bytes_(new char[kBytes]) {  // NOLINT: as above
  for (std::size_t i = 0; i < kSlots; ++i) {
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = &to_[i].storage;
  }
}

void SendRing::push(std::span<const iovec> pieces, std::size_t bytes, const sockaddr* to, socklen_t length) noexcept {
  auto* at = bytes_.get() + used_;
  vectors_[count_] = {at, bytes};
  for (const auto& piece : pieces) {
    if (piece.iov_len == 0) continue;
    std::memcpy(at, piece.iov_base, piece.iov_len);
    at += piece.iov_len;
  }
  auto& address = to_[count_];
  address.length = length;
  std::memcpy(&address.storage, to, length);
  headers_[count_].msg_hdr.msg_namelen = length;
  used_ += bytes;
  ++count_;
}

bool SendRing::flush(int fd, std::vector<Failure>& failed) noexcept {
  int attempts = 0;
  while (first_ < count_) {
    const int sent = ::sendmmsg(fd, &headers_[first_], static_cast<unsigned>(count_ - first_), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      first_ += static_cast<std::size_t>(sent);
      attempts = 0;
      continue;
    }
    const int error = errno;
    if (error == EINTR) continue;
    if (no_room(error)) return false;
    if (++attempts < kStaleErrors) continue;
    if (failed.size() < failed.capacity()) failed.push_back({to_[first_], error});
    ++first_;
    attempts = 0;
  }
  clear();
  return true;
}

}  // namespace herald::sip
