// Answers of the HSS by question: fresh for a time, then kept a little longer for when the HSS fails. Bounded, least recently
// used goes first.
// Thread: none of its own; the owner locks.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "diameter/sh_options.h"
#include "herald/sh.h"

namespace herald::diameter {

// The key of a question: what SH-51 makes the same is the same. Also says what the request carries.
struct ShKey {
  std::string text;
  std::string user;  // canonical
};
[[nodiscard]] ShKey key_of(const ShQuery& query);

class ShCache {
 public:
  explicit ShCache(const ShOptions& options) : options_(options) {}

  struct Entry {
    ShResult result = ShResult::ok;  // ok, no_data or user_unknown
    std::shared_ptr<const ShUserData> data;
    std::uint32_t diameter_code = 0;
    std::string origin_host;  // who answered
    TimePoint fetched{};
    Duration ttl{};
  };
  enum class Freshness : std::uint8_t { none, stale, fresh };
  struct Found {
    Freshness freshness = Freshness::none;
    const Entry* entry = nullptr;  // until the next call that is not const
  };
  // Counts as a use. `stale`: past its TTL, within the grace.
  Found find(const std::string& key, TimePoint now);
  void put(const std::string& key, Entry entry);
  // The host is no longer to be asked first (3002, timeouts; SH-60).
  void forget_host(const std::string& key);
  void erase(const std::string& key);

  [[nodiscard]] Duration ttl_of(ShDataRef data, ShResult result) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Item {
    std::string key;
    Entry entry;
    std::size_t bytes = 0;
  };
  using Items = std::list<Item>;  // most recently used first
  void drop(Items::iterator item);

  ShOptions options_;
  Items items_;
  std::unordered_map<std::string_view, Items::iterator> index_;  // views into Item::key
  std::size_t bytes_ = 0;
};

}  // namespace herald::diameter
