#include "io/msrp_ranges.h"

#include <algorithm>

namespace herald::io {

bool MsrpRanges::add(std::uint64_t from, std::uint64_t to) {
  if (from >= to) return true;
  auto next = pieces_.upper_bound(from);
  if (next != pieces_.begin()) {
    const auto before = std::prev(next);
    if (before->second >= from) {  // overlaps or touches: they become one
      if (before->second >= to) return true;
      from = before->first;
      bytes_ -= before->second - before->first;
      next = pieces_.erase(before);
    }
  }
  while (next != pieces_.end() && next->first <= to) {
    to = std::max(to, next->second);
    bytes_ -= next->second - next->first;
    next = pieces_.erase(next);
  }
  if (pieces_.size() >= kMost) return false;
  pieces_.emplace(from, to);
  bytes_ += to - from;
  return true;
}

bool MsrpRanges::covers(std::uint64_t from, std::uint64_t to) const noexcept {
  if (from >= to) return true;
  const auto next = pieces_.upper_bound(from);
  return next != pieces_.begin() && std::prev(next)->second >= to;
}

}  // namespace herald::io
