#include "store/blob_store_files.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "base/mailbox.h"
#include "herald/log.h"
#include "herald/record.h"
#include "store/blob_catalog.h"
#include "store/blob_folder.h"
#include "store/blob_metrics.h"
#include "store/blob_trailer.h"

namespace herald::store {
namespace {

using Done = UniqueFunction<void(Expected<BlobInfo>)>;

constexpr std::size_t kCallWeight = 256;  // a call without bytes
constexpr std::size_t kMaxBatch = 64;     // calls that share one sync of the directory
constexpr std::size_t kMaxListed = 1000;

}  // namespace

// The queue and what its thread works on.
class FileBlobStore::Core final {
 public:
  Core(BlobOptions options, BlobFolder folder)
      : options_(std::move(options)),
        clock_(options_.clock != nullptr ? *options_.clock : system_clock()),
        path_(folder.path()),
        folder_(std::move(folder)) {
    metrics.queue_limit.set(static_cast<double>(options_.max_queued_calls));
    metrics.queue_bytes_limit.set(static_cast<double>(options_.max_queued_bytes));
    metrics.stored_bytes_limit.set(static_cast<double>(options_.max_total_bytes));
    show_usage();
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const BlobOptions& options() const noexcept { return options_; }

  // Refused when too much waits. What belongs to something admitted before (`reserved`) is only refused after the end.
  Expected<void> submit(Work work, std::size_t bytes = 0, bool reserved = false) {
    std::optional<Error> refused;
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        refused = Error{ErrorCode::unavailable, "blobs: stopped"};
      } else if (!reserved &&
                 (queue_.size() >= options_.max_queued_calls || bytes_ + bytes + kCallWeight > options_.max_queued_bytes)) {
        refused = Error{ErrorCode::busy, "blobs: queue full", std::chrono::milliseconds(500)};
        first = !std::exchange(refusing_, true);
      } else {
        bytes_ += bytes + kCallWeight;
        queue_.push_back({std::move(work), bytes + kCallWeight});
        metrics.queue_used.set(static_cast<double>(queue_.size()));
        metrics.queue_bytes.set(static_cast<double>(bytes_));
      }
    }
    if (!refused) {
      wake_.notify_one();
      return {};
    }
    if (first)
      log::event(blob_catalog::kQueueFull, {{"limit", options_.max_queued_calls}, {"limit_bytes", options_.max_queued_bytes}});
    metrics.failed(refused->code);
    return fail(std::move(*refused));
  }

  template <class T, class Call>
  Future<T> ask(BlobCall what, Call call) {
    metrics.call(what);
    auto promise = std::make_shared<Promise<T>>();
    auto future = promise->future();
    auto taken = submit([this, promise, call = std::move(call)]() mutable {
      auto result = call(*folder_);
      if (!result) note(result.error());
      promise->set(std::move(result));
    });
    if (!taken) promise->set(fail(taken.error()));
    return future;
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
  }

  // -- the blob thread --

  void run() {
    std::deque<Item> batch;
    while (take(batch)) {
      const HeldWakeups one_for_all;
      for (auto& item : batch) {
        try {
          item.work();
        } catch (const std::exception& error) {  // lack of memory: this call is not answered, and its promise tells
          note(Error{ErrorCode::unavailable, std::string("blobs: ") + error.what()});
        }
        item.work = nullptr;  // what it holds goes before the next one runs
      }
      settle();
      give_back(batch);
    }
    folder_.reset();  // a writer may keep this object alive, not the directory
  }

  Expected<PartFile> begin() { return folder_->begin(make_id(clock_.wall())); }

  Expected<void> write(PartFile& file, std::string_view bytes) {
    if (options_.max_total_bytes > 0 && folder_->usage().bytes + file.size() + bytes.size() > options_.max_total_bytes)
      return Unexpected(Error{ErrorCode::unavailable, "blobs: store.blobs_max_size is reached", std::chrono::seconds(30)});
    auto ok = file.append(bytes);
    if (ok) metrics.written.add(static_cast<double>(bytes.size()));
    return ok;
  }

