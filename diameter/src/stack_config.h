// From our options to the library's configuration text. Everything that enters the text is checked first.
#pragma once

#include <cstdint>
#include <string>

#include "diameter/diameter_stack.h"

namespace herald::diameter {

struct ListenAddress {
  std::string address;
  std::uint16_t port = 0;
};
[[nodiscard]] Expected<ListenAddress> parse_listen(const std::string& text);  // "127.0.0.1:3868", "[::1]:3868"

// Error{invalid} names the option that is wrong.
[[nodiscard]] Expected<> check_options(const DiameterOptions& options);
// dh_file: path of the TLS parameters, only used with TLS.
[[nodiscard]] std::string configuration_text(const DiameterOptions& options, const ListenAddress& listen,
                                             const std::string& dh_file);

}  // namespace herald::diameter
