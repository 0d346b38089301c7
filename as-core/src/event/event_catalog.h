// Operator events of event packages. Numbers are stable.
#pragma once

#include "herald/log.h"

namespace herald::event::catalog {

using log::Level;
using log::OperatorEvent;

inline constexpr OperatorEvent kCorruptRecord{"EV0101",
                                              Level::error,
                                              "the record of a subscription cannot be read",
                                              "a damaged store, or a record of an incompatible version",
                                              "the subscription is not served; its subscriber has to subscribe again",
                                              "check the disk; keep the store file for analysis"};
inline constexpr OperatorEvent kUnknownPackage{"EV0102",
                                               Level::warn,
                                               "stored subscriptions belong to an event package that nobody brings",
                                               "a module was removed, or its package name changed",
                                               "they are not served until it is back; those that expire are erased",
                                               "load the module, or let them expire"};
inline constexpr OperatorEvent kStoreFailed{"EV0103",
                                            Level::error,
                                            "a subscription could not be written",
                                            "the store refuses or does not answer",
                                            "new subscriptions and refreshes get 500; NOTIFYs wait when CSeq numbers run out",
                                            "check the store and its disk"};
inline constexpr OperatorEvent kLimit{"EV0104",
                                      Level::error,
                                      "limit of subscriptions reached",
                                      "more subscriptions than one shard may hold",
                                      "new ones get 500 with Retry-After",
                                      "add shards or raise the limit"};
inline constexpr OperatorEvent kPackageThrew{"EV0105",
                                             Level::error,
                                             "an event package threw an exception",
                                             "a fault in the module",
                                             "the NOTIFY went without a body, or not at all",
                                             "report it to the module's maker"};
inline constexpr OperatorEvent kLoaded{"EV0106", Level::info, "subscriptions read back", "start-up", "they are served as before",
                                       "none"};

}  // namespace herald::event::catalog
