// Placeholder until config/'s evaluator is there: methods, session cases and their combinations.
#include <algorithm>

#include "container/application_router.h"

namespace herald::container {
namespace {

struct Evaluator {
  const SipMessage& request;
  SessionCase session_case;
  std::optional<RegistrationType> registration;

  bool operator()(const Condition& condition) const { return std::visit(*this, condition.test); }
  bool operator()(const Condition::Method& method) const { return request.method() == method.name; }
  bool operator()(const Condition::RequestUri&) const { return false; }
  bool operator()(const Condition::Header&) const { return false; }
  bool operator()(const Condition::Case& wanted) const { return session_case == wanted.value; }
  bool operator()(const Condition::Sdp&) const { return false; }
  bool operator()(const Condition::Registration& wanted) const { return registration == wanted.value; }
  bool operator()(const Condition::All& all) const { return std::all_of(all.of.begin(), all.of.end(), *this); }
  bool operator()(const Condition::Any& any) const { return std::any_of(any.of.begin(), any.of.end(), *this); }
  bool operator()(const Condition::Not& negated) const { return std::none_of(negated.of.begin(), negated.of.end(), *this); }
};

}  // namespace

ConditionTest profile_condition_test() {
  return [](const Condition& condition, const SipMessage& request, SessionCase session_case,
            std::optional<RegistrationType> registration) { return Evaluator{request, session_case, registration}(condition); };
}

}  // namespace herald::container
