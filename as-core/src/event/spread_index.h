// A hash index that never stops to rehash everything: many small tables, each of which grows by itself. With a million entries
// one of them holds some hundred, and its growth takes microseconds.
// Thread: one shard. Several values may share a hash: the caller tells them apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace herald::event {

class SpreadIndex {
 public:
  void insert(std::uint64_t hash, std::uint32_t value) {
    auto& part = part_of(hash);
    if ((part.used + 1) * 4 > part.cells.size() * 3) grow(part);
    place(part.cells, {hash, value});
    ++part.used;
    ++size_;
  }
  // The first value under that hash for which `is_it(value)`; kNone when there is none.
  template <class F>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, F is_it) const {
    const auto& part = parts_[number(hash)];
    if (part.cells.empty()) return kNone;
    const auto mask = part.cells.size() - 1;
    for (auto at = hash & mask; part.cells[at].value != kNone; at = (at + 1) & mask)
      if (part.cells[at].hash == hash && is_it(part.cells[at].value)) return part.cells[at].value;
    return kNone;
  }
  // Takes `now` for the value that is there under that hash, of which there is at most one.
  void replace(std::uint64_t hash, std::uint32_t now) {
    auto& part = part_of(hash);
    const auto mask = part.cells.size() - 1;
    for (auto at = hash & mask; part.cells[at].value != kNone; at = (at + 1) & mask)
      if (part.cells[at].hash == hash) return static_cast<void>(part.cells[at].value = now);
  }
  void erase(std::uint64_t hash, std::uint32_t value) {
    auto& part = part_of(hash);
    if (part.cells.empty()) return;
    const auto mask = part.cells.size() - 1;
    auto at = hash & mask;
    while (part.cells[at].hash != hash || part.cells[at].value != value) {
      if (part.cells[at].value == kNone) return;
      at = (at + 1) & mask;
    }
    // Moves up what would no longer be reached: no tombstones, so that a table never fills with them.
    for (auto next = (at + 1) & mask; part.cells[next].value != kNone; next = (next + 1) & mask) {
      const auto home = part.cells[next].hash & mask;
      if (((next - home) & mask) < ((next - at) & mask)) continue;
      part.cells[at] = part.cells[next];
      at = next;
    }
    part.cells[at] = {};
    --part.used;
    --size_;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  static constexpr std::uint32_t kNone = UINT32_MAX;

 private:
  struct Cell {
    std::uint64_t hash = 0;
    std::uint32_t value = kNone;
  };
  struct Part {
    std::vector<Cell> cells;  // a power of two
    std::uint32_t used = 0;
  };
  static constexpr std::size_t kParts = 4096;

  static std::size_t number(std::uint64_t hash) noexcept { return (hash >> 52) & (kParts - 1); }
  Part& part_of(std::uint64_t hash) { return parts_[number(hash)]; }
  static void place(std::vector<Cell>& cells, Cell cell) {
    const auto mask = cells.size() - 1;
    auto at = cell.hash & mask;
    while (cells[at].value != kNone) at = (at + 1) & mask;
    cells[at] = cell;
  }
  static void grow(Part& part) {
    std::vector<Cell> larger(part.cells.empty() ? 4 : part.cells.size() * 2);
    for (const auto& cell : part.cells)
      if (cell.value != kNone) place(larger, cell);
    part.cells = std::move(larger);
  }

  std::vector<Part> parts_ = std::vector<Part>(kParts);
  std::size_t size_ = 0;
};

}  // namespace herald::event
