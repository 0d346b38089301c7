#include "store/store_health.h"

#include "store/store_catalog.h"

namespace herald::store {

const log::OperatorEvent& event_of(ErrorCode fault) noexcept {
  switch (fault) {
    case ErrorCode::busy:
      return catalog::kLocked;
    case ErrorCode::corrupt:
      return catalog::kCorrupt;
    case ErrorCode::forbidden:
      return catalog::kReadOnly;
    case ErrorCode::too_large:
      return catalog::kFull;
    default:
      return catalog::kIoFailed;
  }
}

Error as_answer(const Error& fault) {
  switch (fault.code) {
    case ErrorCode::busy:
      return {ErrorCode::busy, fault.text, std::chrono::seconds(1)};
    case ErrorCode::corrupt:
      return fault;
    default:
      return {ErrorCode::unavailable, fault.text, std::chrono::seconds(5)};
  }
}

void StoreHealth::failed(const Error& fault) {
  if (fault_ == fault.code) return;
  fault_ = fault.code;
  log::event(event_of(fault.code), {{"path", path_}, {"error", fault.text}});
}

void StoreHealth::succeeded() {
  if (!fault_) return;
  fault_.reset();
  log::event(catalog::kRecovered, {{"path", path_}});
}

}  // namespace herald::store
