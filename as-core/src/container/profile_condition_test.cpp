#include <memory>

#include "config/condition_evaluator.h"
#include "container/application_router.h"

namespace herald::container {

// One evaluator a router, hence a shard: it keeps the expressions it has compiled.
ConditionTest profile_condition_test() {
  return [evaluator = std::make_shared<ConditionEvaluator>()](const Condition& condition, const SipMessage& request,
                                                              SessionCase session_case,
                                                              std::optional<RegistrationType> registration) {
    return evaluator->holds(condition, view_of(request, session_case, registration));
  };
}

}  // namespace herald::container
