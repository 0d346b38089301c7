// A store that misbehaves as told, in front of one that does not. ST-61
// Thread: one executor, the one that calls it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "herald/store.h"

namespace herald::test {

class ChaosStore final : public Store {
 public:
  explicit ChaosStore(Store& inner) : inner_(inner) {}

  // Every answer takes this long, by the timers of the executor that asks.
  void delay(Duration span) noexcept { delay_ = span; }
  // Everything fails with `unavailable` until told otherwise.
  void unavailable(bool away) noexcept {
    away_ = away;
    if (!away) until_away_.reset();
  }
  // After that many further commits it is unavailable.
  void fail_after(std::size_t commits) noexcept { until_away_ = commits; }
  // The next `count` commits are refused with this code and change nothing: conflict, fenced, busy …
  void fail_commits(std::size_t count, ErrorCode code = ErrorCode::conflict) noexcept {
    fail_commits_ = count;
    code_ = code;
  }
  // The next `count` commits are carried out, but the caller is told `unavailable`: the answer was lost.
  void lose_answers(std::size_t count) noexcept { lose_answers_ = count; }
  [[nodiscard]] std::size_t commits() const noexcept { return commits_; }  // that reached the store behind

  Future<Record> get(Key key) override;
  Future<Committed> commit(Batch batch) override;
  Future<Page> scan(Scan scan) override;
  Future<Page> due(std::string table, WallTime until, std::size_t limit) override;
  Future<Lease> acquire(std::string owner, std::string partition, Duration length) override;
  Future<void> release(std::string owner, std::string partition) override;

 private:
  Store& inner_;
  Duration delay_{};
  bool away_ = false;
  std::optional<std::size_t> until_away_;
  std::size_t fail_commits_ = 0;
  std::size_t lose_answers_ = 0;
  std::size_t commits_ = 0;
  ErrorCode code_ = ErrorCode::conflict;
};

}  // namespace herald::test
