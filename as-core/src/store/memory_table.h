// One table of the memory store: records and their three orders. Tuned for many small records: an entry is three allocations
// plus one tree node an order.
// Thread: guarded by the store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "herald/store.h"
#include "store/store_rules.h"

namespace herald::store {

// A string with two words of overhead and no spare capacity.
class PackedText {
 public:
  PackedText() = default;
  explicit PackedText(std::string_view text);
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::uint32_t size_ = 0;
};

class MemoryEntry {
 public:
  MemoryEntry(std::string_view partition, std::string_view id);
  [[nodiscard]] std::string_view partition() const noexcept { return key_.view().substr(0, partition_size_); }
  [[nodiscard]] std::string_view id() const noexcept { return key_.view().substr(partition_size_); }
  [[nodiscard]] std::string_view value() const noexcept { return value_.view(); }
  [[nodiscard]] std::optional<WallTime> due() const noexcept;
  [[nodiscard]] Version version() const noexcept { return version_; }
  [[nodiscard]] std::size_t term_count() const noexcept;
  [[nodiscard]] std::string_view term(std::size_t index) const noexcept;
  [[nodiscard]] bool has_term(std::string_view term) const noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept;  // with its share of the orders

  void set_value(std::string_view value, Version version, std::optional<WallTime> due);
  void set_terms(const std::vector<std::string>& terms);

 private:
  static constexpr std::int64_t kNoDue = INT64_MIN;
  PackedText key_;    // partition, id
  PackedText terms_;  // each with a length of two bytes in front
  PackedText value_;
  std::uint32_t partition_size_;
  Version version_ = 0;
  std::int64_t due_ = kNoDue;
};

class MemoryTable {
 public:
  [[nodiscard]] const MemoryEntry* find(std::string_view partition, std::string_view id) const;
  // Both return by how many bytes the table has grown (may be negative).
  std::ptrdiff_t put(const Put& put, Version version);
  std::ptrdiff_t erase(const Key& key);
  [[nodiscard]] std::size_t size() const noexcept { return by_id_.size(); }

  [[nodiscard]] Page scan(const Scan& scan, const std::optional<Position>& after, const RecordLimits& limits) const;
  [[nodiscard]] Page due(std::string_view table, WallTime until, std::size_t limit, const RecordLimits& limits) const;

 private:
  struct IdView {
    std::string_view id, partition;
  };
  struct TermView {
    std::string_view term;
    IdView key;
  };
  struct TermRef {
    const MemoryEntry* entry;
    std::uint16_t index;
  };
  static IdView id_view(const MemoryEntry& entry) noexcept { return {entry.id(), entry.partition()}; }
  static TermView term_view(const TermRef& ref) noexcept { return {ref.entry->term(ref.index), id_view(*ref.entry)}; }

  struct ById {
    using is_transparent = void;
    static bool less(const IdView& a, const IdView& b) noexcept;
    bool operator()(const std::unique_ptr<MemoryEntry>& a, const std::unique_ptr<MemoryEntry>& b) const noexcept;
    bool operator()(const std::unique_ptr<MemoryEntry>& a, const IdView& b) const noexcept;
    bool operator()(const IdView& a, const std::unique_ptr<MemoryEntry>& b) const noexcept;
  };
  struct ByPartition {
    using is_transparent = void;
    static bool less(const IdView& a, const IdView& b) noexcept;
    bool operator()(const MemoryEntry* a, const MemoryEntry* b) const noexcept { return less(id_view(*a), id_view(*b)); }
    bool operator()(const MemoryEntry* a, const IdView& b) const noexcept { return less(id_view(*a), b); }
    bool operator()(const IdView& a, const MemoryEntry* b) const noexcept { return less(a, id_view(*b)); }
  };
  struct ByDue {
    using is_transparent = void;
    bool operator()(const WallTime& until, const MemoryEntry* entry) const noexcept { return until < *entry->due(); }
    bool operator()(const MemoryEntry* a, const MemoryEntry* b) const noexcept;
  };
  struct ByTerm {
    using is_transparent = void;
    static bool less(const TermView& a, const TermView& b) noexcept;
    bool operator()(const TermRef& a, const TermRef& b) const noexcept { return less(term_view(a), term_view(b)); }
    bool operator()(const TermRef& a, const TermView& b) const noexcept { return less(term_view(a), b); }
    bool operator()(const TermView& a, const TermRef& b) const noexcept { return less(a, term_view(b)); }
  };

  void unlink_terms(const MemoryEntry& entry);
  void link_terms(const MemoryEntry& entry);

  std::set<std::unique_ptr<MemoryEntry>, ById> by_id_;
  std::set<const MemoryEntry*, ByPartition> by_partition_;
  std::set<const MemoryEntry*, ByDue> by_due_;
  std::set<TermRef, ByTerm> by_term_;
};

}  // namespace herald::store
