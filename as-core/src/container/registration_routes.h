// GET /v1/registrations and /v1/registrations/{user} for operators. Nothing here is on http.listen: who may ask there is the
// modules' business (ServletContext::find_registration).
#pragma once

namespace herald::container {

class Core;
void add_registration_routes(Core& core);

}  // namespace herald::container
