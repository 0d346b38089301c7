// Batched UDP I/O under an unmodified Sofia: its transport layer does all its socket work through a few functions of its own
// public interface (su.h), and the executable may define them in its place. Ours serve the UDP sockets of this thread's agents
// from rings that recvmmsg fills and sendmmsg empties, once per turn of the loop, and leave every other socket to Sofia's.
// libc's functions are nobody's business here, so no other library notices.
//
// A Sofia that was linked to its own functions never calls ours: then no socket is seen, nothing is batched, all works as
// without. Thread: the loop's, which is also the thread of its agents.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

struct tport_s;

namespace herald::sip {

// The UDP sockets of one loop.
class UdpBatch {
 public:
  UdpBatch();
  ~UdpBatch();
  UdpBatch(const UdpBatch&) = delete;
  UdpBatch& operator=(const UdpBatch&) = delete;

  // Notes the UDP sockets that Sofia makes on this thread while it lives.
  class Watch {
   public:
    Watch();
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    // The one that is still open; -1: none, or several, and nobody knows whose they are.
    [[nodiscard]] int only() const noexcept;

   private:
    friend struct SocketCalls;
    Watch* outer_;
    std::vector<int> fds_;
  };

  // From now on until remove(). Not before the transport has its socket, and remove() before it closes it.
  void add(int fd, tport_s* tport);
  // What was waiting to be sent goes out, what was received but not delivered is dropped, as when the socket closes.
  void remove(tport_s* tport) noexcept;

  // Hands everything that was received to Sofia; `between` runs after each datagram that has another behind it.
  void deliver(const std::function<void()>& between);
  // Sends what waits, and then tells Sofia of what could not be sent. Never from inside one of Sofia's callbacks.
  void flush();
  // A socket had no room: the next flush must not be far.
  [[nodiscard]] bool stalled() const noexcept;

  struct Counts {
    std::size_t received = 0, receive_calls = 0;  // datagrams; system calls
    std::size_t sent = 0, send_calls = 0;
  };
  [[nodiscard]] Counts counts() const noexcept;

 private:
  friend struct SocketCalls;
  struct Socket;
  std::vector<std::shared_ptr<Socket>> sockets_;
};

}  // namespace herald::sip
