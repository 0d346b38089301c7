#include "store/sqlite_store.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "base/mailbox.h"
#include "store/store_catalog.h"

namespace herald::store {
namespace {

constexpr std::size_t kCallWeight = 256;  // a call without a body
constexpr std::size_t kManyCalls = 4;     // a group from which on more are to be expected

double seconds(Duration span) { return std::chrono::duration<double>(span).count(); }

}  // namespace

Expected<std::unique_ptr<SqliteStore>> SqliteStore::open(SqliteOptions options) {
  const Clock& clock = options.clock != nullptr ? *options.clock : system_clock();
  auto engine = SqliteEngine::open(options.file, clock, options.limits);
  if (!engine) return fail(std::move(engine.error()));
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(options), std::move(*engine)));
}

SqliteStore::SqliteStore(SqliteOptions options, std::unique_ptr<SqliteEngine> engine)
    : options_(std::move(options)),
      clock_(options_.clock != nullptr ? *options_.clock : system_clock()),
      metrics_("sqlite"),
      queue_used_(metrics::gauge("herald_store_queue_used", "Calls that wait for the store's thread or are carried out")),
      group_size_(metrics::histogram("herald_store_group_calls", "Calls that shared one transaction",
                                     {1, 2, 4, 8, 16, 32, 64, 128, 256})),
      group_seconds_(metrics::histogram("herald_store_group_seconds", "Time of one transaction with its sync",
                                        {0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5})),
      health_(options_.file.path),
      engine_(std::move(engine)) {
  metrics::gauge("herald_store_queue_limit", "Most calls that may wait").set(static_cast<double>(options_.max_queued_calls));
  thread_ = std::thread([this] { run(); });
}

SqliteStore::~SqliteStore() { stop(); }

void SqliteStore::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  const std::lock_guard lock(join_);
  if (thread_.joinable()) thread_.join();
}

// -- callers' side ----------------------------------------------------------------------------------------------------

template <class Call>
auto SqliteStore::submit(Call call, std::size_t weight) {
  auto future = call.promise.future();
  std::optional<Error> refused;
  bool first_refused = false;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    weight += kCallWeight;
    if (stopping_) {
      refused = Error{ErrorCode::unavailable, "store: stopped"};
    } else if (calls_ >= options_.max_queued_calls || bytes_ + weight > options_.max_queued_bytes) {
      refused = Error{ErrorCode::busy, "store: queue full", std::chrono::milliseconds(200)};
      first_refused = !std::exchange(refusing_, true);
    } else {
      ++calls_;
      bytes_ += weight;
      wake = queue_.empty() || queue_.size() + 1 >= options_.max_group;
      queue_.emplace_back(std::move(call), weight);
    }
  }
  if (wake) wake_.notify_one();
  if (!refused) return future;
  if (first_refused) log::event(catalog::kQueueFull, {{"limit", options_.max_queued_calls}});
  metrics_.failed(refused->code);
  call.promise.set(fail(std::move(*refused)));  // NOLINT(bugprone-use-after-move): moved only when not refused
  return future;
}

Future<Record> SqliteStore::get(Key key) {
  metrics_.call(StoreCall::get);
  if (auto ok = check_key(key, options_.limits); !ok) return ready<Record>(fail(ok.error()));
  GetCall call;
  call.key = std::move(key);
  return submit(std::move(call));
}

Future<Committed> SqliteStore::commit(Batch batch) {
  metrics_.call(StoreCall::commit);
  if (auto ok = check_batch(batch, options_.limits); !ok) return ready<Committed>(fail(ok.error()));
  const auto bytes = weight(batch);
  CommitCall call;
  call.batch = std::move(batch);
  return submit(std::move(call), bytes);
}

Future<Page> SqliteStore::scan(Scan scan) {
  metrics_.call(StoreCall::scan);
  if (auto ok = check_table(scan.table); !ok) return ready<Page>(fail(ok.error()));
  if (auto ok = parse_cursor(scan.cursor); !ok) return ready<Page>(fail(ok.error()));
  ScanCall call;
  call.scan = std::move(scan);
  return submit(std::move(call));
}

Future<Page> SqliteStore::due(std::string table, WallTime until, std::size_t limit) {
  metrics_.call(StoreCall::due);
  if (auto ok = check_table(table); !ok) return ready<Page>(fail(ok.error()));
  DueCall call;
  call.table = std::move(table);
  call.until = until;
  call.limit = limit;
  return submit(std::move(call));
}

Future<Lease> SqliteStore::acquire(std::string owner, std::string partition, Duration length) {
  metrics_.call(StoreCall::acquire);
  if (auto ok = check_lease(owner, partition, length, options_.limits); !ok) return ready<Lease>(fail(ok.error()));
  AcquireCall call;
  call.owner = std::move(owner);
  call.partition = std::move(partition);
  call.length = length;
  return submit(std::move(call));
}

