// Tag-length-value records: fields by number, unknown ones kept, so that two versions of Herald can share one store.
// Thread: value types. Errors: a truncated or oversized record is Error{corrupt}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"
#include "herald/expected.h"

namespace herald {

using FieldTag = std::uint16_t;

class RecordWriter {
 public:
  explicit RecordWriter(std::uint16_t schema);
  RecordWriter& text(FieldTag tag, std::string_view value);
  RecordWriter& number(FieldTag tag, std::int64_t value);
  RecordWriter& time(FieldTag tag, WallTime value) { return number(tag, value.time_since_epoch().count()); }
  RecordWriter& flag(FieldTag tag, bool value) { return number(tag, value ? 1 : 0); }
  // Fields that were read but not known to this version.
  RecordWriter& raw(std::string_view fields);
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Views into the bytes it was made from.
class RecordReader {
 public:
  static Expected<RecordReader> parse(std::string_view bytes);
  [[nodiscard]] std::uint16_t schema() const noexcept { return schema_; }
  [[nodiscard]] std::optional<std::string_view> text(FieldTag tag) const noexcept;
  [[nodiscard]] std::vector<std::string_view> texts(FieldTag tag) const;  // repeated fields
  [[nodiscard]] std::optional<std::int64_t> number(FieldTag tag) const noexcept;
  [[nodiscard]] std::optional<WallTime> time(FieldTag tag) const noexcept;
  [[nodiscard]] bool flag(FieldTag tag) const noexcept { return number(tag).value_or(0) != 0; }
  // All fields with a tag above `highest_known`, encoded, to be written back.
  [[nodiscard]] std::string unknown(FieldTag highest_known) const;

 private:
  struct Field {
    FieldTag tag;
    std::string_view value;
  };
  std::uint16_t schema_ = 0;
  std::vector<Field> fields_;
};

// 26 characters that sort by creation time (48-bit milliseconds, 80 random bits, Crockford base 32).
[[nodiscard]] std::string make_id(WallTime now);

}  // namespace herald
