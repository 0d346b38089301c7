// Blobs in memory whose disk is the test: slow, full or broken when the test says so.
// Thread: the test's. Lifetime: outlives its writers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "herald/blob_store.h"

namespace herald::test {

class ScriptedBlobs final : public BlobStore {
 public:
  bool slow = false;    // nothing is read, written or finished until drain()
  bool full = false;    // the next bytes are refused
  bool broken = false;  // finish() and read() fail
  std::map<std::string, std::string> contents;

  void drain() {
    for (auto work = std::exchange(pending_, {}); auto& one : work) one();
  }
  [[nodiscard]] std::size_t pending() const noexcept { return pending_.size(); }
  [[nodiscard]] std::string add(std::string bytes) { return keep(std::move(bytes)).id; }
  [[nodiscard]] BlobInfo info(const std::string& id) const { return {id, contents.at(id).size(), "", ""}; }
  [[nodiscard]] std::size_t writers() const noexcept { return writers_; }

  std::shared_ptr<BlobWriter> create(std::uint64_t max_bytes) override { return std::make_shared<Writer>(*this, max_bytes); }
  Future<BlobInfo> put(std::string bytes) override { return ready<BlobInfo>(keep(std::move(bytes))); }
  Future<BlobInfo> find(std::string id) override {
    if (!contents.contains(id)) return ready<BlobInfo>(fail(ErrorCode::not_found, "no such blob"));
    return ready<BlobInfo>(info(id));
  }
  Future<std::string> read(std::string id, std::uint64_t offset, std::size_t bytes) override {
    const auto found = contents.find(id);
    if (found == contents.end() || broken) return ready<std::string>(fail(ErrorCode::not_found, "no such blob"));
    const auto at = static_cast<std::size_t>(offset);
    auto piece = at >= found->second.size() ? std::string() : found->second.substr(at, bytes);
    if (!slow) return ready<std::string>(std::move(piece));
    auto promise = std::make_shared<Promise<std::string>>();
    pending_.emplace_back([promise, piece = std::move(piece)] { promise->set(piece); });
    return promise->future();
  }
  Future<void> remove(std::string id) override {
    contents.erase(id);
    return ready<void>({});
  }
  Future<std::vector<BlobInfo>> list(std::string after, std::size_t limit) override {
    std::vector<BlobInfo> out;
    for (auto at = contents.upper_bound(after); at != contents.end() && out.size() < limit; ++at) out.push_back(info(at->first));
    return ready<std::vector<BlobInfo>>(std::move(out));
  }
  Expected<int> open(std::string_view) override { return fail(ErrorCode::unsupported, "these are no files"); }

 private:
  // What the disk and the writer share.
  struct State {
    std::string bytes;
    std::size_t queued = 0;
    UniqueFunction<void()> drained;
  };
  class Writer final : public BlobWriter {
   public:
    Writer(ScriptedBlobs& owner, std::uint64_t most) : owner_(owner), most_(most) { ++owner_.writers_; }
    ~Writer() override { --owner_.writers_; }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    bool append(std::string_view bytes) override {
      if (owner_.full || state_->bytes.size() + bytes.size() > most_) return false;
      state_->bytes.append(bytes);
      if (!owner_.slow) return true;
      state_->queued += bytes.size();
      owner_.pending_.emplace_back([state = state_] {
        if (std::exchange(state->queued, 0) > 0 && state->drained) state->drained();
      });
      return true;
    }
    std::size_t queued() const noexcept override { return state_->queued; }
    void on_drained(UniqueFunction<void()> call) override { state_->drained = std::move(call); }
    Future<BlobInfo> finish() override { return ready<BlobInfo>(stored(owner_, *state_)); }
    void finish(UniqueFunction<void(Expected<BlobInfo>)> done) override {
      if (!owner_.slow) return done(stored(owner_, *state_));
      owner_.pending_.emplace_back(
          [owner = &owner_, state = state_, done = std::move(done)]() mutable { done(stored(*owner, *state)); });
    }

   private:
    static Expected<BlobInfo> stored(ScriptedBlobs& owner, State& state) {
      if (owner.broken) return fail(ErrorCode::unavailable, "the disk is full");
      return owner.keep(std::move(state.bytes));
    }
    ScriptedBlobs& owner_;
    const std::uint64_t most_;
    std::shared_ptr<State> state_ = std::make_shared<State>();
  };

  BlobInfo keep(std::string bytes) {
    auto id = "blob" + std::to_string(1000000 + ++last_);
    contents[id] = std::move(bytes);
    return info(id);
  }

  std::vector<UniqueFunction<void()>> pending_;
  std::uint64_t last_ = 0;
  std::size_t writers_ = 0;
};

}  // namespace herald::test
