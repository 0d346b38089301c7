// What every driver agrees upon before it touches a record: limits, names, cursors. Pure functions.
// Thread: any.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "herald/expected.h"
#include "herald/store.h"

namespace herald::store {

struct RecordLimits {
  std::size_t max_value_bytes = std::size_t{1} << 20;
  std::size_t max_key_bytes = 512;       // partition, id and each term
  std::size_t max_terms = 16;            // per record
  std::size_t max_batch = 1000;          // puts and erases together
  std::size_t max_page_records = 1000;   // a larger Scan::limit is cut to this
  std::size_t max_page_bytes = 8 << 20;  // a page ends early rather than grow beyond it (but holds at least one record)
};

[[nodiscard]] Expected<void> check_table(std::string_view table);
[[nodiscard]] Expected<void> check_key(const Key& key, const RecordLimits& limits);
// Names and sizes, and that no key occurs twice: "all or nothing" leaves no order between the members of a batch.
[[nodiscard]] Expected<void> check_batch(const Batch& batch, const RecordLimits& limits);
[[nodiscard]] Expected<void> check_lease(std::string_view owner, std::string_view partition, Duration length,
                                         const RecordLimits& limits);
[[nodiscard]] std::size_t page_limit(std::size_t asked, const RecordLimits& limits) noexcept;

// Bytes a batch or a page weighs in queues.
[[nodiscard]] std::size_t weight(const Batch& batch) noexcept;

// Where a scan goes on. Order of every scan: id, then partition.
struct Position {
  std::string id;
  std::string partition;
};
[[nodiscard]] std::string cursor_text(std::string_view id, std::string_view partition);
// Nothing for an empty cursor (the beginning); Error{invalid} for one that no page gave out.
[[nodiscard]] Expected<std::optional<Position>> parse_cursor(std::string_view cursor);

// A compare-and-set. `stored` 0: no such record.
[[nodiscard]] bool version_matches(const std::optional<Version>& expected, Version stored) noexcept;
[[nodiscard]] Error version_conflict(const Key& key, Version stored, Version expected);
[[nodiscard]] Error fenced(const Fence& fence, std::uint64_t current);

}  // namespace herald::store
