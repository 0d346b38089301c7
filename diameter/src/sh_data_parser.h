// Sh-Data, TS 29.328 annex D: the document in User-Data. Hardened (SH-23) and tolerant of real HSSs (SH-20).
// Thread: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

#include "herald/expected.h"
#include "herald/sh.h"

namespace herald::diameter {

struct ShDataLimits {
  std::size_t bytes = 64 * 1024;
  int depth = 32;
  std::size_t identities = 1000;
};

// Error{too_large} over a limit, Error{corrupt} when it is not well-formed XML, has a DTD, or its root is not Sh-Data.
[[nodiscard]] Expected<ShUserData> parse_sh_data(std::string_view xml, const ShDataLimits& limits = {});

}  // namespace herald::diameter
