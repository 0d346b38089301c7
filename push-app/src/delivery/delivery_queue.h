// Who goes next: the deliveries of one shard, a queue per target, one clock for all that waits. No I/O, no coroutine.
//
// PS-11: while a MESSAGE to a target is pending no second one starts; FIFO within priority. A waiting delivery is a slot of
// some hundred bytes; its record stays in the store.
// Thread: one shard.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "herald/clock.h"
#include "push/push_job.h"

namespace herald::push {

// Checked at every use: a slot that was given back and taken again has another generation.
struct SlotId {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const SlotId&, const SlotId&) = default;
};

// What is in memory already and need not be read again; dropped as soon as the delivery waits for anything but its turn.
struct LoadedDelivery {
  std::shared_ptr<const PushJob> job;  // shared by the recipients of one push
  Delivery delivery;
  std::uint32_t too_large = 0;  // bits of the contents that were found not to fit into a MESSAGE (PS-20)
};

class DeliveryQueue {
 public:
  struct Item {
    std::string push;  // 26 characters of make_id
    std::uint32_t index = 0;
    Priority priority = Priority::medium;
    WallTime expires{};
  };
  enum class Phase : std::uint8_t {
    idle,
    ready,
    running,
    timed,
    registration,  // or a subscription, or consent
    parked,
    offered,    // a NOTIFY may take it (NotifyQueue)
    notifying,  // a NOTIFY has taken it
  };

  // Nothing when the id is none of ours.
  std::optional<SlotId> add(const Item& item, std::string_view target);
  void remove(SlotId slot);

  [[nodiscard]] bool alive(SlotId slot) const noexcept;
  [[nodiscard]] Phase phase(SlotId slot) const noexcept;
  [[nodiscard]] std::string push(SlotId slot) const;
  [[nodiscard]] std::uint32_t index(SlotId slot) const noexcept;
  [[nodiscard]] Priority priority(SlotId slot) const noexcept;
  [[nodiscard]] std::uint32_t order(SlotId slot) const noexcept;  // of arrival
  [[nodiscard]] WallTime expires(SlotId slot) const noexcept;
  [[nodiscard]] const std::string& target(SlotId slot) const noexcept;
  void carry(SlotId slot, std::unique_ptr<LoadedDelivery> loaded);
  [[nodiscard]] std::unique_ptr<LoadedDelivery> take_carried(SlotId slot);

  // Out of any phase into another; a running slot frees its target.
  void make_ready(SlotId slot);
  void wait_until(SlotId slot, WallTime due);
  void wait_for_registration(SlotId slot, std::optional<WallTime> look_again);
  void park(SlotId slot);  // until make_ready or its expiry
  void hold(SlotId slot);  // until the caller says otherwise: no time runs
  // NOTIFY has its own queue and may carry several: neither keeps the target busy, which PS-11 demands of MESSAGE.
  void offer(SlotId slot);   // until make_ready, notify or its expiry
  void notify(SlotId slot);  // until the caller says otherwise

  // The best ready delivery of a free target; it is running from now on and its target busy.
  [[nodiscard]] std::optional<SlotId> take();
  // Makes ready what waits for a registration of `target`. What runs just now learns of it by woken().
  std::size_t wake(std::string_view target);
  [[nodiscard]] bool woken(SlotId slot) const noexcept;  // wake() came since take()
  [[nodiscard]] std::optional<SlotId> find(std::string_view target, std::string_view push, std::uint32_t index) const;
  // Something of this target is being worked on, or will be as soon as its turn comes.
  [[nodiscard]] bool active(std::string_view target) const;

  [[nodiscard]] std::optional<WallTime> next_due() const;
  // Takes one whose time has come out of the time index; its phase stays.
  [[nodiscard]] std::optional<SlotId> pop_due(WallTime now);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t running() const noexcept { return running_; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::size_t kIdLength = 26;

  struct Target {
    explicit Target(std::string_view text) : name(text) {}
    std::string name;
    std::uint32_t first = kNone;  // all slots of this target
    bool busy = false;
    bool queued = false;  // in ready_
    bool woken = false;
    std::set<std::pair<std::uint64_t, std::uint32_t>> ready;  // by priority and age
  };
  struct Slot {
    std::array<char, kIdLength> push{};
    Priority priority = Priority::medium;
    Phase phase = Phase::idle;
    std::uint32_t recipient = 0;
    std::uint32_t generation = 0;
    std::uint32_t next = kNone, previous = kNone;  // of the same target, or of the free list
    std::uint32_t order = 0;
    WallTime expires{};
    WallTime due{};
    bool timed = false;  // in times_
    Target* target = nullptr;
    std::unique_ptr<LoadedDelivery> carried;
  };

  [[nodiscard]] std::uint64_t rank(const Slot& slot) const noexcept;
  void leave_phase(std::uint32_t index);
  void set_due(std::uint32_t index, WallTime due);
  void clear_due(std::uint32_t index);
  void announce(Target& target);
  void drop_if_empty(Target& target);

  std::vector<Slot> slots_;
  std::uint32_t free_ = kNone;
  std::uint32_t next_order_ = 0;
  std::size_t size_ = 0;
  std::size_t running_ = 0;
  std::unordered_map<std::string_view, std::unique_ptr<Target>> targets_;  // the key is the target's own name
  std::array<std::deque<Target*>, 3> ready_;                               // by priority of the target's best
  std::set<std::pair<WallTime, std::uint32_t>> times_;
};

}  // namespace herald::push