  // `done` is told when the name is durable too.
  void keep(PartFile file, Done done) {
    auto info = folder_->keep(std::move(file));
    kept_.push_back({std::move(info), std::move(done)});
  }

  // Counts an error and tells the operator of a new kind of trouble.
  void note(const Error& error) {
    metrics.failed(error.code);
    if (error.code == ErrorCode::corrupt) return log::event(blob_catalog::kCorrupt, {{"path", path_}, {"error", error.text}});
    if (error.code != ErrorCode::unavailable || std::exchange(faulty_, true)) return;
    const bool full = error.text.ends_with("No space left on device") || error.text.ends_with("quota exceeded") ||
                      error.text.ends_with("File too large") || error.text.ends_with("is reached");
    log::event(full ? blob_catalog::kFull : blob_catalog::kIoFailed, {{"path", path_}, {"error", error.text}});
  }

  BlobMetrics metrics;

 private:
  struct Item {
    Work work;
    std::size_t bytes = 0;
  };
  struct Kept {
    Expected<BlobInfo> info;
    Done done;
  };

  bool take(std::deque<Item>& batch) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    while (!queue_.empty() && batch.size() < kMaxBatch) {
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return !batch.empty();
  }

  void give_back(std::deque<Item>& batch) {
    std::size_t bytes = 0;
    for (const auto& item : batch) bytes += item.bytes;
    batch.clear();
    const std::lock_guard lock(mutex_);
    bytes_ -= bytes;
    if (queue_.size() < options_.max_queued_calls / 2 && bytes_ < options_.max_queued_bytes / 2) refusing_ = false;
    metrics.queue_used.set(static_cast<double>(queue_.size()));
    metrics.queue_bytes.set(static_cast<double>(bytes_));
  }

  // One sync of the directory for all that were completed together.
  void settle() {
    show_usage();
    if (kept_.empty()) return;
    Expected<void> synced;
    if (std::any_of(kept_.begin(), kept_.end(), [](const Kept& kept) { return kept.info.has_value(); }))
      synced = folder_->sync_names();
    for (auto& kept : std::exchange(kept_, {})) {
      if (kept.info && !synced) {
        (void)folder_->remove(kept.info->id);  // nobody will know its name
        kept.info = fail(synced.error());
      }
      if (!kept.info)
        note(kept.info.error());
      else if (std::exchange(faulty_, false))
        log::event(blob_catalog::kRecovered, {{"path", path_}});
      kept.done(std::move(kept.info));
    }
  }

  void show_usage() const noexcept {
    metrics.stored.set(static_cast<double>(folder_->usage().count));
    metrics.stored_bytes.set(static_cast<double>(folder_->usage().bytes));
  }

  const BlobOptions options_;
  const Clock& clock_;
  const std::string path_;
  // The blob thread's alone once it runs.
  std::optional<BlobFolder> folder_;
  std::vector<Kept> kept_;
  bool faulty_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Item> queue_;
  std::size_t bytes_ = 0;
  bool refusing_ = false;
  bool stopping_ = false;
};

