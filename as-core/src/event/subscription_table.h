// All subscriptions of a shard: one compact entry each, found by dialog, by id, by resource and by when they expire. Nothing here
// is rehashed or moved as a whole, so that a million of them grow without a stall.
// Thread: one shard. Lifetime: entries stay where they are until erased; an EntryHandle of an erased one finds nothing.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/spread_index.h"
#include "herald/clock.h"
#include "herald/notifier.h"

namespace herald::event {

struct Activity;

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = SpreadIndex::kNone;

struct EntryHandle {
  Slot slot = kNoSlot;
  std::uint32_t generation = 0;
};

using SubscriptionId = std::array<char, 26>;  // make_id()
[[nodiscard]] std::optional<SubscriptionId> subscription_id(std::string_view text) noexcept;

// Of the wall clock, rounded up: nothing ends before its time.
[[nodiscard]] std::uint32_t second_of(WallTime time) noexcept;

struct Link {
  Slot previous = kNoSlot;
  Slot next = kNoSlot;
};

struct Entry {
  Entry();
  ~Entry();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  std::string record;                  // encoded Subscription; its dialog's CSeq is stale, see below
  std::string etag;                    // of the state last told; empty: none, or not to be relied upon (PS-77)
  std::unique_ptr<Activity> activity;  // only while something is going on
  SubscriptionId id{};
  TimePoint last_notify{};  // zero: none yet
  std::uint64_t dialog_hash = 0;
  std::uint64_t resource_hash = 0;
  std::uint32_t key_hash = 0;
  std::uint32_t generation = 1;
  std::uint32_t expires = 0;        // second of the wall clock
  std::uint32_t cseq = 0;           // last used
  std::uint32_t cseq_reserved = 0;  // the record allows up to this (ST-40)
  Link by_resource, by_expiry;
  SubscriptionStatus status = SubscriptionStatus::active;
  std::uint8_t package = 0;
  bool used = false;
  bool fetch = false;  // no subscription: one NOTIFY and gone; in no index and not stored
};

[[nodiscard]] std::uint64_t hash_of(std::string_view a, std::string_view b, std::string_view c = {}) noexcept;

class SubscriptionTable {
 public:
  SubscriptionTable();
  ~SubscriptionTable();

  // A used entry in no index; link() puts it into them by its hashes, id and expiry.
  Slot make();
  void link(Slot slot);
  void erase(Slot slot);

  [[nodiscard]] Entry& operator[](Slot slot) noexcept { return (*chunks_[slot / kChunk])[slot % kChunk]; }
  [[nodiscard]] const Entry& operator[](Slot slot) const noexcept { return (*chunks_[slot / kChunk])[slot % kChunk]; }
  [[nodiscard]] EntryHandle handle(Slot slot) const noexcept { return {slot, (*this)[slot].generation}; }
  [[nodiscard]] Entry* find(EntryHandle handle) noexcept;

  template <class F>
  [[nodiscard]] Slot find_dialog(std::uint64_t hash, F is_it) const {
    return dialogs_.find(hash, is_it);
  }
  [[nodiscard]] Slot find_id(std::string_view id) const;
  // The chain of those that share a resource hash; go on with by_resource.next.
  [[nodiscard]] Slot first_of_resource(std::uint64_t hash) const;

  void set_expiry(Slot slot, std::uint32_t second);
  [[nodiscard]] std::optional<std::uint32_t> next_expiry() const;
  // One that expires at or before `second`; kNoSlot when there is none.
  [[nodiscard]] Slot expired(std::uint32_t second) const;

  [[nodiscard]] const std::map<SubscriptionId, Slot>& by_id() const noexcept { return ids_; }
  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }  // linked ones
  template <class F>
  void for_each(F work) {
    for (auto& chunk : chunks_)
      for (auto& entry : *chunk)
        if (entry.used) work(entry);
  }

 private:
  static constexpr std::size_t kChunk = 256;
  using Chunk = std::array<Entry, kChunk>;

  void unlink_expiry(Slot slot);
  void unlink_resource(Slot slot);

  std::vector<std::unique_ptr<Chunk>> chunks_;
  Slot free_ = kNoSlot;  // chained by by_resource.next
  Slot made_ = 0;
  SpreadIndex dialogs_;
  SpreadIndex resources_;                   // to the first of the chain
  std::map<SubscriptionId, Slot> ids_;      // ordered: for pages
  std::map<std::uint32_t, Slot> expiries_;  // second -> first of the chain
};

}  // namespace herald::event
