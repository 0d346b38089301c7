// Operator events of the push module.
#pragma once

#include "herald/log.h"

namespace herald::push::catalog {

using log::Level;
using log::OperatorEvent;

inline constexpr OperatorEvent kRestored{"PU0101",
                                         Level::info,
                                         "deliveries restored",
                                         "the node started on a store with unfinished pushes",
                                         "they go on where they stood",
                                         "none"};
inline constexpr OperatorEvent kRestoreFailed{
    "PU0102",
    Level::error,
    "deliveries cannot be restored",
    "the store does not answer",
    "pushes accepted before the start wait; new ones are refused while the store is away",
    "check the store; herald retries every second"};
inline constexpr OperatorEvent kAlarmingAnswer{
    "PU0103",
    Level::warn,
    "a push was refused in a way that points to a fault",
    "the core calls the request malformed, looping or unauthentic, or a certificate fails",
    "the push is undeliverable, and others will probably be",
    "see the cause; check routes, iFCs and the sender identity at the S-CSCF"};
inline constexpr OperatorEvent kCorruptRecord{"PU0104",
                                              Level::error,
                                              "a stored push cannot be read",
                                              "damaged store or written by an incompatible version",
                                              "that delivery is left alone and stays in the store",
                                              "look at the record; restore a backup if there are many"};
inline constexpr OperatorEvent kStoreRefusesState{"PU0105",
                                                  Level::error,
                                                  "the state of a delivery cannot be saved",
                                                  "the store does not answer",
                                                  "the delivery keeps its place in flight and is saved as soon as possible",
                                                  "check the store"};
inline constexpr OperatorEvent kBadProfile{"PU0106",
                                           Level::warn,
                                           "a push profile at the HSS cannot be used",
                                           "its XML is damaged or of a newer version",
                                           "the application's default consent applies",
                                           "correct the subscriber's repository data"};
inline constexpr OperatorEvent kHandoverDelayed{"PU0107",
                                                Level::warn,
                                                "a shard does not take accepted pushes",
                                                "its mailbox is full",
                                                "they wait on the accepting shard and are offered again",
                                                "see the shard's load; raise sip.shards"};
inline constexpr OperatorEvent kUnfinishedRemoved{"PU0108",
                                                  Level::info,
                                                  "an unfinished submission was removed",
                                                  "the node or its store failed before a push with many recipients was accepted",
                                                  "nothing of it was or will be sent; its initiator got no 202",
                                                  "none"};
inline constexpr OperatorEvent kReplacementCompleted{"PU0109",
                                                     Level::info,
                                                     "an interrupted replacement was completed",
                                                     "the node or its store failed while a push took the place of another",
                                                     "the old push is cancelled, the new one accepted",
                                                     "none"};
inline constexpr OperatorEvent kOrphansRemoved{"PU0110",
                                               Level::info,
                                               "contents that belong to no push were removed",
                                               "the node or its store failed between writing a content and accepting its push",
                                               "the space is free again",
                                               "none"};
inline constexpr OperatorEvent kLinksWithoutTls{
    "PU0111",
    Level::warn,
    "links to content lead to plain HTTP",
    "content_base_url says http, or is not set and http.listen has no TLS",
    "who listens on the way of a fetch can read and change the content (S-8)",
    "set content_base_url to an https URL that leads here, or give http.listen a certificate"};

}  // namespace herald::push::catalog
