// Coroutines that read straight down and never leave their shard.
//
//   Task<T>     a lazy coroutine; starts when awaited or spawned, resumes its awaiter directly.
//   Promise<T>  one result, set once from any thread.   Future<T>  its awaitable end.
//
// `co_await future` yields Expected<T> and continues on the executor that awaited, whatever thread set the value. A promise
// destroyed unset yields Error{gone}. There must be an Executor::current() at the co_await.
//
// Lifetime: a spawned task owns its frame until it ends. What it captured by reference must outlive it: hand it values, or
// objects owned by the shard.
//
// GCC 12: do not build an aggregate with braces inside a co_await expression or in the arguments of a coroutine call; name
// it first and move it in. (GCC 12 destroys such temporaries twice.)
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

#include "herald/executor.h"
#include "herald/expected.h"

namespace herald {

template <class T>
class Task;

namespace detail {

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
    auto next = self.promise().continuation;
    return next ? next : std::noop_coroutine();
  }
  void await_resume() const noexcept {}
};

struct TaskPromiseBase {
  std::coroutine_handle<> continuation;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::variant<std::monostate, T, std::exception_ptr> result;
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    result.template emplace<1>(std::forward<U>(value));
  }
  void unhandled_exception() noexcept { result.template emplace<2>(std::current_exception()); }
  T take() {
    if (result.index() == 2) std::rethrow_exception(std::get<2>(result));
    return std::move(std::get<1>(result));
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  std::exception_ptr error;
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error = std::current_exception(); }
  void take() const {
    if (error) std::rethrow_exception(error);
  }
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) noexcept : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      Handle handle;
      bool await_ready() const noexcept { return !handle || handle.done(); }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
        handle.promise().continuation = awaiting;
        return handle;
      }
      T await_resume() const { return handle.promise().take(); }
    };
    return Awaiter{handle_};
  }

 private:
  Handle handle_;
};

namespace detail {
template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}

// A coroutine that owns itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }  // spawn() lets nothing through
  };
};
template <class OnError>
Detached run_detached(Task<void> task, OnError on_error) {
  try {
    co_await std::move(task);
  } catch (...) {
    on_error(std::current_exception());
  }
}
void report_unhandled(const std::exception_ptr& error) noexcept;  // counts and logs
}  // namespace detail

// Starts a task on the calling executor at once. An exception that leaves it goes to on_error, never further.
template <class OnError>
void spawn(Task<void> task, OnError on_error) {
  detail::run_detached(std::move(task), std::move(on_error));
}
// The same; what leaves it is counted and logged. Not inline: GCC 12 gives coroutines of lambdas in inline functions local
// symbols.
void spawn(Task<void> task);

namespace detail {

template <class T>
class SharedResult {
 public:
  void set(Expected<T> value) {
    std::coroutine_handle<> waiter;
    Executor* where = nullptr;
    {
      std::lock_guard lock(mutex_);
      if (value_) return;
      value_.emplace(std::move(value));
      waiter = std::exchange(waiter_, {});
      where = where_;
    }
    if (waiter) where->complete([waiter] { waiter.resume(); });
  }
  bool ready() {
    std::lock_guard lock(mutex_);
    return value_.has_value();
  }
  bool wait(std::coroutine_handle<> waiter) {  // false: the value came first, do not suspend
    std::lock_guard lock(mutex_);
    if (value_) return false;
    waiter_ = waiter;
    where_ = Executor::current();
    return true;
  }
  Expected<T> take() { return std::move(*value_); }

 private:
  std::mutex mutex_;  // the two ends may live on two threads
  std::optional<Expected<T>> value_;
  std::coroutine_handle<> waiter_;
  Executor* where_ = nullptr;
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Future {
 public:
  explicit Future(std::shared_ptr<detail::SharedResult<T>> state) noexcept : state_(std::move(state)) {}
  [[nodiscard]] bool ready() const { return state_->ready(); }

  auto operator co_await() const noexcept {
    struct Awaiter {
      std::shared_ptr<detail::SharedResult<T>> state;
      bool await_ready() const { return state->ready(); }
      bool await_suspend(std::coroutine_handle<> waiter) const { return state->wait(waiter); }
      Expected<T> await_resume() const { return state->take(); }
    };
    return Awaiter{state_};
  }

 private:
  std::shared_ptr<detail::SharedResult<T>> state_;
};

template <class T = void>
class Promise {
 public:
  Promise() : state_(std::make_shared<detail::SharedResult<T>>()) {}
  Promise(Promise&&) noexcept = default;
  Promise& operator=(Promise&& other) noexcept {
    abandon();
    state_ = std::move(other.state_);
    return *this;
  }
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  ~Promise() { abandon(); }

  [[nodiscard]] Future<T> future() const { return Future<T>(state_); }
  // The first call wins; from any thread.
  void set(Expected<T> value) { state_->set(std::move(value)); }

 private:
  void abandon() {
    if (state_) state_->set(fail(ErrorCode::gone, "the answering side ended without an answer"));
  }
  std::shared_ptr<detail::SharedResult<T>> state_;
};

template <class T>
Future<T> ready(Expected<T> value) {
  Promise<T> promise;
  auto future = promise.future();
  promise.set(std::move(value));
  return future;
}

// Suspends until `due` on the calling executor's clock.
inline Future<void> sleep_until(TimePoint due) {
  auto promise = std::make_shared<Promise<void>>();
  auto future = promise->future();
  Executor::current()->timers().start_at(due, [promise] { promise->set({}); });
  return future;
}
inline Future<void> sleep_for(Duration span) { return sleep_until(Executor::current()->clock().now() + span); }

}  // namespace herald
