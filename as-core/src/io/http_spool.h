// A request body on its way to a blob, and the way back from the blob thread to the loop.
// Thread: the I/O loop; its calls back come there too. A blob that was finished and then not taken is removed.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "herald/blob_store.h"
#include "io/io_loop.h"

namespace herald::io {

// A stored blob until somebody takes it.
class SpooledBlob {
 public:
  SpooledBlob() = default;
  SpooledBlob(BlobStore& store, BlobInfo info) : store_(&store), info_(std::move(info)) {}
  SpooledBlob(SpooledBlob&& other) noexcept : store_(std::exchange(other.store_, nullptr)), info_(std::move(other.info_)) {}
  SpooledBlob& operator=(SpooledBlob&& other) noexcept {
    std::swap(store_, other.store_);
    std::swap(info_, other.info_);
    return *this;
  }
  SpooledBlob(const SpooledBlob&) = delete;
  SpooledBlob& operator=(const SpooledBlob&) = delete;
  ~SpooledBlob() {
    if (store_ != nullptr) (void)store_->remove(info_.id);
  }
  explicit operator bool() const noexcept { return store_ != nullptr; }
  [[nodiscard]] const BlobInfo& info() const noexcept { return info_; }
  // The taker's from now on.
  BlobInfo take() noexcept {
    store_ = nullptr;
    return std::move(info_);
  }

 private:
  BlobStore* store_ = nullptr;
  BlobInfo info_;
};

class BodySpoolOwner {
 public:
  virtual ~BodySpoolOwner() = default;
  virtual void on_spool_drained() = 0;
  virtual void on_spooled(Expected<SpooledBlob> blob) = 0;
};

class BodySpool {
 public:
  BodySpool(BlobStore& store, IoLoop& loop, BodySpoolOwner& owner, std::uint64_t max_bytes);
  ~BodySpool();  // nothing is called after it
  BodySpool(const BodySpool&) = delete;
  BodySpool& operator=(const BodySpool&) = delete;

  // False: the disk refuses; finish() tells why.
  [[nodiscard]] bool append(std::string_view bytes) { return writer_->append(bytes); }
  // So much waits for the disk that its source should pause; on_spool_drained() will be called.
  [[nodiscard]] bool congested() const noexcept;
  void finish();

 private:
  struct Link {
    std::mutex mutex;
    IoLoop* loop;           // null once the spool has gone
    BodySpoolOwner* owner;  // on the loop; null once the spool has gone
  };
  BlobStore& store_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<BlobWriter> writer_;
};

}  // namespace herald::io
