#include "doubles/chaos_store.h"

#include <memory>
#include <utility>

namespace herald::test {
namespace {

template <class T>
Task<void> answer_later(Future<T> answer, Duration delay, std::shared_ptr<Promise<T>> promise) {
  auto result = co_await answer;
  if (delay > Duration::zero()) co_await sleep_for(delay);
  promise->set(std::move(result));
}

template <class T>
Future<T> delayed(Future<T> answer, Duration delay) {
  if (delay <= Duration::zero()) return answer;
  auto promise = std::make_shared<Promise<T>>();
  auto future = promise->future();
  spawn(answer_later(std::move(answer), delay, std::move(promise)));
  return future;
}

template <class T>
Future<T> away() {
  return ready<T>(fail(ErrorCode::unavailable, "store: unavailable (told so by the test)"));
}

Task<void> drop(Future<Committed> answer, std::shared_ptr<Promise<Committed>> promise) {
  (void)co_await answer;
  promise->set(fail(ErrorCode::unavailable, "store: the answer was lost (told so by the test)"));
}

Future<Committed> lost(Future<Committed> answer) {
  auto promise = std::make_shared<Promise<Committed>>();
  auto future = promise->future();
  spawn(drop(std::move(answer), std::move(promise)));
  return future;
}

}  // namespace

Future<Record> ChaosStore::get(Key key) { return delayed(away_ ? away<Record>() : inner_.get(std::move(key)), delay_); }

Future<Committed> ChaosStore::commit(Batch batch) {
  if (until_away_ && (*until_away_)-- == 0) unavailable(true);
  if (away_) return delayed(away<Committed>(), delay_);
  if (fail_commits_ > 0) {
    --fail_commits_;
    return delayed(ready<Committed>(fail(code_, "store: refused (told so by the test)")), delay_);
  }
  ++commits_;
  auto answer = inner_.commit(std::move(batch));
  if (lose_answers_ > 0) {
    --lose_answers_;
    answer = lost(std::move(answer));
  }
  return delayed(std::move(answer), delay_);
}

Future<Page> ChaosStore::scan(Scan scan) { return delayed(away_ ? away<Page>() : inner_.scan(std::move(scan)), delay_); }

Future<Page> ChaosStore::due(std::string table, WallTime until, std::size_t limit) {
  return delayed(away_ ? away<Page>() : inner_.due(std::move(table), until, limit), delay_);
}

Future<Lease> ChaosStore::acquire(std::string owner, std::string partition, Duration length) {
  return delayed(away_ ? away<Lease>() : inner_.acquire(std::move(owner), std::move(partition), length), delay_);
}

Future<void> ChaosStore::release(std::string owner, std::string partition) {
  return delayed(away_ ? away<void>() : inner_.release(std::move(owner), std::move(partition)), delay_);
}

}  // namespace herald::test
