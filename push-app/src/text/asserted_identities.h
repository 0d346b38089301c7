// Who sent a request, as the network vouches for it. Pure.
#pragma once

#include <string>
#include <vector>

#include "herald/isc_context.h"

namespace herald::push {

// Canonical: every name that P-Asserted-Identity of a trusted peer gives him, for it vouches for both values (S-2, S-5). With
// them a user is recognised although the third-party REGISTER that tells his implicit set is still on its way: the S-CSCF sends
// it beside its 200 to the user, so his request may be here first. None: anonymous.
[[nodiscard]] std::vector<std::string> asserted_identities(const IscContext& isc);

}  // namespace herald::push
