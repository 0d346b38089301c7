// JSON bodies from outside, read strictly: bounded nesting, no member twice. Every refusal names the member. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "herald/clock.h"
#include "text/problem.h"

namespace herald::push {

// A JSON object in UTF-8.
[[nodiscard]] Checked<nlohmann::json> parse_json_object(std::string_view text);

// A member that is an array of texts and may be long: it is not made a value. What it holds up to `most_listed` is in `listed`;
// beyond that only where it stands in the text, for whoever reads it from there.
struct LongArray {
  std::string member;
  std::size_t most_listed = 0;
  std::vector<std::string> listed{};  // empty when there are more
  std::size_t count = 0;
  std::size_t begin = 0;  // offset behind its '['
};
// In the object the member is an empty array.
[[nodiscard]] Checked<nlohmann::json> parse_json_object(std::string_view text, LongArray& array);

[[nodiscard]] Checked<std::string> text_member(const nlohmann::json& value, const std::string& member, std::size_t max_bytes);
[[nodiscard]] Checked<WallTime> time_member(const nlohmann::json& value, const std::string& member);  // RFC 3339
// RFC 3840 9: token-nobang, since it becomes a feature tag value.
[[nodiscard]] bool is_application_id(std::string_view text);
[[nodiscard]] Checked<std::string> application_member(const nlohmann::json& value, const std::string& member);

}  // namespace herald::push
