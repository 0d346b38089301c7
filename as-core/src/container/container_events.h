// Catalogue of the operator events of container/.
#pragma once

#include "herald/log.h"

namespace herald::container::events {

inline constexpr log::OperatorEvent kHookThrew{"CT0101",
                                               log::Level::error,
                                               "a module threw an exception",
                                               "a fault in the module",
                                               "the request got 500 unless answered before",
                                               "report it to the module's maker"};
inline constexpr log::OperatorEvent kUnanswered{"CT0102",
                                                log::Level::error,
                                                "a module left a request without an answer",
                                                "a fault in the module",
                                                "the request got 500",
                                                "report it to the module's maker"};
inline constexpr log::OperatorEvent kQuarantined{"CT0103",
                                                 log::Level::error,
                                                 "a module is in quarantine on this shard",
                                                 "it threw five times within a minute",
                                                 "its requests are passed by or get 500, as the service's default handling says",
                                                 "reload or restart after repairing it"};
inline constexpr log::OperatorEvent kModuleRefused{
    "CT0104",    log::Level::error,         "a module could not be loaded",
    "see cause", "the node does not start", "install a module built for this version and toolchain"};
inline constexpr log::OperatorEvent kSessionLimit{"CT0105",
                                                  log::Level::error,
                                                  "limit of application sessions reached",
                                                  "more work runs at once than the shard may hold",
                                                  "new initial requests get 500 with Retry-After",
                                                  "add shards or raise the limit"};
inline constexpr log::OperatorEvent kProfileMismatch{"CT0106",
                                                     log::Level::warn,
                                                     "an ISC request names a trigger whose condition it does not meet (SPF-W10)",
                                                     "the initial filter criteria in the HSS differ from the service profile",
                                                     "the request was dispatched by its own content",
                                                     "compare: heraldctl ifc diff"};
inline constexpr log::OperatorEvent kUnknownService{"CT0107",
                                                    log::Level::warn,
                                                    "a service profile names an application that is not loaded",
                                                    "modules: lacks it",
                                                    "its requests are passed by",
                                                    "load the module or remove the profile"};
inline constexpr log::OperatorEvent kLoop{"CT0108",
                                          log::Level::warn,
                                          "a request went round in circles",
                                          "an initial filter criterion triggers this node again and again",
                                          "it was answered 482",
                                          "exclude requests of this node from the initial filter criteria"};

}  // namespace herald::container::events