// The caller's end of a blob being written; `State` is shared with the work it has queued.
class FileBlobStore::Writer final : public BlobWriter {
 public:
  Writer(std::shared_ptr<Core> core, std::uint64_t max_bytes)
      : state_(std::make_shared<State>(std::move(core))), left_(max_bytes) {}
  ~Writer() override {
    if (finished_) return;
    // Also when nothing was written yet: the file may be on its way.
    (void)state_->core->submit(
        [state = state_] {
          if (state->file) state->core->metrics.aborted.add();
          state->drop();
        },
        0, true);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  bool append(std::string_view bytes) override {
    if (finished_ || state_->refused.load(std::memory_order_acquire)) return false;
    if (bytes.empty()) return true;
    if (bytes.size() > left_) return refuse(Error{ErrorCode::too_large, "blobs: the content is larger than allowed"});
    left_ -= bytes.size();
    state_->queued += bytes.size();
    auto taken = state_->core->submit([state = state_, piece = std::string(bytes)] { state->write(piece); }, bytes.size());
    if (taken) return true;
    state_->queued -= bytes.size();
    return refuse(std::move(taken.error()));
  }

  std::size_t queued() const noexcept override { return state_->queued.load(std::memory_order_acquire); }

  void on_drained(UniqueFunction<void()> call) override {
    {
      const std::lock_guard lock(state_->mutex);
      state_->drained = std::move(call);
      ++state_->drained_version;
    }
    // Nothing may be lost between a look at queued() and this call.
    if (queued() == 0) (void)state_->core->submit([state = state_] { state->tell_drained(); }, 0, true);
  }

  Future<BlobInfo> finish() override {
    auto promise = std::make_shared<Promise<BlobInfo>>();
    auto future = promise->future();
    finish([promise](Expected<BlobInfo> info) { promise->set(std::move(info)); });
    return future;
  }

  void finish(Done done) override {
    if (std::exchange(finished_, true)) return done(fail(ErrorCode::invalid, "blobs: finished already"));
    auto shared = std::make_shared<Done>(std::move(done));
    auto taken = state_->core->submit([state = state_, shared] { state->finish(std::move(*shared)); }, 0, true);
    if (!taken) (*shared)(fail(taken.error()));
  }

 private:
  struct State {
    explicit State(std::shared_ptr<Core> owner) : core(std::move(owner)) {}

    const std::shared_ptr<Core> core;
    std::atomic<std::size_t> queued{0};
    std::atomic<bool> refused{false};
    std::mutex mutex;  // guards the three below
    std::optional<Error> error;
    UniqueFunction<void()> drained;
    std::uint64_t drained_version = 0;
    // The blob thread's alone.
    std::optional<PartFile> file;

    bool fail_with(Error why) {
      refused.store(true, std::memory_order_release);
      const std::lock_guard lock(mutex);
      if (error) return false;
      error = std::move(why);
      return true;
    }

    void drop() {
      file.reset();
      const std::lock_guard lock(mutex);
      drained = nullptr;
    }

    Expected<void> begin() {
      if (file) return {};
      auto begun = core->begin();
      if (!begun) return fail(begun.error());
      file.emplace(std::move(*begun));
      return {};
    }

    void write(const std::string& piece) {
      if (!refused.load(std::memory_order_acquire)) {
        auto ok = begin();
        if (ok) ok = core->write(*file, piece);
        if (!ok && fail_with(ok.error())) core->note(ok.error());
      }
      if (refused.load(std::memory_order_acquire)) file.reset();
      if (queued.fetch_sub(piece.size()) == piece.size()) tell_drained();
    }

    // Outside the lock: the call may set another one.
    void tell_drained() {
      if (queued.load(std::memory_order_acquire) != 0) return;  // more has come meanwhile
      UniqueFunction<void()> call;
      std::uint64_t version = 0;
      {
        const std::lock_guard lock(mutex);
        call = std::move(drained);
        version = drained_version;
      }
      if (!call) return;
      call();
      const std::lock_guard lock(mutex);
      if (version == drained_version) drained = std::move(call);
    }

    void finish(Done done) {
      if (!refused.load(std::memory_order_acquire)) {
        if (auto ok = begin(); !ok && fail_with(ok.error())) core->note(ok.error());
      }
      std::optional<Error> why;
      {
        const std::lock_guard lock(mutex);
        why = error;
      }
      if (why) {
        drop();
        return done(Unexpected(std::move(*why)));
      }
      auto whole = std::move(*file);
      drop();
      core->keep(std::move(whole), std::move(done));
    }
  };

  bool refuse(Error why) {
    state_->fail_with(std::move(why));
    return false;
  }

  const std::shared_ptr<State> state_;
  std::uint64_t left_;
  bool finished_ = false;
};

// -- the store ---------------------------------------------------------------------------------------------------------

Expected<std::unique_ptr<FileBlobStore>> FileBlobStore::open(BlobOptions options) {
  auto folder = options.path.empty() ? BlobFolder::open_temporary() : BlobFolder::open(options.path);
  if (!folder) {
    log::event(blob_catalog::kCannotOpen, {{"path", options.path}, {"error", folder.error().text}});
    return fail(std::move(folder.error()));
  }
  log::event(blob_catalog::kOpened,
             {{"path", folder->path()}, {"blobs", folder->usage().count}, {"bytes", folder->usage().bytes}});
  if (folder->leftovers_removed() > 0)
    log::event(blob_catalog::kLeftovers, {{"path", folder->path()}, {"count", folder->leftovers_removed()}});
  return std::unique_ptr<FileBlobStore>(new FileBlobStore(std::make_shared<Core>(std::move(options), std::move(*folder))));
}

FileBlobStore::FileBlobStore(std::shared_ptr<Core> core) : core_(std::move(core)), thread_([core = core_] { core->run(); }) {}

FileBlobStore::~FileBlobStore() { stop(); }

void FileBlobStore::stop() {
  core_->stop();
  if (thread_.joinable()) thread_.join();
}

const std::string& FileBlobStore::path() const noexcept { return core_->path(); }

std::shared_ptr<BlobWriter> FileBlobStore::create(std::uint64_t max_bytes) {
  core_->metrics.call(BlobCall::create);
  return std::make_shared<Writer>(core_, max_bytes);
}

Future<BlobInfo> FileBlobStore::put(std::string bytes) {
  core_->metrics.call(BlobCall::put);
  auto promise = std::make_shared<Promise<BlobInfo>>();
  auto future = promise->future();
  const auto size = bytes.size();
  auto taken = core_->submit(
      [core = core_.get(), promise, bytes = std::move(bytes)] {
        auto file = core->begin();
        Expected<void> ok;
        if (!file)
          ok = fail(file.error());
        else
          ok = core->write(*file, bytes);
        if (ok) return core->keep(std::move(*file), [promise](Expected<BlobInfo> info) { promise->set(std::move(info)); });
        core->note(ok.error());
        promise->set(fail(ok.error()));
      },
      size);
  if (!taken) promise->set(fail(taken.error()));
  return future;
}

Future<BlobInfo> FileBlobStore::find(std::string id) {
  return core_->ask<BlobInfo>(BlobCall::find, [id = std::move(id)](BlobFolder& folder) { return folder.find(id); });
}

Future<std::string> FileBlobStore::read(std::string id, std::uint64_t offset, std::size_t bytes) {
  const auto most = core_->options().max_read;
  return core_->ask<std::string>(BlobCall::read,
                                 [id = std::move(id), offset, bytes, most](BlobFolder& folder) -> Expected<std::string> {
                                   if (bytes > most) return fail(ErrorCode::too_large, "blobs: too much for one read");
                                   return folder.read(id, offset, bytes);
                                 });
}

Future<void> FileBlobStore::remove(std::string id) {
  return core_->ask<void>(BlobCall::remove, [id = std::move(id)](BlobFolder& folder) { return folder.remove(id); });
}

Future<std::vector<BlobInfo>> FileBlobStore::list(std::string after, std::size_t limit) {
  const auto most = std::min(limit, kMaxListed);
  return core_->ask<std::vector<BlobInfo>>(
      BlobCall::list, [after = std::move(after), most](BlobFolder& folder) { return folder.list(after, most); });
}

Expected<int> FileBlobStore::open(std::string_view id) { return open_blob(core_->path(), id); }

}  // namespace herald::store
