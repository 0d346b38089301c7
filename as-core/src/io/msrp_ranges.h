// Which bytes of a message are known to be there: half-open intervals that merge (SM-16).
// Thread: value type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace herald::io {

class MsrpRanges {
 public:
  // More separate intervals than this are somebody's bad joke.
  static constexpr std::size_t kMost = 1024;

  // [from, to). False when it would become too many pieces: nothing is added.
  bool add(std::uint64_t from, std::uint64_t to);
  [[nodiscard]] bool covers(std::uint64_t from, std::uint64_t to) const noexcept;
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t pieces() const noexcept { return pieces_.size(); }
  [[nodiscard]] std::uint64_t end() const noexcept { return pieces_.empty() ? 0 : pieces_.rbegin()->second; }

 private:
  std::map<std::uint64_t, std::uint64_t> pieces_;  // from -> to; disjoint, not touching
  std::uint64_t bytes_ = 0;
};

}  // namespace herald::io
