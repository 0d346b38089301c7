#include "herald/executor.h"

namespace herald {

namespace {
thread_local Executor* current_executor = nullptr;
}

Executor* Executor::current() noexcept { return current_executor; }

Executor::Current::Current(Executor& executor) noexcept : previous_(current_executor) { current_executor = &executor; }
Executor::Current::~Current() { current_executor = previous_; }

}  // namespace herald
