// Does a request fulfil a condition of a service profile, as the S-CSCF evaluates its iFC? service-profile-ifc.md 2, 3, 7.4.
// Thread: one evaluator per shard (it keeps the expressions it has compiled); views borrow from the message.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/portable_regex.h"
#include "herald/service_profile.h"
#include "herald/sip_message.h"

namespace herald {

struct RequestView {
  std::string_view method;
  std::string_view uri;
  const SipHeaders& headers;
  SessionCase session_case = SessionCase::terminating_registered;
  std::optional<RegistrationType> registration;  // of a REGISTER; SPF-43
  std::string_view sdp;                          // the body when its type is application/sdp
};
[[nodiscard]] RequestView view_of(const SipMessage& request, SessionCase session_case,
                                  std::optional<RegistrationType> registration = std::nullopt);

class ConditionEvaluator {
 public:
  [[nodiscard]] bool holds(const Condition& condition, const RequestView& request);
  // Compiles its expressions ahead of the first request.
  void prepare(const Condition& condition);

  // One test of an SPT, by itself: what the exporter's round trip compares with.
  [[nodiscard]] bool holds(const Condition::Method& test, const RequestView& request) const;
  [[nodiscard]] bool holds(const Condition::RequestUri& test, const RequestView& request);
  [[nodiscard]] bool holds(const Condition::Header& test, const RequestView& request);
  [[nodiscard]] bool holds(const Condition::Case& test, const RequestView& request) const;
  [[nodiscard]] bool holds(const Condition::Sdp& test, const RequestView& request);
  [[nodiscard]] bool holds(const Condition::Registration& test, const RequestView& request) const;

 private:
  using Cache = std::unordered_map<std::string, std::optional<PortableRegex>>;
  const PortableRegex* compiled(Cache& cache, const std::string& pattern, PortableRegex::Case letters);
  Cache names_;   // header names compare without case
  Cache values_;  // values with
};

}  // namespace herald
