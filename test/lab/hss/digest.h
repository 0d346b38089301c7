#pragma once

#include <string>
#include <string_view>

namespace herald::lab {

// MD5(username:realm:password) in lower-case hex, RFC 2617 3.2.2.2. MD5 because SIP Digest of TS 33.203 says so.
[[nodiscard]] std::string digest_ha1(std::string_view username, std::string_view realm, std::string_view password);
[[nodiscard]] std::string random_octets(std::size_t count);

}  // namespace herald::lab
