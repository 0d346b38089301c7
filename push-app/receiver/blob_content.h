// Contents that are too large for memory: a wrapper taken off, an encoding undone, a piece at a time.
// Thread: the caller's shard; the disk is the blob store's.
#pragma once

#include <cstdint>

#include "herald/blob_store.h"
#include "herald/task.h"

namespace herald::receiver {

struct BlobChange {
  std::uint64_t skip = 0;      // bytes in front that are not content
  bool gzip = false;           // undo it
  std::uint64_t max_size = 0;  // of the result
};

// A new blob; the old one is removed, whatever happens. Errors: those of the store, invalid and too_large for gzip.
[[nodiscard]] Task<Expected<BlobInfo>> change_blob(BlobStore* blobs, BlobInfo from, BlobChange change);

}  // namespace herald::receiver