Future<void> SqliteStore::release(std::string owner, std::string partition) {
  metrics_.call(StoreCall::release);
  ReleaseCall call;
  call.owner = std::move(owner);
  call.partition = std::move(partition);
  return submit(std::move(call));
}

// -- the store's thread -----------------------------------------------------------------------------------------------

void SqliteStore::run() {
  std::deque<SqliteCall> work;
  while (wait_for_work(work)) {
    while (!work.empty()) {
      try {
        run_group(work);
      } catch (const std::exception& error) {  // lack of memory: nothing of this group is kept
        give_up(work, error.what());
      }
      look_after_log();
    }
  }
  if (auto ok = engine_->checkpoint(true); !ok) health_.failed(ok.error());
  engine_.reset();  // closes the file and lets the lock go
}

bool SqliteStore::wait_for_work(std::deque<SqliteCall>& work) {
  std::unique_lock lock(mutex_);
  const auto something = [this] { return stopping_ || !queue_.empty(); };
  if (!wake_.wait_for(lock, options_.idle, something)) {
    lock.unlock();
    when_idle();
    lock.lock();
    wake_.wait(lock, something);
  }
  if (last_group_ >= kManyCalls) {
    wake_.wait_for(lock, options_.gather, [this] { return stopping_ || queue_.size() >= options_.max_group; });
  }
  work.swap(queue_);
  return !work.empty();
}

// One transaction: every call until the group is full or takes too long, COMMIT, then the answers.
void SqliteStore::run_group(std::deque<SqliteCall>& work) {
  const auto most = alone_ > 0 ? 1 : std::min(work.size(), options_.max_group);
  const auto end = work.begin() + static_cast<std::ptrdiff_t>(most);
  const bool durable = std::any_of(work.begin(), end, [](const SqliteCall& call) { return call.is_durable(); });
  const auto started = clock_.now();
  std::optional<Error> fault;
  bool open = false;
  std::size_t done = 0;
  while (done < most && !fault) {
    SqliteCall& call = work[done++];
    if (!call.is_write()) {
      call.read(*engine_);
    } else {
      if (!open) {
        if (auto ok = engine_->begin(durable ? Durability::durable : Durability::relaxed); !ok) fault = std::move(ok.error());
        open = !fault;
      }
      if (open)
        if (auto ok = call.write(*engine_); !ok) fault = std::move(ok.error());
    }
    if (clock_.now() - started > options_.max_group_time) break;
  }
  if (open && !fault)
    if (auto ok = engine_->commit(); !ok) fault = std::move(ok.error());
  if (alone_ > 0) --alone_;
  last_group_ = done;

  if (fault) {
    engine_->rollback();
    health_.failed(*fault);
    // One batch that hits a damaged page or the end of the disk must not take the others with it: try them alone. A lock of
    // another program would hold up each of them for the whole time-out, so then they fail together.
    if (done > 1 && fault->code != ErrorCode::busy) {
      alone_ = done;
      return;
    }
    for (std::size_t i = 0; i < done; ++i) {
      if (work[i].is_write())
        work[i].fail_with(as_answer(*fault));
      else
        work[i].read(*engine_);  // it may have seen what was rolled back
    }
  } else if (open) {
    health_.succeeded();
    group_size_.observe(static_cast<double>(done));
    group_seconds_.observe(seconds(clock_.now() - started));
  }
  settle(work, done);
}

void SqliteStore::give_up(std::deque<SqliteCall>& work, const char* why) {
  engine_->rollback();
  alone_ = 0;
  const Error error{ErrorCode::unavailable, std::string("store: ") + why, std::chrono::seconds(1)};
  health_.failed(error);
  for (auto& call : work) call.fail_with(error);
  settle(work, work.size());
}

void SqliteStore::settle(std::deque<SqliteCall>& work, std::size_t count) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) bytes += work[i].weight();
  bool relieved = false;
  {
    const std::lock_guard lock(mutex_);
    calls_ -= count;
    bytes_ -= bytes;
    relieved = refusing_ && calls_ < options_.max_queued_calls / 2 && bytes_ < options_.max_queued_bytes / 2;
    if (relieved) refusing_ = false;
    queue_used_.set(static_cast<double>(calls_));
  }
  if (relieved) log::event(catalog::kQueueRelieved);
  const HeldWakeups one_for_all;
  for (std::size_t i = 0; i < count; ++i) {
    if (const auto code = work[i].error_code()) metrics_.failed(*code);
    work[i].settle();
  }
  work.erase(work.begin(), work.begin() + static_cast<std::ptrdiff_t>(count));
}

void SqliteStore::look_after_log() {
  if (engine_->wal_pages() < options_.checkpoint_pages) return;
  if (auto ok = engine_->checkpoint(false); !ok) health_.failed(ok.error());
}

void SqliteStore::when_idle() {
  if (engine_->wal_pages() == 0) return;
  if (auto ok = engine_->checkpoint(true); !ok) health_.failed(ok.error());
}

}  // namespace herald::store
