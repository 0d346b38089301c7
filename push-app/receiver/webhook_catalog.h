// Numbered operator events of webhooks.
#pragma once

#include "herald/log.h"

namespace herald::receiver::webhook_events {

inline constexpr log::OperatorEvent kGivenUp{"PU0301",
                                             log::Level::error,
                                             "a push was not handed to its webhook and is given up",
                                             "its server refused it, or did not take it within the attempts or time allowed",
                                             "the push is lost to the thing; its sender was told where he asked for reports",
                                             "look at the webhook's server; see modules.receiver.config.webhook"};
inline constexpr log::OperatorEvent kFailing{"PU0302",
                                             log::Level::warn,
                                             "a webhook does not take pushes",
                                             "its server is down, slow or refuses",
                                             "pushes wait and are tried again, later each time",
                                             "look at the webhook's server"};
inline constexpr log::OperatorEvent kFull{"PU0303",
                                          log::Level::warn,
                                          "pushes for webhooks refused: too many wait",
                                          "webhooks take fewer pushes than arrive",
                                          "MESSAGE is answered 503 with Retry-After; the senders try again",
                                          "look for the webhook that is down, or raise webhook.max_waiting"};
inline constexpr log::OperatorEvent kStore{"PU0304",
                                           log::Level::error,
                                           "the store does not give back the pushes that wait for webhooks",
                                           "see the store's own events",
                                           "they wait until it does",
                                           "look at the store"};

}  // namespace herald::receiver::webhook_events
