#include "store/store_rules.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <vector>

namespace herald::store {
namespace {

Expected<void> check_text(std::string_view what, std::string_view text, std::size_t limit) {
  if (text.empty()) return fail(ErrorCode::invalid, "store: empty " + std::string(what));
  if (text.size() > limit)
    return fail(ErrorCode::too_large, "store: " + std::string(what) + " longer than " + std::to_string(limit) + " bytes");
  // NUL would end the text for people who look at the file with the sqlite3 shell.
  if (text.find('\0') != std::string_view::npos) return fail(ErrorCode::invalid, "store: NUL in " + std::string(what));
  return {};
}

Expected<void> check_put(const Put& put, const RecordLimits& limits) {
  if (auto ok = check_key(put.key, limits); !ok) return ok;
  if (put.value.size() > limits.max_value_bytes)
    return fail(ErrorCode::too_large, "store: value longer than " + std::to_string(limits.max_value_bytes) + " bytes");
  if (put.terms.size() > limits.max_terms) return fail(ErrorCode::too_large, "store: too many index terms");
  if (put.keep_terms && !put.terms.empty()) return fail(ErrorCode::invalid, "store: keep_terms together with terms");
  for (const auto& term : put.terms)
    if (auto ok = check_text("index term", term, limits.max_key_bytes); !ok) return ok;
  return {};
}

bool has_duplicates(std::vector<const Key*>& keys) {
  if (keys.size() < 2) return false;
  std::sort(keys.begin(), keys.end(), [](const Key* a, const Key* b) { return *a < *b; });
  return std::adjacent_find(keys.begin(), keys.end(), [](const Key* a, const Key* b) { return *a == *b; }) != keys.end();
}

}  // namespace

Expected<void> check_table(std::string_view table) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  if (table.empty() || table.size() > 32 || !std::all_of(table.begin(), table.end(), good))
    return fail(ErrorCode::invalid, "store: a table's name is [a-z_]{1,32}");
  return {};
}

Expected<void> check_key(const Key& key, const RecordLimits& limits) {
  if (auto ok = check_table(key.table); !ok) return ok;
  if (auto ok = check_text("partition", key.partition, limits.max_key_bytes); !ok) return ok;
  return check_text("id", key.id, limits.max_key_bytes);
}

Expected<void> check_batch(const Batch& batch, const RecordLimits& limits) {
  if (batch.puts.size() + batch.erases.size() > limits.max_batch)
    return fail(ErrorCode::too_large, "store: more than " + std::to_string(limits.max_batch) + " records in a batch");
  std::vector<const Key*> keys;
  keys.reserve(batch.puts.size() + batch.erases.size());
  for (const auto& put : batch.puts) {
    if (auto ok = check_put(put, limits); !ok) return ok;
    keys.push_back(&put.key);
  }
  for (const auto& erase : batch.erases) {
    if (auto ok = check_key(erase.key, limits); !ok) return ok;
    keys.push_back(&erase.key);
  }
  if (batch.fence)
    if (auto ok = check_text("partition", batch.fence->partition, limits.max_key_bytes); !ok) return ok;
  if (has_duplicates(keys)) return fail(ErrorCode::invalid, "store: a key occurs twice in a batch");
  return {};
}

Expected<void> check_lease(std::string_view owner, std::string_view partition, Duration length, const RecordLimits& limits) {
  if (auto ok = check_text("owner", owner, limits.max_key_bytes); !ok) return ok;
  if (auto ok = check_text("partition", partition, limits.max_key_bytes); !ok) return ok;
  if (length <= Duration::zero() || length > std::chrono::hours(24))
    return fail(ErrorCode::invalid, "store: a lease lasts more than zero and at most 24 hours");
  return {};
}

std::size_t page_limit(std::size_t asked, const RecordLimits& limits) noexcept {
  return std::clamp<std::size_t>(asked, 1, limits.max_page_records);
}

std::size_t weight(const Batch& batch) noexcept {
  std::size_t bytes = sizeof(Batch);
  for (const auto& put : batch.puts) {
    bytes += sizeof(Put) + put.value.size() + put.key.partition.size() + put.key.id.size();
    for (const auto& term : put.terms) bytes += sizeof(std::string) + term.size();
  }
  return bytes + batch.erases.size() * sizeof(Erase);
}

// "<length of id>:<id><partition>" in hexadecimal, so that it may stand in a URL as it is.
std::string cursor_text(std::string_view id, std::string_view partition) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto plain = std::to_string(id.size()) + ":" + std::string(id) + std::string(partition);
  std::string text;
  text.reserve(plain.size() * 2);
  for (const char c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kHex[byte >> 4]);
    text.push_back(kHex[byte & 15]);
  }
  return text;
}

Expected<std::optional<Position>> parse_cursor(std::string_view cursor) {
  if (cursor.empty()) return std::nullopt;
  const auto bad = [] { return fail(ErrorCode::invalid, "store: not a cursor of this store"); };
  if (cursor.size() % 2 != 0 || cursor.size() > 8192) return bad();
  std::string plain;
  plain.reserve(cursor.size() / 2);
  for (std::size_t i = 0; i < cursor.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(cursor.data() + i, cursor.data() + i + 2, byte, 16);
    if (error != std::errc() || end != cursor.data() + i + 2 || byte == 0) return bad();
    plain.push_back(static_cast<char>(byte));
  }
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), length);
  if (error != std::errc() || end == plain.data() + plain.size() || *end != ':') return bad();
  const auto start = static_cast<std::size_t>(end - plain.data()) + 1;
  if (length == 0 || length >= plain.size() - start) return bad();
  return Position{plain.substr(start, length), plain.substr(start + length)};
}

bool version_matches(const std::optional<Version>& expected, Version stored) noexcept { return !expected || *expected == stored; }

Error version_conflict(const Key& key, Version stored, Version expected) {
  return {ErrorCode::conflict,
          "store: record of " + key.table + " has version " + std::to_string(stored) + ", expected " + std::to_string(expected)};
}

Error fenced(const Fence& fence, std::uint64_t current) {
  return {ErrorCode::fenced,
          "store: token " + std::to_string(fence.token) + " is behind " + std::to_string(current) + " of the partition's owner"};
}

}  // namespace herald::store
