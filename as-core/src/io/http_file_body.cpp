#include "io/http_file_body.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/sendfile.h>
#include <unistd.h>

namespace herald::io {
namespace {

constexpr std::uint64_t kTurn = std::uint64_t{1} << 20;
constexpr std::uint64_t kPiece = std::uint64_t{128} << 10;

}  // namespace

HttpFileBody::Sent HttpFileBody::send_to(int socket) {
  auto turn = std::min(left_, kTurn);
  while (turn > 0) {
    auto offset = static_cast<off_t>(offset_);
    const auto sent = ::sendfile(socket, file_.get(), &offset, static_cast<std::size_t>(turn));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? Sent::blocked : Sent::failed;
    if (sent == 0) return Sent::failed;  // the file has become shorter
    offset_ += static_cast<std::uint64_t>(sent);
    left_ -= static_cast<std::uint64_t>(sent);
    turn -= static_cast<std::uint64_t>(sent);
  }
  return left_ == 0 ? Sent::all : Sent::some;
}

Expected<std::string> HttpFileBody::read_piece() {
  std::string piece(static_cast<std::size_t>(std::min(left_, kPiece)), '\0');
  std::size_t have = 0;
  while (have < piece.size()) {
    const auto got = ::pread(file_.get(), piece.data() + have, piece.size() - have, static_cast<off_t>(offset_ + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(ErrorCode::corrupt, got < 0 ? std::strerror(errno) : "the file is shorter than it was");
    have += static_cast<std::size_t>(got);
  }
  offset_ += have;
  left_ -= have;
  return piece;
}

}  // namespace herald::io
