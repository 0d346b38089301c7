// Disposition notifications as a receiver sends them: message/imdn+xml (RFC 5438), plain, in message/cpim, several in a
// multipart, one CPIM in another. From outside: bounded in size, depth and number. PS-52. Pure.
// Thread: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "herald/expected.h"

namespace herald::push {

struct DispositionNotice {
  enum class Kind : std::uint8_t { delivery, processing, display };
  enum class State : std::uint8_t { delivered, displayed, processed, stored, failed, forbidden, error };
  std::string message_id;
  Kind kind = Kind::delivery;
  State state = State::delivered;
  // Good news: the content came further.
  [[nodiscard]] bool positive() const noexcept { return state < State::failed; }
  friend bool operator==(const DispositionNotice&, const DispositionNotice&) = default;
};
// "imdn:delivered", "imdn:display-forbidden": SM-2.
[[nodiscard]] std::string cause_of(const DispositionNotice& notice);

// Does a body of this type look like a report? Cheap: a MESSAGE of anybody comes by here.
[[nodiscard]] bool carries_disposition(std::string_view content_type, std::string_view body);

// All notifications in it, in order. Error{invalid}: malformed, or more than a report may be.
[[nodiscard]] Expected<std::vector<DispositionNotice>> read_dispositions(std::string_view content_type, std::string_view body);

}  // namespace herald::push
