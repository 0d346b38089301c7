// address-value to Request-URI. PAP-51..54, pap.md 5. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pushes/submission.h"

namespace herald::push::pap {

struct AddressRules {
  std::vector<std::string> names;  // of this gateway: what may stand behind the @
  std::string home_domain;
  std::string phone_domain;  // empty: telephone numbers become tel URIs
  std::size_t max_bytes = 256;
};

// Recipient::given is the address-value as written. 2002 with the reason otherwise.
[[nodiscard]] Checked<Recipient> read_address(std::string_view value, const AddressRules& rules);

}  // namespace herald::push::pap
