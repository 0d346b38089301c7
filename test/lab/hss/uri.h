// Identities as keys: TS 23.003 13.4, as much as a lab needs.
#pragma once

#include <string>
#include <string_view>

namespace herald::lab {

// sip: without parameters and port, host in lower case; tel: without parameters and visual separators. SH-51
[[nodiscard]] std::string canonical_identity(std::string_view uri);

// MSISDN's TBCD octets as digits.
[[nodiscard]] std::string msisdn_digits(std::string_view tbcd);

}  // namespace herald::lab
