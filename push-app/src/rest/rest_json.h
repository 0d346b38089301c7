// Pushes as the JSON of the REST interface. Pure.
#pragma once

#include <string>

#include "pushes/push_service.h"

namespace herald::push {

[[nodiscard]] std::string to_json(const PushView& view);
[[nodiscard]] std::string to_json(const PushList& list);
[[nodiscard]] std::string to_json(const Delivery& delivery);  // one member of `recipients`

}  // namespace herald::push
