// What PushJob::external_info keeps of a PAP submission for its answers and notifications. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pap/pap_message.h"

namespace herald::push::pap {

struct Info {
  Version version = Version::v2_1;
  std::optional<Quality> quality;
  std::string source_reference;
  std::string sender_address;  // of this gateway, as it was then
  std::string sender_name;
  std::vector<std::string> refused;  // addresses left out, partial acceptance (PAP-32)
};
[[nodiscard]] std::string to_text(const Info& info);
// Never fails: what cannot be read is as if it had not been said.
[[nodiscard]] Info parse_info(std::string_view text);

}  // namespace herald::push::pap
