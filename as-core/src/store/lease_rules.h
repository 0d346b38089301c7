// Who owns a partition. ST-20, ST-21, ST-30. Pure functions over one stored lease.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "herald/clock.h"
#include "herald/expected.h"

namespace herald::store {

// Kept after its end: the token must go on growing.
struct StoredLease {
  std::string owner;  // empty once released
  std::uint64_t token = 0;
  WallTime until{};
};

// The lease after `owner` asked for it. Renewing keeps the token; a change of owner, or taking up one's own expired lease
// (somebody else might have worked meanwhile), makes a new one. Error{conflict} while another owner holds it.
inline Expected<StoredLease> acquired(const StoredLease& stored, std::string_view owner, Duration length, WallTime now) {
  const bool runs = !stored.owner.empty() && stored.until > now;
  if (runs && stored.owner != owner) {
    Error held{ErrorCode::conflict, "store: the partition is leased to " + stored.owner, {}};
    held.retry_after = stored.until - now;
    return fail(std::move(held));
  }
  const auto token = runs ? stored.token : stored.token + 1;
  return StoredLease{std::string(owner), token, now + std::chrono::ceil<std::chrono::milliseconds>(length)};
}

// Error{not_found} when `owner` does not hold it: nothing to release, or a newer owner has it already.
inline Expected<StoredLease> released(const StoredLease& stored, std::string_view owner) {
  if (owner.empty() || stored.owner != owner)
    return fail(ErrorCode::not_found, "store: the partition is not leased to this owner");
  return StoredLease{std::string(), stored.token, WallTime{}};
}

}  // namespace herald::store
