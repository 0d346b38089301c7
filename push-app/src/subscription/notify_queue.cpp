#include "subscription/notify_queue.h"

#include <array>
#include <charconv>
#include <utility>

namespace herald::push {
namespace {

// FNV-1a, then mixed so that sums of similar names differ. The same in every process: a tag outlives a restart.
std::uint64_t hash_of(std::string_view push, std::uint32_t index) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto feed = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3ULL; };
  for (const char c : push) feed(static_cast<unsigned char>(c));
  for (unsigned shift = 0; shift < 32; shift += 8) feed(static_cast<unsigned char>(index >> shift));
  hash ^= hash >> 33U;
  hash *= 0xff51afd7ed558ccdULL;
  return hash ^ hash >> 33U;
}

}  // namespace

NotifyQueue::Rank NotifyQueue::rank_of(Priority priority, std::uint32_t order) noexcept {
  return {static_cast<std::uint8_t>(static_cast<unsigned>(Priority::high) - static_cast<unsigned>(priority)), order};
}

void NotifyQueue::add(std::string_view user_name, Item item) {
  auto found = users_.find(user_name);
  if (found == users_.end()) found = users_.emplace(std::string(user_name), User()).first;
  auto& user = found->second;
  const auto rank = rank_of(item.priority, item.order);
  const auto hash = hash_of(item.push, item.index);
  auto& sum = user.applications[item.application];
  if (!user.items.emplace(rank, std::move(item)).second) return;
  ++sum.count;
  sum.hash ^= hash;
  ++size_;
}

bool NotifyQueue::remove(std::string_view user_name, Priority priority, std::uint32_t order) {
  const auto found = users_.find(user_name);
  if (found == users_.end()) return false;
  auto& user = found->second;
  const auto item = user.items.find(rank_of(priority, order));
  if (item == user.items.end()) return false;
  const auto sum = user.applications.find(item->second.application);
  sum->second.hash ^= hash_of(item->second.push, item->second.index);
  if (--sum->second.count == 0) user.applications.erase(sum);
  user.items.erase(item);
  --size_;
  if (user.items.empty()) users_.erase(found);
  return true;
}

std::vector<NotifyQueue::Item> NotifyQueue::best(std::string_view user_name, std::string_view key, std::size_t limit) const {
  std::vector<Item> items;
  const auto found = users_.find(user_name);
  if (found == users_.end()) return items;
  for (const auto& [rank, item] : found->second.items) {
    if (items.size() >= limit) break;
    if (key == kAllApplications || key == item.application) items.push_back(item);
  }
  return items;
}

NotifyQueue::Sum NotifyQueue::sum(std::string_view user_name, std::string_view key) const {
  Sum total;
  const auto found = users_.find(user_name);
  if (found == users_.end()) return total;
  for (const auto& [application, part] : found->second.applications) {
    if (key != kAllApplications && key != application) continue;
    total.count += part.count;
    total.hash ^= part.hash;
  }
  return total;
}

std::size_t NotifyQueue::count(std::string_view user, std::string_view key) const { return sum(user, key).count; }

std::string NotifyQueue::etag(std::string_view user, std::string_view key) const {
  const auto total = sum(user, key);
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), total.hash, 16).ptr;
  return "q" + std::to_string(total.count) + "-" + std::string(digits.data(), end);
}

}  // namespace herald::push
