// The shortest time to live in a DNS answer: c-ares 1.18 gives none for SRV.
#pragma once

#include <cstddef>
#include <optional>

#include "herald/clock.h"

namespace herald::sip {

// Nothing when the message has no answer record or does not decode.
[[nodiscard]] std::optional<Duration> answer_ttl(const unsigned char* data, std::size_t size);

}  // namespace herald::sip
