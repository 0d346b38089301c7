// What the agent tells: one JSON object a line.
// Thread: any.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "herald/clock.h"
#include "push_decision.h"

namespace herald::receiver {

// Takes one complete line without its end.
using EventSink = std::function<void(const std::string& line)>;

struct EventField {
  std::string_view name;
  std::string value;
  bool literal = false;  // a number or true/false
};
[[nodiscard]] std::string event_line(std::string_view event, WallTime when, const std::vector<EventField>& fields);
// `push`; text when the body is text, base64 otherwise.
[[nodiscard]] std::string push_line(WallTime when, const std::string& user, const Push& push, const std::string& body,
                                    bool duplicate);

}  // namespace herald::receiver
