// The catalogue of operator events of Sh and the peer layer. Numbers are stable.
#pragma once

#include "herald/log.h"

namespace herald::diameter::events {

using log::Level;
using log::OperatorEvent;

inline constexpr OperatorEvent kPeerOpen{
    "SH0101", Level::info, "Diameter peer is open", "capabilities exchanged", "requests may go to this peer", "none"};
inline constexpr OperatorEvent kPeerLost{
    "SH0102",
    Level::warn,
    "Diameter peer is lost",
    "connection closed, watchdog unanswered or peer disconnected",
    "other peers of the realm are used; without any, push decisions use stale data or defaults",
    "check the HSS and the network; herald connects again by itself"};
inline constexpr OperatorEvent kHssBusy{"SH0103",
                                        Level::warn,
                                        "HSS answers busy",
                                        "result 3004, 4xxx or 5012",
                                        "push decisions use data up to the stale grace old, or defaults",
                                        "check the load of the HSS; herald asks again with the next push"};
inline constexpr OperatorEvent kConnectFailed{"SH0104",
                                              Level::warn,
                                              "Diameter peer cannot be reached",
                                              "no connection, or the capabilities exchange was refused",
                                              "this peer takes no requests; herald tries again all the time and says so once",
                                              "check address, port, identity and TLS settings at both ends"};
inline constexpr OperatorEvent kRealmNotServed{"SH0105",
                                               Level::error,
                                               "HSS does not serve the realm",
                                               "result 3003",
                                               "no Sh data for any user of the realm",
                                               "check diameter.destination_realm"};
inline constexpr OperatorEvent kPermissionMissing{
    "SH0106",
    Level::error,
    "HSS refuses a kind of data",
    "result 5102",
    "the data reference is not asked for again for a while",
    "grant it to this application server's identity in the HSS's AS permissions list"};
inline constexpr OperatorEvent kInterop{"SH0107",
                                        Level::error,
                                        "HSS does not understand the request",
                                        "results 3005 to 3009, 5001, 5004, 5005 or another protocol error",
                                        "the question is treated as if the HSS were away",
                                        "report it with the detail given"};
inline constexpr OperatorEvent kHssSilent{"SH0108",
                                          Level::warn,
                                          "HSS does not answer in time",
                                          "no answer within the request timeout",
                                          "push decisions use data up to the stale grace old, or defaults",
                                          "check the HSS and the path to it"};
inline constexpr OperatorEvent kUnreadable{"SH0109",
                                           Level::error,
                                           "HSS sent an answer that cannot be read",
                                           "neither or both result AVPs, broken AVPs, or Sh-Data that is not what it should be",
                                           "the answer is treated as a failure of the HSS",
                                           "report it with the detail given"};
inline constexpr OperatorEvent kNoPeer{"SH0110",
                                       Level::warn,
                                       "no Diameter peer is open",
                                       "all peers are down or refuse Sh",
                                       "push decisions use data up to the stale grace old, or defaults",
                                       "check the peers; see heraldctl status"};
inline constexpr OperatorEvent kAnswerRepaired{"SH0111",
                                               Level::warn,
                                               "answer with AVPs that were set aside",
                                               "unknown AVPs with the M bit, wrong flags or lengths",
                                               "the rest of the answer is used",
                                               "report it to the peer's operator with the codes given"};
inline constexpr OperatorEvent kOverLimit{"SH0112",
                                          Level::warn,
                                          "too many requests to the HSS are open",
                                          "the HSS is slow or the limit is low",
                                          "further questions get stale data or defaults at once",
                                          "check the HSS; raise the limit"};
inline constexpr OperatorEvent kPeerAddedAgain{"SH0113",
                                               Level::warn,
                                               "Diameter peer had vanished and was configured again",
                                               "the library gave the peer up after an internal error",
                                               "none, if it opens",
                                               "report it if it repeats"};
inline constexpr OperatorEvent kIdentityMismatch{
    "SH0114",      Level::warn,          "HSS says identities do not match",
    "result 5002", "treated as no data", "check the identity given and the provisioning"};

}  // namespace herald::diameter::events
