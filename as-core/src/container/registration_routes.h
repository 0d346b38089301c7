// GET /v1/registrations/{user}: the registration view for people and initiators.
#pragma once

#include "herald/http.h"
#include "herald/registration_view.h"

namespace herald::container {

class Core;
void add_registration_routes(Core& core);

// The JSON of one registration at that moment.
[[nodiscard]] std::string registration_json(const Registration& registration, WallTime now);

}  // namespace herald::container
