// The pushes that a NOTIFY may carry next, per user and application: sip-push.md 6, PS-74. An item is in here or on its way,
// never both (PS-82). No I/O, no coroutine. Thread: one shard.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "delivery/delivery_queue.h"

namespace herald::push {

// The key of a subscription to all applications: a SUBSCRIBE without appid.
inline constexpr std::string_view kAllApplications = "*";

class NotifyQueue {
 public:
  struct Item {
    SlotId slot;
    std::string push;
    std::uint32_t index = 0;
    std::string application;  // canonical
    Priority priority = Priority::medium;
    std::uint32_t order = 0;  // of arrival; one push has one for life
  };

  void add(std::string_view user, Item item);
  // False: it is not in here.
  bool remove(std::string_view user, Priority priority, std::uint32_t order);
  // What a subscription to `key` gets first: priority, then age.
  [[nodiscard]] std::vector<Item> best(std::string_view user, std::string_view key, std::size_t limit) const;
  [[nodiscard]] std::size_t count(std::string_view user, std::string_view key) const;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Of the set of what is queued, whatever the order it came in (RFC 5839).
  [[nodiscard]] std::string etag(std::string_view user, std::string_view key) const;

 private:
  struct Rank {
    std::uint8_t urgency = 0;  // small is first
    std::uint32_t order = 0;
    friend auto operator<=>(const Rank&, const Rank&) = default;
  };
  struct Sum {
    std::size_t count = 0;
    std::uint64_t hash = 0;
  };
  struct User {
    std::map<Rank, Item> items;
    std::map<std::string, Sum, std::less<>> applications;
  };
  static Rank rank_of(Priority priority, std::uint32_t order) noexcept;
  [[nodiscard]] Sum sum(std::string_view user, std::string_view key) const;

  std::map<std::string, User, std::less<>> users_;
  std::size_t size_ = 0;
};

}  // namespace herald::push
