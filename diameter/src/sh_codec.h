// UDR out of a ShRequest, ShAnswer out of a UDA: the only two places where Sh values and AVPs meet. SH section 2.
// Thread: any, once the dictionary is defined.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "herald/expected.h"
#include "sh_answer.h"

struct msg;

namespace herald::diameter {

struct FreeMessage {
  void operator()(msg* message) const noexcept;
};
using DiameterMessage = std::unique_ptr<msg, FreeMessage>;

// SH-01 to SH-03: hand-made Session-Id, no session object of the library (FD-64); one Data-Reference.
[[nodiscard]] Expected<DiameterMessage> build_udr(const ShRequest& request, const std::string& session_id);
[[nodiscard]] std::uint32_t end_to_end_of(msg* message) noexcept;

// Never fails: what is missing or unparsed stays absent, and judge() draws the conclusion (D3). `local`: made by our library.
[[nodiscard]] ShAnswer read_answer(msg* message);

// "<identity>;<hi>;<lo>", never the same twice. RFC 6733 8.8
class SessionIds {
 public:
  SessionIds(std::string identity, std::uint32_t high) : prefix_(std::move(identity) + ';' + std::to_string(high) + ';') {}
  [[nodiscard]] std::string next() { return prefix_ + std::to_string(++low_); }

 private:
  std::string prefix_;
  std::uint32_t low_ = 0;
};

// The host in a DiameterURI "aaa://host:3868;transport=tcp"; empty when it is none. RFC 6733 4.3.1
[[nodiscard]] std::string_view host_of_uri(std::string_view uri) noexcept;

}  // namespace herald::diameter
