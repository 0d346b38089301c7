// Whether the database takes writes: one operator event when that changes, not one a failed write.
// Thread: one.
#pragma once

#include <optional>
#include <string>

#include "herald/expected.h"
#include "herald/log.h"

namespace herald::store {

// The event for a failure reported by sqlite_handle.h.
[[nodiscard]] const log::OperatorEvent& event_of(ErrorCode fault) noexcept;
// What a caller of the store is told: it can do nothing about a full or read-only disk but try later.
[[nodiscard]] Error as_answer(const Error& fault);

class StoreHealth {
 public:
  explicit StoreHealth(std::string path) : path_(std::move(path)) {}
  void failed(const Error& fault);
  void succeeded();

 private:
  const std::string path_;
  std::optional<ErrorCode> fault_;
};

}  // namespace herald::store
