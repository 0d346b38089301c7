// A fault for tests of senders: once so many bytes of contents have come in, nothing more is taken and the connections are to be
// cut, as when a network goes away. Once; afterwards it is the store behind it.
// Thread: as the store behind it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "herald/blob_store.h"

namespace herald::receiver {

class CuttingBlobs final : public BlobStore {
 public:
  // `cut` is called on the thread that appends. `after` 0: never.
  CuttingBlobs(BlobStore& store, std::uint64_t after, std::function<void()> cut);
  [[nodiscard]] std::shared_ptr<BlobWriter> create(std::uint64_t max_bytes) override;
  [[nodiscard]] Future<BlobInfo> put(std::string bytes) override { return store_.put(std::move(bytes)); }
  [[nodiscard]] Future<BlobInfo> find(std::string id) override { return store_.find(std::move(id)); }
  [[nodiscard]] Future<std::string> read(std::string id, std::uint64_t offset, std::size_t bytes) override {
    return store_.read(std::move(id), offset, bytes);
  }
  [[nodiscard]] Future<void> remove(std::string id) override { return store_.remove(std::move(id)); }
  [[nodiscard]] Future<std::vector<BlobInfo>> list(std::string after, std::size_t limit) override {
    return store_.list(std::move(after), limit);
  }
  [[nodiscard]] Expected<int> open(std::string_view id) override { return store_.open(id); }

 private:
  class Writer;
  struct Fault {
    std::atomic<std::int64_t> left{0};
    std::atomic<bool> armed{false};
    std::function<void()> cut;
  };
  BlobStore& store_;
  std::shared_ptr<Fault> fault_;  // writers may outlive us
};

}  // namespace herald::receiver
