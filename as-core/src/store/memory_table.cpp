#include "store/memory_table.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <tuple>

namespace herald::store {
namespace {

// What the allocator adds to each allocation, and a node of a tree: measured with glibc.
constexpr std::size_t kAllocation = 16;
constexpr std::size_t kTreeNode = 48;

Record copy(std::string_view table, const MemoryEntry& entry) {
  Record record;
  record.key = Key{std::string(table), std::string(entry.partition()), std::string(entry.id())};
  record.value = std::string(entry.value());
  record.version = entry.version();
  record.due = entry.due();
  return record;
}

// Fills a page from a range; `entry_of` yields the entry of an iterator or null when it is filtered out.
template <class Iterator, class EntryOf>
Page collect(std::string_view table, Iterator from, Iterator to, std::size_t limit, const RecordLimits& limits,
             EntryOf entry_of) {
  Page page;
  std::size_t bytes = 0;
  for (; from != to; ++from) {
    const MemoryEntry* entry = entry_of(from);
    if (entry == nullptr) continue;
    if (page.records.size() == limit || (bytes > 0 && bytes + entry->value().size() > limits.max_page_bytes)) {
      page.next = cursor_text(page.records.back().key.id, page.records.back().key.partition);
      break;
    }
    bytes += entry->value().size() + 1;
    page.records.push_back(copy(table, *entry));
  }
  return page;
}

// The part of [low, high) after `after` in the order asked for, walked by collect().
template <class Set, class Bound, class EntryOf>
Page walk(const Set& set, typename Set::const_iterator low, typename Set::const_iterator high, const std::optional<Bound>& after,
          const Scan& scan, std::size_t limit, const RecordLimits& limits, EntryOf entry_of) {
  if (!scan.newest_first) {
    if (after) low = set.upper_bound(*after);
    return collect(scan.table, low, high, limit, limits, entry_of);
  }
  if (after) high = set.lower_bound(*after);
  return collect(scan.table, std::make_reverse_iterator(high), std::make_reverse_iterator(low), limit, limits, entry_of);
}

}  // namespace

PackedText::PackedText(std::string_view text) : size_(static_cast<std::uint32_t>(text.size())) {
  if (text.empty()) return;
  bytes_ = std::make_unique_for_overwrite<char[]>(text.size());
  std::memcpy(bytes_.get(), text.data(), text.size());
}

MemoryEntry::MemoryEntry(std::string_view partition, std::string_view id)
    : key_(std::string(partition).append(id)), partition_size_(static_cast<std::uint32_t>(partition.size())) {}

std::optional<WallTime> MemoryEntry::due() const noexcept {
  if (due_ == kNoDue) return std::nullopt;
  return WallTime(std::chrono::milliseconds(due_));
}

std::size_t MemoryEntry::term_count() const noexcept {
  std::size_t count = 0;
  for (auto left = terms_.view(); !left.empty(); ++count) {
    std::uint16_t size = 0;
    std::memcpy(&size, left.data(), sizeof size);
    left.remove_prefix(sizeof size + size);
  }
  return count;
}

std::string_view MemoryEntry::term(std::size_t index) const noexcept {
  for (auto left = terms_.view(); !left.empty(); --index) {
    std::uint16_t size = 0;
    std::memcpy(&size, left.data(), sizeof size);
    if (index == 0) return left.substr(sizeof size, size);
    left.remove_prefix(sizeof size + size);
  }
  return {};
}

bool MemoryEntry::has_term(std::string_view wanted) const noexcept {
  for (std::size_t i = 0, count = term_count(); i < count; ++i)
    if (term(i) == wanted) return true;
  return false;
}

std::size_t MemoryEntry::bytes() const noexcept {
  std::size_t sum = sizeof(MemoryEntry) + kAllocation + 2 * kTreeNode;
  for (const auto& text : {key_.view(), terms_.view(), value_.view()})
    if (!text.empty()) sum += text.size() + kAllocation;
  if (due_ != kNoDue) sum += kTreeNode;
  return sum + term_count() * (kTreeNode + kAllocation);
}

void MemoryEntry::set_value(std::string_view value, Version version, std::optional<WallTime> due) {
  value_ = PackedText(value);
  version_ = version;
  due_ = due ? due->time_since_epoch().count() : kNoDue;
}

void MemoryEntry::set_terms(const std::vector<std::string>& terms) {
  std::string packed;
  for (const auto& term : terms) {
    const auto size = static_cast<std::uint16_t>(term.size());
    packed.append(reinterpret_cast<const char*>(&size), sizeof size);
    packed.append(term);
  }
  terms_ = PackedText(packed);
}

bool MemoryTable::ById::less(const IdView& a, const IdView& b) noexcept {
  return std::tie(a.id, a.partition) < std::tie(b.id, b.partition);
}
bool MemoryTable::ById::operator()(const std::unique_ptr<MemoryEntry>& a, const std::unique_ptr<MemoryEntry>& b) const noexcept {
  return less(id_view(*a), id_view(*b));
}
bool MemoryTable::ById::operator()(const std::unique_ptr<MemoryEntry>& a, const IdView& b) const noexcept {
  return less(id_view(*a), b);
}
bool MemoryTable::ById::operator()(const IdView& a, const std::unique_ptr<MemoryEntry>& b) const noexcept {
  return less(a, id_view(*b));
}
bool MemoryTable::ByPartition::less(const IdView& a, const IdView& b) noexcept {
  return std::tie(a.partition, a.id) < std::tie(b.partition, b.id);
}
bool MemoryTable::ByDue::operator()(const MemoryEntry* a, const MemoryEntry* b) const noexcept {
  if (a->due() != b->due()) return a->due() < b->due();
  return ById::less(id_view(*a), id_view(*b));
}
bool MemoryTable::ByTerm::less(const TermView& a, const TermView& b) noexcept {
  if (a.term != b.term) return a.term < b.term;
  return ById::less(a.key, b.key);
}

const MemoryEntry* MemoryTable::find(std::string_view partition, std::string_view id) const {
  const auto found = by_id_.find(IdView{id, partition});
  return found == by_id_.end() ? nullptr : found->get();
}

void MemoryTable::unlink_terms(const MemoryEntry& entry) {
  for (std::size_t i = 0, count = entry.term_count(); i < count; ++i) {
    const auto found = by_term_.find(TermView{entry.term(i), id_view(entry)});
    if (found != by_term_.end()) by_term_.erase(found);
  }
}

void MemoryTable::link_terms(const MemoryEntry& entry) {
  for (std::size_t i = 0, count = entry.term_count(); i < count; ++i) by_term_.insert({&entry, static_cast<std::uint16_t>(i)});
}

std::ptrdiff_t MemoryTable::put(const Put& put, Version version) {
  auto found = by_id_.find(IdView{put.key.id, put.key.partition});
  std::ptrdiff_t before = 0;
  if (found == by_id_.end()) {
    found = by_id_.insert(std::make_unique<MemoryEntry>(put.key.partition, put.key.id)).first;
    by_partition_.insert(found->get());
  } else {
    before = static_cast<std::ptrdiff_t>((*found)->bytes());
  }
  MemoryEntry& entry = **found;
  const bool moves = entry.due() != put.due;
  if (moves && entry.due()) by_due_.erase(&entry);
  entry.set_value(put.value, version, put.due);
  if (moves && put.due) by_due_.insert(&entry);
  if (!put.keep_terms) {
    unlink_terms(entry);
    entry.set_terms(put.terms);
    link_terms(entry);
  }
  return static_cast<std::ptrdiff_t>(entry.bytes()) - before;
}

std::ptrdiff_t MemoryTable::erase(const Key& key) {
  const auto found = by_id_.find(IdView{key.id, key.partition});
  if (found == by_id_.end()) return 0;
  const MemoryEntry& entry = **found;
  const auto bytes = static_cast<std::ptrdiff_t>(entry.bytes());
  unlink_terms(entry);
  if (entry.due()) by_due_.erase(&entry);
  by_partition_.erase(&entry);
  by_id_.erase(found);
  return -bytes;
}

Page MemoryTable::scan(const Scan& scan, const std::optional<Position>& after, const RecordLimits& limits) const {
  const auto limit = page_limit(scan.limit, limits);
  if (scan.partition) {
    // "" sorts before every id, and partition + NUL after every id of the partition.
    const auto past = *scan.partition + '\0';
    const auto low = by_partition_.lower_bound(IdView{"", *scan.partition});
    const auto high = by_partition_.lower_bound(IdView{"", past});
    if (scan.term) {
      if (low == high) return {};
      // Only where the term's entries have ids of the partition, however many there are of either.
      const TermView first{*scan.term, id_view(**low)};
      const TermView last{*scan.term, id_view(**std::prev(high))};
      std::optional<TermView> from;
      if (after) {
        from = TermView{*scan.term, {after->id, *scan.partition}};
        if (scan.newest_first ? !ByTerm::less(first, *from) : !ByTerm::less(*from, last)) return {};
      }
      return walk(by_term_, by_term_.lower_bound(first), by_term_.upper_bound(last), from, scan, limit, limits,
                  [&scan](const auto& at) { return at->entry->partition() == *scan.partition ? at->entry : nullptr; });
    }
    std::optional<IdView> from;
    if (after) from = IdView{after->id, *scan.partition};
    return walk(by_partition_, low, high, from, scan, limit, limits, [](const auto& at) -> const MemoryEntry* { return *at; });
  }
  if (scan.term) {
    const auto past = *scan.term + '\0';
    std::optional<TermView> from;
    if (after) from = TermView{*scan.term, {after->id, after->partition}};
    return walk(by_term_, by_term_.lower_bound(TermView{*scan.term, {}}), by_term_.lower_bound(TermView{past, {}}), from, scan,
                limit, limits, [](const auto& at) { return at->entry; });
  }
  std::optional<IdView> from;
  if (after) from = IdView{after->id, after->partition};
  return walk(by_id_, by_id_.begin(), by_id_.end(), from, scan, limit, limits,
              [](const auto& at) -> const MemoryEntry* { return at->get(); });
}

Page MemoryTable::due(std::string_view table, WallTime until, std::size_t limit, const RecordLimits& limits) const {
  auto page = collect(table, by_due_.begin(), by_due_.upper_bound(until), page_limit(limit, limits), limits,
                      [](const auto& at) { return *at; });
  page.next.clear();  // there is no cursor: whoever works on these records moves their due time
  return page;
}

}  // namespace herald::store
