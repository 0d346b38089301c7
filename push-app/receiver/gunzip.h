// Content-Encoding gzip (RFC 9110 8.4.1.3) undone, never to more than the caller allows: a kilobyte may hold a gigabyte.
// Thread: one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "herald/expected.h"

namespace herald::receiver {

// A stream, piece by piece.
class Gunzip {
 public:
  explicit Gunzip(std::uint64_t max_bytes);
  ~Gunzip();
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  // What these bytes hold. Error{invalid}: no gzip; Error{too_large}: more than allowed.
  [[nodiscard]] Expected<std::string> add(std::string_view bytes);
  // Did the stream end where it should?
  [[nodiscard]] bool complete() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Expected<std::string> gunzip(std::string_view bytes, std::uint64_t max_bytes);

}  // namespace herald::receiver
