// Numbered operator events of the MSRP endpoint.
#pragma once

#include "herald/log.h"

namespace herald::io::msrp_events {

inline constexpr log::OperatorEvent kTooManySessions{"MS0101",
                                                     log::Level::warn,
                                                     "MSRP sessions refused: limit reached",
                                                     "more pushes go in sessions than msrp.limits.max_sessions allows",
                                                     "those pushes take another mode or wait",
                                                     "raise the limit, or look for receivers that do not end their sessions"};
inline constexpr log::OperatorEvent kTooManyConnections{"MS0102",
                                                        log::Level::warn,
                                                        "MSRP connections refused: limit reached",
                                                        "too many peers, or one that opens many",
                                                        "new connections are closed at once",
                                                        "raise the limit or find the peer"};
inline constexpr log::OperatorEvent kCannotAccept{"MS0103",
                                                  log::Level::error,
                                                  "MSRP connections cannot be accepted",
                                                  "the process has no descriptors or memory left",
                                                  "peers wait in the backlog; tried again in a second",
                                                  "raise the limit of open files"};
inline constexpr log::OperatorEvent kNoRoom{"MS0104",
                                            log::Level::warn,
                                            "MSRP messages refused: too many bytes in memory",
                                            "modules are slower than peers, or there are too many peers at a time",
                                            "peers are told to stop (413)",
                                            "look for a slow module or store; the limit protects memory"};
inline constexpr log::OperatorEvent kBlobRefused{"MS0105",
                                                 log::Level::error,
                                                 "an MSRP message could not be stored",
                                                 "the disk is full or the folder of blobs cannot be written",
                                                 "the peer is told to stop (413) or gets a failure report",
                                                 "look at the disk; ST events tell more"};
inline constexpr log::OperatorEvent kPeerNotProven{"MS0106",
                                                   log::Level::warn,
                                                   "an MSRP peer did not prove who it is",
                                                   "its certificate is not the one of a=fingerprint, or no known CA signed it",
                                                   "the connection was closed; the session gets none",
                                                   "somebody in between, or a peer with an old certificate"};

}  // namespace herald::io::msrp_events
