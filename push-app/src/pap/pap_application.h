// X-Wap-Application-Id in all the forms that are met. PAP-60, pap.md 7. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace herald::push::pap {

struct ApplicationId {
  std::string urn;    // "x-wap-application:mms.ua": what the receiver is told
  std::string token;  // "mms.ua": what profiles, consent and feature tags know it by
};
// Nothing given: wml.ua. None: not an application id.
[[nodiscard]] std::optional<ApplicationId> read_application(std::string_view text);

}  // namespace herald::push::pap
