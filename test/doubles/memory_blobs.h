// Blobs in memory; everything is done at once.
// Thread: the test's. Lifetime: outlives its writers.
#pragma once

#include <map>
#include <openssl/evp.h>
#include <string>
#include <utility>

#include "herald/blob_store.h"

namespace herald::test {

class MemoryBlobs final : public BlobStore {
 public:
  std::shared_ptr<BlobWriter> create(std::uint64_t max_bytes) override { return std::make_shared<Writer>(*this, max_bytes); }
  Future<BlobInfo> put(std::string bytes) override { return ready<BlobInfo>(keep(std::move(bytes))); }
  Future<BlobInfo> find(std::string id) override {
    const auto found = blobs_.find(id);
    return ready<BlobInfo>(found == blobs_.end() ? missing<BlobInfo>() : Expected<BlobInfo>(found->second.first));
  }
  Future<std::string> read(std::string id, std::uint64_t offset, std::size_t bytes) override {
    const auto found = blobs_.find(id);
    if (found == blobs_.end()) return ready<std::string>(missing<std::string>());
    const auto& whole = found->second.second;
    return ready<std::string>(offset >= whole.size() ? std::string() : whole.substr(offset, bytes));
  }
  Future<void> remove(std::string id) override {
    blobs_.erase(id);
    return ready<void>({});
  }
  Future<std::vector<BlobInfo>> list(std::string after, std::size_t limit) override {
    std::vector<BlobInfo> all;
    for (auto it = blobs_.upper_bound(after); it != blobs_.end() && all.size() < limit; ++it) all.push_back(it->second.first);
    return ready<std::vector<BlobInfo>>(std::move(all));
  }
  Expected<int> open(std::string_view) override { return fail(ErrorCode::unavailable, "no files here"); }

  std::string next_id;  // of the next one; its own when empty

  BlobInfo keep(std::string bytes) {
    BlobInfo info;
    info.id = next_id.empty() ? "blob-" + std::to_string(1'000'000 + ++number_) : std::exchange(next_id, {});
    info.size = bytes.size();
    info.sha1 = digest(bytes, EVP_sha1());
    info.sha256 = digest(bytes, EVP_sha256());
    blobs_[info.id] = {info, std::move(bytes)};
    return info;
  }
  [[nodiscard]] std::size_t size() const noexcept { return blobs_.size(); }
  [[nodiscard]] const std::string& bytes(const std::string& id) const { return blobs_.at(id).second; }

 private:
  class Writer final : public BlobWriter {
   public:
    Writer(MemoryBlobs& store, std::uint64_t max) : store_(store), left_(max) {}
    bool append(std::string_view bytes) override {
      if (refused_ || bytes.size() > left_) refused_ = true;
      if (refused_) return false;
      left_ -= bytes.size();
      bytes_ += bytes;
      return true;
    }
    [[nodiscard]] std::size_t queued() const noexcept override { return 0; }
    void on_drained(UniqueFunction<void()>) override {}
    Future<BlobInfo> finish() override { return ready<BlobInfo>(done()); }
    void finish(UniqueFunction<void(Expected<BlobInfo>)> call) override { call(done()); }

   private:
    Expected<BlobInfo> done() {
      if (refused_) return fail(ErrorCode::too_large, "more than max_bytes");
      return store_.keep(std::move(bytes_));
    }
    MemoryBlobs& store_;
    std::uint64_t left_;
    std::string bytes_;
    bool refused_ = false;
  };
  template <class T>
  static Expected<T> missing() {
    return fail(ErrorCode::not_found, "no such blob");
  }
  static std::string digest(std::string_view bytes, const EVP_MD* kind) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), out, &size, kind, nullptr);
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text += "0123456789abcdef"[out[i] >> 4U];
      text += "0123456789abcdef"[out[i] & 15U];
    }
    return text;
  }
  std::map<std::string, std::pair<BlobInfo, std::string>> blobs_;
  unsigned number_ = 0;
};

}  // namespace herald::test
