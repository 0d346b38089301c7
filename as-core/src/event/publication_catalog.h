// Catalogue of the operator events of publications.
#pragma once

#include "herald/log.h"

namespace herald::event::events {

inline constexpr log::OperatorEvent kPublicationNotStored{"EV7001",
                                                          log::Level::error,
                                                          "a publication could not be written down",
                                                          "the store refused or failed",
                                                          "the PUBLISH got 500; its publisher tries again",
                                                          "check the store"};
inline constexpr log::OperatorEvent kPublicationUnreadable{"EV7002",
                                                           log::Level::warn,
                                                           "a stored publication could not be read",
                                                           "the record is damaged or of an incompatible version",
                                                           "its publisher gets 412 and publishes anew",
                                                           "none, unless it is frequent: then check the database"};
inline constexpr log::OperatorEvent kPublicationLimit{"EV7003",
                                                      log::Level::error,
                                                      "limit of publications reached",
                                                      "more is published than this node may keep",
                                                      "new publications get 500 with Retry-After",
                                                      "add shards or nodes"};
inline constexpr log::OperatorEvent kPublicationPackageThrew{"EV7004",
                                                             log::Level::error,
                                                             "the package of a publication let an exception out",
                                                             "a fault in the module",
                                                             "a PUBLISH got 500, or a change was not taken up",
                                                             "report it to the module's maker"};

}  // namespace herald::event::events
