// Pauses of coroutines that end with their agent.
// Thread: the agent's shard.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "herald/servlet_context.h"

namespace herald::receiver {

class Waits {
 public:
  // Until then, or until release(): whoever waited asks whether the agent is stopping.
  [[nodiscard]] Future<void> wait(ServletContext& context, Duration delay) {
    const auto number = ++number_;
    auto promise = std::make_shared<Promise<void>>();
    auto future = promise->future();
    auto& timers = context.executor().timers();
    const auto timer = timers.start_at(context.clock().now() + delay, [this, number] {
      if (auto node = waiting_.extract(number)) node.mapped().promise->set({});
    });
    waiting_.emplace(number, Waiting{timer, std::move(promise)});
    return future;
  }
  void release(ServletContext& context) {
    for (auto& [number, waiting] : std::exchange(waiting_, {})) {
      context.executor().timers().cancel(waiting.timer);
      waiting.promise->set({});
    }
  }

 private:
  struct Waiting {
    TimerId timer;
    std::shared_ptr<Promise<void>> promise;
  };
  std::uint64_t number_ = 0;
  std::map<std::uint64_t, Waiting> waiting_;
};

}  // namespace herald::receiver
