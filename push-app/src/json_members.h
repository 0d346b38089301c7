// JSON bodies from outside, read strictly: bounded nesting, no member twice. Every refusal names the member. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "herald/clock.h"
#include "problem.h"

namespace herald::push {

// A JSON object in UTF-8.
[[nodiscard]] Checked<nlohmann::json> parse_json_object(std::string_view text);

[[nodiscard]] Checked<std::string> text_member(const nlohmann::json& value, const std::string& member, std::size_t max_bytes);
[[nodiscard]] Checked<WallTime> time_member(const nlohmann::json& value, const std::string& member);  // RFC 3339
// RFC 3840 9: token-nobang, since it becomes a feature tag value.
[[nodiscard]] bool is_application_id(std::string_view text);
[[nodiscard]] Checked<std::string> application_member(const nlohmann::json& value, const std::string& member);

}  // namespace herald::push
