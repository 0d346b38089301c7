// Numbered operator events of the HTTP server.
#pragma once

#include "herald/log.h"

namespace herald::io::http_events {

inline constexpr log::OperatorEvent kHandlerFailed{"HT0101",
                                                   log::Level::error,
                                                   "an HTTP handler failed",
                                                   "an exception left the handler: a fault of Herald or of a module",
                                                   "this one request was answered 500",
                                                   "report it with the trace; other requests are not affected"};
inline constexpr log::OperatorEvent kShardBusy{"HT0102",
                                               log::Level::warn,
                                               "HTTP requests refused: a shard's mailbox is full",
                                               "more work arrives than the shard can do",
                                               "clients got 503 with Retry-After",
                                               "spread the load over more shards or nodes, or lower the initiators' rates"};
inline constexpr log::OperatorEvent kTooManyRequests{
    "HT0103",
    log::Level::warn,
    "HTTP requests refused: limit of requests in progress or of buffered bytes reached",
    "handlers answer slower than requests arrive",
    "clients got 503 with Retry-After",
    "look for a slow store, HSS or next hop; the limit protects memory"};
inline constexpr log::OperatorEvent kTooManyConnections{"HT0104",
                                                        log::Level::warn,
                                                        "HTTP connections refused: limit reached",
                                                        "too many clients, or clients that do not close",
                                                        "new connections got 503",
                                                        "raise the limit or find the client"};
inline constexpr log::OperatorEvent kCannotAccept{"HT0105",
                                                  log::Level::error,
                                                  "HTTP connections cannot be accepted",
                                                  "the process has no descriptors or memory left",
                                                  "clients wait in the backlog; tried again soon",
                                                  "raise the limit of open files"};
inline constexpr log::OperatorEvent kHandlerSilent{"HT0106",
                                                   log::Level::warn,
                                                   "an HTTP handler did not answer in time",
                                                   "it waits for something that does not come",
                                                   "the client got 503; the late answer will be dropped",
                                                   "look for a slow store, HSS or next hop in the same trace"};

inline constexpr log::OperatorEvent kClientQueueFull{
    "HT0107",
    log::Level::warn,
    "HTTP requests of this node refused: too many wait",
    "webhooks or content servers answer slower than requests are made",
    "the requests are tried again later",
    "look for the slow host among herald_http_client_requests_total and the log"};

}  // namespace herald::io::http_events
