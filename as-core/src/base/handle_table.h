// What a C callback gets instead of a pointer: an index and a generation. A callback that comes late finds nothing, never a
// ghost. Thread: one owner thread.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace herald {

struct Handle {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // 0 = none
  explicit operator bool() const noexcept { return generation != 0; }

  // As a `void*` for C, and back. The value is never dereferenced.
  [[nodiscard]] void* as_pointer() const noexcept {
    return reinterpret_cast<void*>((static_cast<std::uintptr_t>(generation) << 32U) | index);  // NOLINT
  }
  [[nodiscard]] static Handle from_pointer(const void* pointer) noexcept {
    const auto bits = reinterpret_cast<std::uintptr_t>(pointer);  // NOLINT
    return {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32U)};
  }
};
static_assert(sizeof(void*) == 8, "a handle fits a pointer on 64-bit targets only");

template <class T>
class HandleTable {
 public:
  Handle insert(T value) {
    std::uint32_t index = 0;
    if (free_.empty()) {
      index = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    auto& slot = slots_[index];
    slot.value = std::move(value);
    slot.used = true;
    ++size_;
    return {index, slot.generation};
  }
  [[nodiscard]] T* find(Handle handle) noexcept {
    if (handle.index >= slots_.size()) return nullptr;
    auto& slot = slots_[handle.index];
    return slot.used && slot.generation == handle.generation ? &slot.value : nullptr;
  }
  // The value, or a default one when the handle is stale.
  T take(Handle handle) {
    if (!find(handle)) return T{};
    auto& slot = slots_[handle.index];
    T value = std::exchange(slot.value, T{});
    slot.used = false;
    if (++slot.generation == 0) slot.generation = 1;
    free_.push_back(handle.index);
    --size_;
    return value;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  template <class F>
  void for_each(F f) {
    for (auto& slot : slots_)
      if (slot.used) f(slot.value);
  }

 private:
  struct Slot {
    T value{};
    std::uint32_t generation = 1;
    bool used = false;
  };
  std::deque<Slot> slots_;  // addresses stay while it grows
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

}  // namespace herald
