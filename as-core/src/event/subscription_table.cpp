#include "event/subscription_table.h"

#include <algorithm>

#include "event/subscription_activity.h"

namespace herald::event {

Entry::Entry() = default;
Entry::~Entry() = default;
SubscriptionTable::SubscriptionTable() = default;
SubscriptionTable::~SubscriptionTable() = default;

std::optional<SubscriptionId> subscription_id(std::string_view text) noexcept {
  SubscriptionId id{};
  if (text.size() != id.size()) return std::nullopt;
  std::copy(text.begin(), text.end(), id.begin());
  return id;
}

std::uint32_t second_of(WallTime time) noexcept {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time.time_since_epoch()).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 1, UINT32_MAX));
}

// FNV-1a with a last stir, for the index takes high and low bits.
std::uint64_t hash_of(std::string_view a, std::string_view b, std::string_view c) noexcept {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto add = [&hash](std::string_view part) {
    for (const char character : part) hash = (hash ^ static_cast<unsigned char>(character)) * 1099511628211ULL;
    hash = (hash ^ 0x0aU) * 1099511628211ULL;  // no part contains a line feed
  };
  add(a);
  add(b);
  add(c);
  hash ^= hash >> 32U;
  hash *= 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29U);
}

Slot SubscriptionTable::make() {
  Slot slot = free_;
  if (slot != kNoSlot) {
    free_ = (*this)[slot].by_resource.next;
    (*this)[slot].by_resource = {};
  } else {
    slot = made_++;
    if (slot / kChunk == chunks_.size()) chunks_.push_back(std::make_unique<Chunk>());
  }
  (*this)[slot].used = true;
  return slot;
}

void SubscriptionTable::link(Slot slot) {
  auto& entry = (*this)[slot];
  dialogs_.insert(entry.dialog_hash, slot);
  ids_.emplace_hint(ids_.end(), entry.id, slot);  // ids grow with time
  if (const auto first = first_of_resource(entry.resource_hash); first != kNoSlot) {
    entry.by_resource.next = first;
    (*this)[first].by_resource.previous = slot;
    resources_.replace(entry.resource_hash, slot);
  } else {
    resources_.insert(entry.resource_hash, slot);
  }
  const auto second = entry.expires;
  entry.expires = 0;
  set_expiry(slot, second);
}

void SubscriptionTable::erase(Slot slot) {
  auto& entry = (*this)[slot];
  if (const auto found = ids_.find(entry.id); !entry.fetch && found != ids_.end() && found->second == slot) {
    ids_.erase(found);
    dialogs_.erase(entry.dialog_hash, slot);
    unlink_resource(slot);
    unlink_expiry(slot);
  }
  const auto generation = entry.generation + 1 == 0 ? 1 : entry.generation + 1;
  std::destroy_at(&entry);
  std::construct_at(&entry);
  entry.generation = generation;
  entry.by_resource.next = free_;
  free_ = slot;
}

Entry* SubscriptionTable::find(EntryHandle handle) noexcept {
  if (handle.slot >= made_) return nullptr;
  auto& entry = (*this)[handle.slot];
  return entry.used && entry.generation == handle.generation ? &entry : nullptr;
}

Slot SubscriptionTable::find_id(std::string_view text) const {
  const auto id = subscription_id(text);
  if (!id) return kNoSlot;
  const auto found = ids_.find(*id);
  return found == ids_.end() ? kNoSlot : found->second;
}

Slot SubscriptionTable::first_of_resource(std::uint64_t hash) const {
  return resources_.find(hash, [](Slot) { return true; });
}

void SubscriptionTable::unlink_resource(Slot slot) {
  auto& entry = (*this)[slot];
  const auto [previous, next] = entry.by_resource;
  if (next != kNoSlot) (*this)[next].by_resource.previous = previous;
  if (previous != kNoSlot) {
    (*this)[previous].by_resource.next = next;
  } else if (next != kNoSlot) {
    resources_.replace(entry.resource_hash, next);
  } else {
    resources_.erase(entry.resource_hash, slot);
  }
  entry.by_resource = {};
}

void SubscriptionTable::unlink_expiry(Slot slot) {
  auto& entry = (*this)[slot];
  const auto [previous, next] = entry.by_expiry;
  if (next != kNoSlot) (*this)[next].by_expiry.previous = previous;
  if (previous != kNoSlot) {
    (*this)[previous].by_expiry.next = next;
  } else if (next != kNoSlot) {
    expiries_[entry.expires] = next;
  } else {
    expiries_.erase(entry.expires);
  }
  entry.by_expiry = {};
  entry.expires = 0;
}

void SubscriptionTable::set_expiry(Slot slot, std::uint32_t second) {
  auto& entry = (*this)[slot];
  if (entry.expires == second) return;
  if (entry.expires != 0) unlink_expiry(slot);
  entry.expires = second;
  if (second == 0) return;
  auto& first = expiries_.try_emplace(second, kNoSlot).first->second;
  if (first != kNoSlot) (*this)[first].by_expiry.previous = slot;
  entry.by_expiry.next = first;
  first = slot;
}

std::optional<std::uint32_t> SubscriptionTable::next_expiry() const {
  return expiries_.empty() ? std::nullopt : std::optional(expiries_.begin()->first);
}

Slot SubscriptionTable::expired(std::uint32_t second) const {
  return expiries_.empty() || expiries_.begin()->first > second ? kNoSlot : expiries_.begin()->second;
}

}  // namespace herald::event
