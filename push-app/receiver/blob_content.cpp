#include "blob_content.h"

#include <optional>

#include "gunzip.h"

namespace herald::receiver {
namespace {

constexpr std::size_t kPiece = 256 * 1024;

Task<Expected<BlobInfo>> rewrite(BlobStore* blobs, BlobInfo from, BlobChange change) {
  const auto writer = blobs->create(change.max_size);
  std::optional<Gunzip> decoder;
  if (change.gzip) decoder.emplace(change.max_size);
  for (auto offset = change.skip; offset < from.size;) {
    auto piece = co_await blobs->read(from.id, offset, kPiece);
    if (!piece) co_return fail(std::move(piece.error()));
    if (piece->empty()) break;
    offset += piece->size();
    if (decoder) {
      auto plain = decoder->add(*piece);
      if (!plain) co_return fail(std::move(plain.error()));
      *piece = std::move(*plain);
    }
    if (!writer->append(*piece)) break;  // finish() says why
  }
  if (decoder && !decoder->complete()) co_return fail(ErrorCode::invalid, "gzip is cut short");
  co_return co_await writer->finish();
}

}  // namespace

Task<Expected<BlobInfo>> change_blob(BlobStore* blobs, BlobInfo from, BlobChange change) {
  const auto old = from.id;
  auto made = co_await rewrite(blobs, std::move(from), change);
  (void)co_await blobs->remove(old);
  co_return made;
}

}  // namespace herald::receiver
