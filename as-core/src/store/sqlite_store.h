// The default store of a single node: SQLite on a thread of its own, with group commit.
// Thread: calls from any executor; they queue. Lifetime: destroy it (or stop() it) while the executors that wait for its
// answers still live; everything queued is carried out first.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "herald/store.h"
#include "store/sqlite_call.h"
#include "store/sqlite_engine.h"
#include "store/store_health.h"
#include "store/store_metrics.h"
#include "store/store_rules.h"

namespace herald::store {

struct SqliteOptions {
  DatabaseFile file;
  const Clock* clock = nullptr;  // null: the machine's
  RecordLimits limits;
  std::size_t max_queued_calls = 20'000;  // beyond either: Error{busy}
  std::size_t max_queued_bytes = std::size_t{64} << 20;
  // A group is what had queued up while the last one was written, so that the disk's own pace decides how many share a sync.
  // A lone call never waits for company; only after a group of many does the next one wait a moment for more (ST-01): a sync
  // and the pages of the indices cost the same for one call and for fifty.
  std::size_t max_group = 256;
  Duration max_group_time = std::chrono::milliseconds(5);
  Duration gather = std::chrono::milliseconds(1);
  // The log is moved into the database after this many pages, off the callers' path, and emptied when the store is idle.
  int checkpoint_pages = 4000;
  Duration idle = std::chrono::seconds(1);
};

class SqliteStore final : public Store {
 public:
  static Expected<std::unique_ptr<SqliteStore>> open(SqliteOptions options);
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  Future<Record> get(Key key) override;
  Future<Committed> commit(Batch batch) override;
  Future<Page> scan(Scan scan) override;
  Future<Page> due(std::string table, WallTime until, std::size_t limit) override;
  Future<Lease> acquire(std::string owner, std::string partition, Duration length) override;
  Future<void> release(std::string owner, std::string partition) override;

  // Carries out what is queued, refuses the rest, ends the thread. Not on the store's own thread.
  void stop();

 private:
  SqliteStore(SqliteOptions options, std::unique_ptr<SqliteEngine> engine);

  template <class Call>
  auto submit(Call call, std::size_t weight = 0);
  void run();                                        // the thread
  bool wait_for_work(std::deque<SqliteCall>& work);  // false: stopped and nothing left
  void run_group(std::deque<SqliteCall>& work);
  void give_up(std::deque<SqliteCall>& work, const char* why);
  void settle(std::deque<SqliteCall>& work, std::size_t count);
  void look_after_log();
  void when_idle();

  const SqliteOptions options_;
  const Clock& clock_;
  StoreMetrics metrics_;
  metrics::Gauge queue_used_;
  metrics::Histogram group_size_, group_seconds_;
  StoreHealth health_;
  std::unique_ptr<SqliteEngine> engine_;  // the thread's alone once it runs
  std::size_t last_group_ = 0;
  std::size_t alone_ = 0;  // so many calls of a failed group are carried out one by one

  std::mutex mutex_;  // guards what follows; the only thing callers and the thread share
  std::condition_variable wake_;
  std::deque<SqliteCall> queue_;
  std::size_t calls_ = 0;  // queued or being carried out
  std::size_t bytes_ = 0;
  bool refusing_ = false;
  bool stopping_ = false;
  std::mutex join_;  // two callers of stop()
  std::thread thread_;
};

}  // namespace herald::store
