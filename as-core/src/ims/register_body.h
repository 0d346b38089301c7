// What an S-CSCF may put into a third-party REGISTER: service information, the UE's REGISTER, the 200 to it; one of them or a
// multipart of two or three in any order. TS 24.229 5.4.1.7, 7.6.
// Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "herald/sip_message.h"

namespace herald::ims {

struct RegisterBody {
  std::string service_info;
  std::optional<SipMessage> request;   // the UE's REGISTER
  std::optional<SipMessage> response;  // the 200 sent to the UE
  unsigned malformed = 0;              // parts that could not be read (AS-15)
  unsigned ignored = 0;                // parts of a type we do not know (AS-16)
};

[[nodiscard]] RegisterBody read_register_body(std::string_view content_type, std::string_view body);

// <ims-3gpp><service-info>…</service-info></ims-3gpp>: the text, CDATA included, or the markup inside it. Error{invalid} for
// anything with a DTD, over 64 KiB or not of this shape.
Expected<std::string> read_service_info(std::string_view xml);

}  // namespace herald::ims
