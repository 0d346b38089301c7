// A part of a file on its way into a socket: sendfile() where the bytes go as they are, pieces in memory for TLS.
// Thread: the I/O loop. Owns the descriptor.
#pragma once

#include <cstdint>
#include <string>

#include "herald/expected.h"
#include "io/listen_socket.h"

namespace herald::io {

class HttpFileBody {
 public:
  HttpFileBody(int file, std::uint64_t offset, std::uint64_t length) : file_(file), offset_(offset), left_(length) {}

  enum class Sent { all, some, blocked, failed };
  // `some`: a turn's worth; others shall have theirs.
  Sent send_to(int socket);
  // The next piece; an error when the file is shorter than it was.
  Expected<std::string> read_piece();
  [[nodiscard]] std::uint64_t left() const noexcept { return left_; }

 private:
  Socket file_;  // any descriptor closes alike
  std::uint64_t offset_;
  std::uint64_t left_;
};

}  // namespace herald::io
