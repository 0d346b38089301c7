#pragma once

namespace herald::daemon {

inline constexpr const char* kVersion = HERALD_VERSION;

}  // namespace herald::daemon
