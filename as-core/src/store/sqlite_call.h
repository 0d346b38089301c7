// One queued call of the store with the promise it answers.
// Thread: handed from the caller to the store's thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "herald/store.h"
#include "store/sqlite_engine.h"

namespace herald::store {

// The answer is kept until the transaction it belongs to is committed: nobody learns what a rollback may undo.
template <class T>
struct Answered {
  Promise<T> promise;
  std::optional<Expected<T>> answer;
  void settle() { promise.set(std::move(*answer)); }
};

struct GetCall : Answered<Record> {
  Key key;
  void read(SqliteEngine& engine) { answer = engine.get(key); }
};
struct ScanCall : Answered<Page> {
  Scan scan;
  void read(SqliteEngine& engine) { answer = engine.scan(scan); }
};
struct DueCall : Answered<Page> {
  std::string table;
  WallTime until;
  std::size_t limit = 0;
  void read(SqliteEngine& engine) { answer = engine.due(table, until, limit); }
};

struct CommitCall : Answered<Committed> {
  Batch batch;
  [[nodiscard]] bool durable() const noexcept { return batch.durability == Durability::durable; }
  Outcome<Committed> write(SqliteEngine& engine) const { return engine.apply(batch); }
};
struct AcquireCall : Answered<Lease> {
  std::string owner;
  std::string partition;
  Duration length{};
  [[nodiscard]] bool durable() const noexcept { return true; }  // a token that was given out must not be given out again
  Outcome<Lease> write(SqliteEngine& engine) const { return engine.acquire(owner, partition, length); }
};
struct ReleaseCall : Answered<void> {
  std::string owner;
  std::string partition;
  [[nodiscard]] bool durable() const noexcept { return false; }
  Outcome<void> write(SqliteEngine& engine) const { return engine.release(owner, partition); }
};

class SqliteCall {
 public:
  template <class Call>
  SqliteCall(Call call, std::size_t weight) : call_(std::move(call)), weight_(weight) {}

  [[nodiscard]] bool is_write() const noexcept { return call_.index() >= kFirstWrite; }
  [[nodiscard]] bool is_durable() const noexcept;
  [[nodiscard]] std::size_t weight() const noexcept { return weight_; }

  void read(SqliteEngine& engine);
  // False: the database failed, see the error; the transaction must be rolled back.
  Expected<void> write(SqliteEngine& engine);
  void fail_with(const Error& error);
  // The code of the answer's error, if it is one.
  [[nodiscard]] std::optional<ErrorCode> error_code() const noexcept;
  void settle();

 private:
  static constexpr std::size_t kFirstWrite = 3;
  std::variant<GetCall, ScanCall, DueCall, CommitCall, AcquireCall, ReleaseCall> call_;
  std::size_t weight_;
};

}  // namespace herald::store
