#include "gunzip.h"

#include <array>
#include <limits>
#include <zlib.h>

namespace herald::receiver {
namespace {
constexpr int kGzipOnly = 16 + MAX_WBITS;
constexpr std::size_t kStep = 65536;
}  // namespace

struct Gunzip::State {
  z_stream stream{};
  std::uint64_t left = 0;
  bool usable = false;
  bool ended = false;
};

Gunzip::Gunzip(std::uint64_t max_bytes) : state_(std::make_unique<State>()) {
  state_->left = max_bytes;
  state_->usable = inflateInit2(&state_->stream, kGzipOnly) == Z_OK;
}

Gunzip::~Gunzip() {
  if (state_->usable) inflateEnd(&state_->stream);
}

Expected<std::string> Gunzip::add(std::string_view bytes) {
  if (!state_->usable) return fail(ErrorCode::unavailable, "no memory for gzip");
  if (state_->ended && !bytes.empty()) return fail(ErrorCode::invalid, "bytes behind the end of gzip");
  if (bytes.size() > std::numeric_limits<uInt>::max()) return fail(ErrorCode::too_large, "too much at once");
  std::string out;
  auto& stream = state_->stream;
  std::string input(bytes);  // zlib's interface takes no const bytes
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  std::array<char, kStep> piece{};
  do {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return fail(ErrorCode::invalid, "gzip is malformed");
    const std::size_t made = piece.size() - stream.avail_out;
    if (made > state_->left) return fail(ErrorCode::too_large, "too large once gzip is undone");
    state_->left -= made;
    out.append(piece.data(), made);
    state_->ended = result == Z_STREAM_END;
    if (state_->ended && stream.avail_in > 0) return fail(ErrorCode::invalid, "bytes behind the end of gzip");
    if (result == Z_BUF_ERROR) break;
  } while (!state_->ended && (stream.avail_in > 0 || stream.avail_out == 0));
  return out;
}

bool Gunzip::complete() const noexcept { return state_->ended; }

Expected<std::string> gunzip(std::string_view bytes, std::uint64_t max_bytes) {
  Gunzip stream(max_bytes);
  auto out = stream.add(bytes);
  if (out && !stream.complete()) return fail(ErrorCode::invalid, "gzip is cut short");
  return out;
}

}  // namespace herald::receiver
