#include "pending_table.h"

namespace herald::diameter {

static_assert(sizeof(void*) == 8, "a handle fits a pointer on 64-bit targets only");

void* PendingHandle::as_pointer() const noexcept {
  return reinterpret_cast<void*>((static_cast<std::uintptr_t>(generation) << 32U) | index);  // NOLINT: never dereferenced
}

PendingHandle PendingHandle::from_pointer(const void* pointer) noexcept {
  const auto bits = reinterpret_cast<std::uintptr_t>(pointer);
  return {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32U)};
}

std::optional<PendingTable::Opened> PendingTable::open(std::size_t limit) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || open_ >= limit) return std::nullopt;
  std::uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  auto& slot = slots_[index];
  slot.promise.emplace();
  ++open_;
  return Opened{{index, slot.generation}, slot.promise->future()};
}

bool PendingTable::sent_as(PendingHandle handle, std::uint32_t end_to_end) {
  const std::lock_guard lock(mutex_);
  auto* slot = find(handle);
  if (slot == nullptr) return false;
  slot->end_to_end = end_to_end;
  slot->has_id = true;
  by_id_[end_to_end] = handle;
  return true;
}

bool PendingTable::complete(PendingHandle handle, ShAnswer answer) {
  std::optional<Promise<ShAnswer>> promise;
  {
    const std::lock_guard lock(mutex_);
    auto* slot = find(handle);
    if (slot == nullptr) return false;
    promise.emplace(take(*slot, handle.index));
  }
  promise->set(std::move(answer));  // outside the lock: it posts to an executor
  return true;
}

bool PendingTable::complete_by_id(std::uint32_t end_to_end, ShAnswer answer) {
  PendingHandle handle;
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_id_.find(end_to_end);
    if (found == by_id_.end()) return false;
    handle = found->second;
  }
  return complete(handle, std::move(answer));
}

std::size_t PendingTable::stop() {
  std::vector<Promise<ShAnswer>> promises;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (std::uint32_t index = 0; index < slots_.size(); ++index) {
      if (slots_[index].promise) promises.push_back(take(slots_[index], index));
    }
  }
  for (auto& promise : promises) {
    ShAnswer answer;
    answer.kind = ShAnswer::Kind::stopped;
    promise.set(std::move(answer));
  }
  return promises.size();
}

bool PendingTable::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool PendingTable::is_open(PendingHandle handle) const {
  const std::lock_guard lock(mutex_);
  return find(handle) != nullptr;
}

std::size_t PendingTable::size() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

PendingTable::Slot* PendingTable::find(PendingHandle handle) noexcept {
  if (handle.index >= slots_.size()) return nullptr;
  auto& slot = slots_[handle.index];
  return slot.promise && slot.generation == handle.generation ? &slot : nullptr;
}

const PendingTable::Slot* PendingTable::find(PendingHandle handle) const noexcept {
  return const_cast<PendingTable*>(this)->find(handle);
}

Promise<ShAnswer> PendingTable::take(Slot& slot, std::uint32_t index) {
  auto promise = std::move(*slot.promise);
  slot.promise.reset();
  if (slot.has_id) by_id_.erase(slot.end_to_end);
  slot.has_id = false;
  if (++slot.generation == 0) slot.generation = 1;
  free_.push_back(index);
  --open_;
  return promise;
}

}  // namespace herald::diameter
