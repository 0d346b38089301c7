// Catalogue of the operator events of subscriptions and REFERs of our own.
#pragma once

#include "herald/log.h"

namespace herald::event::events {

inline constexpr log::OperatorEvent kWatchRefused{"EV5001",
                                                  log::Level::warn,
                                                  "a subscription of ours was refused for good",
                                                  "the notifier or its policy does not want it",
                                                  "what it would have told stays unknown",
                                                  "check the notifier's policy and the identity that subscribes"};
inline constexpr log::OperatorEvent kNoNotify{"EV5002",
                                              log::Level::warn,
                                              "a subscription of ours brought no NOTIFY in time",
                                              "the notifier is overloaded, or NOTIFYs do not find their way here",
                                              "it counts as failed and is tried again if its owner wants that",
                                              "check routing from the notifier to this node's Contact"};
inline constexpr log::OperatorEvent kWatcherThrew{"EV5003",
                                                  log::Level::error,
                                                  "a watcher let an exception out",
                                                  "a fault in the module",
                                                  "the NOTIFY got 500, or the progress was lost on it",
                                                  "report it to the module's maker"};
inline constexpr log::OperatorEvent kWatchLimit{"EV5004",
                                                log::Level::error,
                                                "limit of subscriptions of our own reached",
                                                "a module subscribes without end",
                                                "further ones fail as busy",
                                                "check the module, or add shards"};
inline constexpr log::OperatorEvent kFragmentMalformed{"EV5005",
                                                       log::Level::warn,
                                                       "the report on a REFER could not be read",
                                                       "the peer's message/sipfrag has no status line",
                                                       "this report was ignored",
                                                       "none, unless it is frequent: then look at that kind of device"};

}  // namespace herald::event::events
