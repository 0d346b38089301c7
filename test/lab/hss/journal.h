// One JSON object a line on standard output for everything that happens; what tests and people read.
// Thread: any.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace herald::lab {

void journal(nlohmann::ordered_json line);
inline nlohmann::ordered_json event(std::string_view name) { return {{"event", name}}; }

}  // namespace herald::lab
