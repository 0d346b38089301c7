// Blobs as files of one directory, written and read by a thread of their own.
// Thread: calls from any; they queue. Lifetime: destroy it (or stop() it) while the executors that wait for its answers still
// live; everything queued is carried out first. Writers may outlive it: they refuse from then on.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "herald/blob_store.h"

namespace herald::store {

struct BlobOptions {
  std::string path;                       // empty: a temporary directory, removed at the end
  const Clock* clock = nullptr;           // null: the machine's
  std::uint64_t max_total_bytes = 0;      // 0: as far as the disk goes
  std::size_t max_queued_calls = 20'000;  // beyond either: Error{busy}
  std::size_t max_queued_bytes = std::size_t{128} << 20;
  std::size_t max_read = std::size_t{64} << 20;  // of one read(): Error{too_large}
};

class FileBlobStore final : public BlobStore {
 public:
  // What hinders it has been reported as an operator event (ST02xx).
  static Expected<std::unique_ptr<FileBlobStore>> open(BlobOptions options);
  ~FileBlobStore() override;
  FileBlobStore(const FileBlobStore&) = delete;
  FileBlobStore& operator=(const FileBlobStore&) = delete;

  [[nodiscard]] std::shared_ptr<BlobWriter> create(std::uint64_t max_bytes) override;
  [[nodiscard]] Future<BlobInfo> put(std::string bytes) override;
  [[nodiscard]] Future<BlobInfo> find(std::string id) override;
  [[nodiscard]] Future<std::string> read(std::string id, std::uint64_t offset, std::size_t bytes) override;
  [[nodiscard]] Future<void> remove(std::string id) override;
  [[nodiscard]] Future<std::vector<BlobInfo>> list(std::string after, std::size_t limit) override;
  [[nodiscard]] Expected<int> open(std::string_view id) override;

  // Carries out what is queued, refuses the rest, ends the thread. Not on the blob thread.
  void stop();
  [[nodiscard]] const std::string& path() const noexcept;

 private:
  class Core;
  class Writer;
  explicit FileBlobStore(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;  // shared with writers, which may outlive the store
  std::thread thread_;
};

}  // namespace herald::store
