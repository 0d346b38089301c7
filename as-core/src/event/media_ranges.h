// Media ranges of Accept. RFC 3261 20.1, RFC 2616 14.1. Thread: any.
#pragma once

#include <string_view>

namespace herald::event {

// Is there a type that both allow? "text/*" and "text/plain;q=0.5" meet; parameters are ignored, except q=0, which allows none.
[[nodiscard]] bool ranges_meet(std::string_view a, std::string_view b) noexcept;

}  // namespace herald::event
