#include "event/subscription_table.h"

#include <doctest/doctest.h>
#include <map>
#include <random>
#include <set>

#include "event/subscription_activity.h"
#include "herald/record.h"

using namespace herald;
using namespace herald::event;

TEST_CASE("the spread index finds what was put in and nothing else, through growth and removal") {
  SpreadIndex index;
  std::multimap<std::uint64_t, std::uint32_t> model;
  std::mt19937_64 random(7);
  for (std::uint32_t i = 0; i < 40000; ++i) {
    // Few different hashes in few parts: long chains and wrap-around.
    const auto hash = (random() % 8 << 52) | (random() % 600);
    if (random() % 3 != 0) {
      index.insert(hash, i);
      model.emplace(hash, i);
    } else if (!model.empty()) {
      auto victim = model.lower_bound(hash);
      if (victim == model.end()) victim = model.begin();
      index.erase(victim->first, victim->second);
      model.erase(victim);
    }
  }
  CHECK(index.size() == model.size());
  std::size_t missed = 0;
  for (const auto& [hash, wanted] : model) {
    const auto is_it = [value = wanted](std::uint32_t candidate) { return candidate == value; };
    missed += index.find(hash, is_it) == wanted ? 0 : 1;
  }
  CHECK(missed == 0);
  CHECK(index.find(1ULL << 60, [](std::uint32_t) { return true; }) == SpreadIndex::kNone);
}

namespace {

Slot add(SubscriptionTable& table, const std::string& resource, std::uint32_t second, std::uint64_t dialog) {
  const auto slot = table.make();
  auto& entry = table[slot];
  entry.id = *subscription_id(make_id(WallTime(std::chrono::milliseconds(dialog))));
  entry.dialog_hash = hash_of(std::to_string(dialog), "l", "r");
  entry.resource_hash = hash_of("p", resource);
  entry.expires = second;
  table.link(slot);
  return slot;
}

std::set<Slot> chain(const SubscriptionTable& table, const std::string& resource) {
  std::set<Slot> found;
  for (auto slot = table.first_of_resource(hash_of("p", resource)); slot != kNoSlot; slot = table[slot].by_resource.next) {
    CHECK(found.insert(slot).second);
  }
  return found;
}

}  // namespace

TEST_CASE("ST-45: subscriptions are found by dialog, id, resource and expiry, and leave all of them together") {
  SubscriptionTable table;
  std::map<std::string, std::set<Slot>> by_resource;
  std::multimap<std::uint32_t, Slot> by_second;
  std::mt19937 random(3);
  std::vector<Slot> all;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const auto resource = "user" + std::to_string(random() % 50);
    const auto second = 100 + static_cast<std::uint32_t>(random() % 200);
    const auto slot = add(table, resource, second, i);
    by_resource[resource].insert(slot);
    all.push_back(slot);
    if (i % 3 == 0) {
      const auto victim = all[random() % all.size()];
      if (!table[victim].used) continue;
      const auto id = std::string(table[victim].id.data(), table[victim].id.size());
      const auto handle = table.handle(victim);
      CHECK(table.find_id(id) == victim);
      CHECK(table.find(handle) != nullptr);
      for (auto& [name, slots] : by_resource) slots.erase(victim);
      table.erase(victim);
      CHECK(table.find_id(id) == kNoSlot);
      CHECK(table.find(handle) == nullptr);
    } else if (i % 7 == 0) {
      table.set_expiry(slot, second + 50);
    }
  }
  std::size_t sum = 0;
  for (const auto& [name, slots] : by_resource) {
    CHECK(chain(table, name) == slots);
    sum += slots.size();
  }
  CHECK(table.size() == sum);
  // All of them come due, in order, once each.
  std::uint32_t last = 0;
  std::size_t due = 0;
  for (auto slot = table.expired(1000); slot != kNoSlot; slot = table.expired(1000)) {
    CHECK(table[slot].expires >= last);
    last = table[slot].expires;
    table.erase(slot);
    ++due;
  }
  CHECK(due == sum);
  CHECK(table.size() == 0);
  CHECK_FALSE(table.next_expiry().has_value());
  CHECK(chain(table, "user1").empty());
}

TEST_CASE("an entry without a link is in no index and its slot is used again with another generation") {
  SubscriptionTable table;
  const auto slot = table.make();
  const auto handle = table.handle(slot);
  CHECK(table.size() == 0);
  table[slot].fetch = true;
  table.erase(slot);
  CHECK(table.find(handle) == nullptr);
  CHECK(table.make() == slot);
  CHECK(table.find(handle) == nullptr);
  CHECK(table.find(table.handle(slot)) != nullptr);
  CHECK(table.find(EntryHandle{}) == nullptr);
}
