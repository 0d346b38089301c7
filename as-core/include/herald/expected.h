// Errors as values. Anything a peer, a user, a file or a disk can cause is an Expected; exceptions are for start-up and tests.
// Thread: values, free to cross threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace herald {

enum class ErrorCode : std::uint8_t {
  invalid,      // malformed or out of range: the sender must change something
  not_found,    // no such record, session, route
  conflict,     // a compare-and-set lost, or the thing exists already
  fenced,       // a newer owner holds the lease
  forbidden,    // policy says no
  too_large,    // over a configured limit
  busy,         // a bounded queue is full: try again after retry_after
  timeout,      // the deadline passed without an answer
  unavailable,  // the other side cannot be reached
  gone,         // the session or transaction has ended meanwhile
  unsupported,  // understood, but not offered
  corrupt,      // stored or received data does not decode
  internal,     // our own fault
};

std::string_view to_string(ErrorCode code) noexcept;

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string text;  // for an operator: says what and where, never contains credentials or bodies
  std::optional<std::chrono::nanoseconds> retry_after = std::nullopt;
};

template <class T = void>
using Expected = tl::expected<T, Error>;

using Unexpected = tl::unexpected<Error>;

inline Unexpected fail(ErrorCode code, std::string text) { return Unexpected(Error{code, std::move(text)}); }
inline Unexpected fail(Error error) { return Unexpected(std::move(error)); }

}  // namespace herald
