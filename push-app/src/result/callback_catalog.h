// Operator events of result notifications.
#pragma once

#include "herald/log.h"

namespace herald::push::catalog {

inline constexpr log::OperatorEvent kHostDown{
    "PU0301",
    log::Level::warn,
    "an initiator cannot be told results",
    "its callback host does not answer or answers with an error",
    "its result notifications wait in the store and are sent again at the configured pauses",
    "tell the initiator; nothing is lost before callbacks.give_up_after"};
inline constexpr log::OperatorEvent kHostBack{"PU0302",
                                              log::Level::info,
                                              "an initiator can be told results again",
                                              "its callback host answered",
                                              "what waited for it is sent now",
                                              "none"};
inline constexpr log::OperatorEvent kNoticesDead{
    "PU0303",
    log::Level::error,
    "result notifications were given up",
    "callbacks.give_up_after passed, or they can be sent nowhere",
    "the initiator does not hear of these results; GET /v1/pushes/{id} still shows them",
    "see the cause; tell the initiator to ask"};
inline constexpr log::OperatorEvent kOutboxStore{"PU0304",
                                                 log::Level::error,
                                                 "the outbox cannot use the store",
                                                 "the store does not answer",
                                                 "result notifications wait",
                                                 "check the store; herald tries again every second"};

}  // namespace herald::push::catalog
