// Transitions of deliveries as server-sent events. Pure.
//
//   id: MILLISECONDS-RECIPIENT-STATUS-ATTEMPT
//   event: status
//   data: {"push": ID, "index": RECIPIENT, "recipient": {as in GET /v1/pushes/{id}}}
//
// An event holds the whole state of its recipient: to see one twice does no harm.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "push/push_job.h"

namespace herald::push {

// Names one transition of a push for as long as its record is kept.
struct EventId {
  WallTime at{};
  std::uint32_t index = 0;
  Status status = Status::accepted;
  std::uint16_t attempt = 0;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] static std::optional<EventId> parse(std::string_view text);
  bool operator==(const EventId&) const = default;
};

[[nodiscard]] std::string event_text(const Delivery& delivery, const EventId& id);
// The delivery as it stood after that line of its history.
[[nodiscard]] Delivery as_of(const Delivery& delivery, std::size_t line);
[[nodiscard]] EventId event_id(const Delivery& delivery, std::size_t line);

// The lines of the history that a client has not seen, oldest first. `seen`: the last one of this recipient it saw; none: only
// the newest counts.
[[nodiscard]] std::vector<std::size_t> unseen(const Delivery& delivery, const std::optional<EventId>& seen);
// After Last-Event-ID: the last one of any recipient that it saw. Shards tell their transitions side by side, so those of
// other recipients within a moment before it count as unseen.
[[nodiscard]] std::vector<std::size_t> unseen_after(const Delivery& delivery, const EventId& last);

}  // namespace herald::push
