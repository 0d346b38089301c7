// Requests on their way. Whoever ends one first - answer, our own timer, a drop, the shutdown - takes the entry out; everybody
// who comes later finds nothing. FD-03, FD-33, FD-63
// Thread: any. What the library carries around is the handle, never a pointer.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "herald/task.h"
#include "sh_answer.h"

namespace herald::diameter {

struct PendingHandle {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // 0 = none
  [[nodiscard]] void* as_pointer() const noexcept;
  [[nodiscard]] static PendingHandle from_pointer(const void* pointer) noexcept;
};

class PendingTable {
 public:
  struct Opened {
    PendingHandle handle;
    Future<ShAnswer> answer;
  };
  // Nothing after stop() or when `limit` are open.
  [[nodiscard]] std::optional<Opened> open(std::size_t limit);

  // The End-to-End id under which the answer will come. False: the entry has ended meanwhile, do not send.
  [[nodiscard]] bool sent_as(PendingHandle handle, std::uint32_t end_to_end);

  // True for the first caller; the answer goes to the asker's executor.
  bool complete(PendingHandle handle, ShAnswer answer);
  bool complete_by_id(std::uint32_t end_to_end, ShAnswer answer);

  // Ends all with Kind::stopped and opens no more.
  std::size_t stop();

  [[nodiscard]] bool stopped() const;
  [[nodiscard]] bool is_open(PendingHandle handle) const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Slot {
    std::optional<Promise<ShAnswer>> promise;
    std::uint32_t generation = 1;
    std::uint32_t end_to_end = 0;
    bool has_id = false;
  };
  Slot* find(PendingHandle handle) noexcept;
  const Slot* find(PendingHandle handle) const noexcept;
  Promise<ShAnswer> take(Slot& slot, std::uint32_t index);

  mutable std::mutex mutex_;
  std::deque<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<std::uint32_t, PendingHandle> by_id_;
  std::size_t open_ = 0;
  bool stopped_ = false;
};

}  // namespace herald::diameter
