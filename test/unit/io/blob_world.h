// An HTTP server with blobs on a loop that the test steps, and a disk that waits when the test says so.
#pragma once

#include <doctest/doctest.h>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "doubles/manual_executor.h"
#include "doubles/temporary_folder.h"
#include "doubles/virtual_clock.h"
#include "doubles/waiting_executor.h"
#include "herald/metrics.h"
#include "http_client.h"
#include "io/http_server.h"
#include "store/blob_store_files.h"

namespace herald::test {

// Passes everything on to real files; while `hold` is set nothing is written, as with a disk that does not keep up.
class SlowDisk final : public BlobStore {
 public:
  explicit SlowDisk(BlobStore& disk) : disk_(disk) {}
  std::shared_ptr<BlobWriter> create(std::uint64_t max_bytes) override {
    auto writer = std::make_shared<Writer>(*this, disk_.create(max_bytes));
    writers_.push_back(writer);
    ++created;
    return writer;
  }
  Future<BlobInfo> put(std::string bytes) override { return disk_.put(std::move(bytes)); }
  Future<BlobInfo> find(std::string id) override { return disk_.find(std::move(id)); }
  Future<std::string> read(std::string id, std::uint64_t offset, std::size_t bytes) override {
    return disk_.read(std::move(id), offset, bytes);
  }
  Future<void> remove(std::string id) override { return disk_.remove(std::move(id)); }
  Future<std::vector<BlobInfo>> list(std::string after, std::size_t limit) override {
    return disk_.list(std::move(after), limit);
  }
  Expected<int> open(std::string_view id) override { return disk_.open(id); }

  // What was held back goes to the disk.
  void release() {
    hold = false;
    for (const auto& known : writers_)
      if (const auto writer = known.lock()) writer->release();
  }
  bool hold = false;
  bool refuse = false;  // no append succeeds
  int created = 0;
  std::size_t most_queued = 0;

 private:
  class Writer final : public BlobWriter {
   public:
    Writer(SlowDisk& owner, std::shared_ptr<BlobWriter> real) : owner_(owner), real_(std::move(real)) {}
    bool append(std::string_view bytes) override {
      if (owner_.refuse) return false;
      if (!owner_.hold) return real_->append(bytes);
      held_ += bytes;
      owner_.most_queued = std::max(owner_.most_queued, held_.size());
      return true;
    }
    std::size_t queued() const noexcept override { return owner_.hold ? held_.size() : 0; }
    void on_drained(UniqueFunction<void()> call) override { drained_ = std::move(call); }
    Future<BlobInfo> finish() override { return real_->finish(); }
    void finish(UniqueFunction<void(Expected<BlobInfo>)> done) override {
      if (!owner_.hold) return real_->finish(std::move(done));
      done_ = std::move(done);
    }
    void release() {
      if (!held_.empty()) (void)real_->append(std::exchange(held_, {}));
      if (drained_) drained_();
      if (done_) real_->finish(std::exchange(done_, nullptr));
    }

   private:
    SlowDisk& owner_;
    std::shared_ptr<BlobWriter> real_;
    std::string held_;
    UniqueFunction<void()> drained_;
    UniqueFunction<void(Expected<BlobInfo>)> done_;
  };
  BlobStore& disk_;
  std::vector<std::weak_ptr<Writer>> writers_;
};

inline double metric_of(const std::string& name_and_labels) {
  const auto text = "\n" + metrics::text();
  const auto at = text.find("\n" + name_and_labels + " ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + name_and_labels.size() + 2));
}

struct BlobWorld {
  explicit BlobWorld(HttpLimits limits = {}, std::size_t shard_mailbox = 1000)
      : loop(clock), shard(clock, shard_mailbox), name(next_name()) {
    store::BlobOptions options;
    options.path = folder.file("blobs");
    auto made = store::FileBlobStore::open(options);
    REQUIRE(made);
    files = std::move(*made);
    disk = std::make_unique<SlowDisk>(*files);
    server = std::make_unique<HttpServer>(loop, HttpServerSettings{name, limits, disk.get()});
    port = server->listen("127.0.0.1:0")->port;
  }
  ~BlobWorld() {
    server.reset();
    settle();
    files->stop();
  }
  static std::string next_name() {
    static int count = 0;
    return "blobs" + std::to_string(++count);
  }
  Client client() {
    Client out(port);
    out.while_waiting([this] { step(); });
    return out;
  }
  void step() {
    loop.step();
    shard.run_ready();
  }
  void settle() {
    for (int i = 0; i < 30; ++i) step();
  }
  template <class Condition>
  void until(Condition condition) {
    for (int i = 0; i < 4'000'000 && !condition(); ++i) step();
    REQUIRE(condition());
  }
  void advance(Duration span) {
    clock.advance(span);
    settle();
  }
  double dropped(const std::string& reason) const {
    return metric_of("herald_http_dropped_total{reason=\"" + reason + "\",server=\"" + name + "\"}");
  }
  BlobInfo put(std::string bytes) {
    auto info = waiting.await(files->put(std::move(bytes)));
    REQUIRE(info);
    return *info;
  }
  std::string content(const BlobInfo& info) { return waiting.await(files->read(info.id, 0, info.size + 1)).value(); }
  std::size_t stored() { return waiting.await(files->list({}, 1000))->size(); }
  // Everything in the directory, unfinished ones too.
  std::size_t files_on_disk() {
    (void)stored();
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.file("blobs")))
      if (entry.path().filename() != "lock") ++count;
    return count;
  }

  VirtualClock clock;
  TemporaryFolder folder;
  WaitingExecutor waiting;
  std::unique_ptr<store::FileBlobStore> files;
  std::unique_ptr<SlowDisk> disk;
  IoLoop loop;
  ManualExecutor shard;
  std::string name;
  std::unique_ptr<HttpServer> server;
  std::uint16_t port = 0;
};

// Bytes in which a shift or a swap shows.
inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (auto& c : bytes) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  return bytes;
}

}  // namespace herald::test
