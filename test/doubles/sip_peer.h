// A scripted SIP peer on a raw socket: it says exactly the bytes the test tells it, and hears everything.
// UDP: one socket. TCP: listens, and speaks on the connection that was accepted or made last. Never blocks, so that it works
// with a stack stepped on a virtual clock in the same thread: call wait() with what turns that loop.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace herald::test {

class SipPeer {
 public:
  enum class Kind { udp, tcp };

  // Binds `host`:0; IPv6 without brackets.
  explicit SipPeer(Kind kind = Kind::udp, const std::string& host = "127.0.0.1");
  ~SipPeer();
  SipPeer(const SipPeer&) = delete;
  SipPeer& operator=(const SipPeer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string host_port() const;                      // "127.0.0.1:34567", "[::1]:34567"
  [[nodiscard]] std::string uri(std::string_view user = {}) const;  // "sip:user@127.0.0.1:34567", with ;transport=tcp for TCP

  // `host`: if it is not this peer's own. UDP: datagrams to there from now on. TCP: connects (the handshake is the kernel's, so
  // this does not wait).
  void connect(std::uint16_t port, const std::string& host = {});
  // UDP: to the last sender or the connected port. TCP: on the current connection. False when there is none.
  bool send(std::string_view text);
  // Takes what has come, without waiting: UDP one entry a datagram, TCP cut at Content-Length. Empty: nothing.
  std::optional<std::string> receive();
  // The next message, turning the loop up to `turns` times; each turn waits at most a millisecond for this peer's sockets.
  std::optional<std::string> wait(const std::function<void()>& turn, int turns = 2000);
  // Closes the TCP connection; with `reset` by RST.
  void hang_up(bool reset = false);
  [[nodiscard]] bool connected() const noexcept { return connection_ >= 0; }
  // Stops listening or frees the port: whoever sends there is refused.
  void close();
  [[nodiscard]] std::size_t received() const noexcept { return received_; }

  // -- reading and answering -----------------------------------------------------------------------------------------------
  [[nodiscard]] static std::string start_line(std::string_view message);
  [[nodiscard]] static int status(std::string_view message);  // 0 for a request
  [[nodiscard]] static std::string method(std::string_view message);
  [[nodiscard]] static std::string header(std::string_view message, std::string_view name);  // first of that name
  [[nodiscard]] static std::vector<std::string> headers(std::string_view message, std::string_view name);
  [[nodiscard]] static std::string body(std::string_view message);
  // A response to `request` with its Via, From, To, Call-ID and CSeq; `extra` are whole header lines with CRLF.
  [[nodiscard]] static std::string response(std::string_view request, int status, std::string_view reason = "Answer",
                                            std::string_view extra = {}, std::string_view body = {});
  bool answer(std::string_view request, int status, std::string_view reason = "Answer", std::string_view extra = {}) {
    return send(response(request, status, reason, extra));
  }
  // A MESSAGE from this peer, new branch and Call-ID each time; `extra` are whole header lines with CRLF.
  [[nodiscard]] std::string message(std::string_view uri, std::string_view body = "hello", std::string_view extra = {});

 private:
  void accept();
  void read_stream();
  void cut_stream();

  Kind kind_;
  std::string host_;
  int socket_ = -1;      // UDP, or the listener
  int connection_ = -1;  // TCP
  std::uint16_t port_ = 0;
  std::string buffer_;
  std::deque<std::string> inbox_;
  std::vector<std::uint8_t> last_sender_;
  std::size_t received_ = 0;
  unsigned next_ = 1;
};

}  // namespace herald::test
