// Service profile to initial filter criteria for the HSS. SPF-1..SPF-6, SPF-31; TS 29.228 Annex B, E.
// Thread: pure functions.
#pragma once

#include <string>
#include <vector>

#include "herald/expected.h"
#include "herald/service_profile.h"
#include "ims/ifc_model.h"

namespace herald::ims {

// What the HSS must hold for these services. First what every subscriber gets: PrivateID and the PublicIdentity elements of the
// subscriber are the HSS's to add. Then shared sets, then one profile for each identity of a service.
// Error{too_large} when a condition needs more groups than an iFC may hold; the loader reports that before (SPF-E13).
Expected<IfcDocument> make_ifc(const std::vector<ServiceProfile>& services);

// Byte-stable for equal input.
[[nodiscard]] std::string write_ifc(const IfcDocument& document);

Expected<std::string> export_ifc(const std::vector<ServiceProfile>& services);

}  // namespace herald::ims
