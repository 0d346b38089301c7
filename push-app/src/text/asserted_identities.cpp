#include "text/asserted_identities.h"

#include "herald/sip_uri.h"

namespace herald::push {

std::vector<std::string> asserted_identities(const IscContext& isc) {
  std::vector<std::string> all;
  if (!isc.trusted) return all;
  for (const auto& asserted : isc.asserted_identity) all.push_back(canonical_identity(asserted.uri));
  return all;
}

}  // namespace herald::push
