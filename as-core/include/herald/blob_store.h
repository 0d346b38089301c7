// Contents too large for a record: files that are written once, read often and removed when nothing refers to them any more.
//
// A blob is durable (its bytes and its name are on disk) when the writer's finish() or put() succeeds, before any record names
// it; who removes the last record removes the blob. What a crash leaves unnamed is found by list(). Thread: call from any shard
// or the I/O thread; results arrive on the caller's executor (none on the I/O thread: there the callback form is used). The disk
// is never touched on a shard. Errors: not_found, too_large (max_bytes), unavailable (disk full, no directory), corrupt.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"
#include "herald/expected.h"
#include "herald/task.h"
#include "herald/unique_function.h"

namespace herald {

struct BlobInfo {
  std::string id;  // make_id(): sorts by creation time; safe as a file name
  std::uint64_t size = 0;
  std::string sha1;    // hex, lower case: `hash` of RFC 4483
  std::string sha256;  // hex, lower case: strong ETag
};

// One blob being written, in order. Destroyed without finish(): nothing remains.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  // Queues the bytes. False: `max_bytes` or the disk refused, finish() says which; nothing more is taken.
  [[nodiscard]] virtual bool append(std::string_view bytes) = 0;
  // Bytes that are queued and not written yet: a fast source pauses above some mark and goes on when `drained` is called: each
  // time that everything queued was written, and soon when nothing waits. It may be called once more than needed.
  [[nodiscard]] virtual std::size_t queued() const noexcept = 0;
  virtual void on_drained(UniqueFunction<void()> call) = 0;  // on the blob thread; replaces an earlier one
  [[nodiscard]] virtual Future<BlobInfo> finish() = 0;
  virtual void finish(UniqueFunction<void(Expected<BlobInfo>)> done) = 0;  // on the blob thread
};

class BlobStore {
 public:
  virtual ~BlobStore() = default;
  [[nodiscard]] virtual std::shared_ptr<BlobWriter> create(std::uint64_t max_bytes) = 0;
  [[nodiscard]] virtual Future<BlobInfo> put(std::string bytes) = 0;
  [[nodiscard]] virtual Future<BlobInfo> find(std::string id) = 0;
  // At most `bytes`, fewer only at the end.
  [[nodiscard]] virtual Future<std::string> read(std::string id, std::uint64_t offset, std::size_t bytes) = 0;
  [[nodiscard]] virtual Future<void> remove(std::string id) = 0;  // of one that is not there: success
  // In order of id, after `after`.
  [[nodiscard]] virtual Future<std::vector<BlobInfo>> list(std::string after, std::size_t limit) = 0;
  // A file descriptor of its own for a thread that may block or uses sendfile; the caller closes it. The content is the first
  // BlobInfo::size bytes of the file: what stands behind them is the store's. Opens a file: not on a shard.
  [[nodiscard]] virtual Expected<int> open(std::string_view id) = 0;
};

}  // namespace herald
