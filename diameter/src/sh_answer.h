// A question to the HSS and what came back, as plain values: nothing of the library crosses a thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "herald/sh.h"

namespace herald::diameter {

struct ShRequest {
  std::string user;  // canonical public identity
  ShDataRef data = ShDataRef::repository_data;
  std::string service_indication;
  std::string destination_realm;
  std::string destination_host;  // empty: any peer of the realm (SH-60)
};

struct ShAnswer {
  enum class Kind : std::uint8_t {
    answered,   // a Diameter answer; the fields below are its contents
    no_peer,    // made by the library: no peer takes the request (3002 of our own)
    dropped,    // an answer came and could not be read (FD-63)
    timed_out,  // our own timer (FD-33)
    refused,    // not sent: too many requests wait, or it could not be built
    stopped,    // the stack shuts down (FD-03)
  };
  Kind kind = Kind::timed_out;
  std::optional<std::uint32_t> result_code;        // 268
  std::optional<std::uint32_t> experimental_code;  // 297/298
  std::string origin_host;
  std::string redirect_host;             // host of the first Redirect-Host of a 3006 (SH-61)
  std::optional<std::string> user_data;  // Sh-Data XML
  std::string detail;                    // Error-Message and the codes in Failed-AVP, for the log
};

}  // namespace herald::diameter
