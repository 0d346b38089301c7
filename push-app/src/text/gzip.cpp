#include "text/gzip.h"

#include <limits>
#include <zlib.h>

namespace herald::push {
namespace {

constexpr std::size_t kHeaderField = 24;              // "Content-Encoding: gzip" and CRLF
constexpr std::size_t kMost = std::size_t{1} << 20U;  // what goes into a request is small
constexpr int kGzipWindow = 15 + 16;                  // deflateInit2: a gzip wrapper

}  // namespace

std::optional<std::string> gzip_if_smaller(std::string_view bytes) {
  if (bytes.size() <= kHeaderField || bytes.size() > kMost) return std::nullopt;
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) return std::nullopt;
  std::string out(bytes.size() - kHeaderField, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // NOLINT: zlib reads it
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int ended = deflate(&stream, Z_FINISH);  // no room: it does not become smaller
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (ended != Z_STREAM_END) return std::nullopt;
  return out;
}

}  // namespace herald::push
