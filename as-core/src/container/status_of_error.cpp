#include "container/container.h"

namespace herald::container {

int status_of_error(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::invalid:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::forbidden:
      return 403;
    case ErrorCode::too_large:
      return 413;
    case ErrorCode::gone:
      return 481;
    case ErrorCode::unsupported:
      return 501;
    // 503 would mean the whole node (AS-83); 408 is never made by a server (isc-as.md 11).
    case ErrorCode::busy:
    case ErrorCode::timeout:
    case ErrorCode::unavailable:
    case ErrorCode::conflict:
    case ErrorCode::fenced:
    case ErrorCode::corrupt:
    case ErrorCode::internal:
      return 500;
  }
  return 500;
}

}  // namespace herald::container
