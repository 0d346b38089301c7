// Operator events of the SIP stack. Numbers are stable.
#pragma once

#include "herald/log.h"

namespace herald::sip::catalog {

using log::Level;
using log::OperatorEvent;

inline constexpr OperatorEvent kListening{"SP0101", Level::info, "SIP listener ready", "start-up", "requests are taken here",
                                          "none"};
inline constexpr OperatorEvent kCannotListen{"SP0102",
                                             Level::error,
                                             "SIP address cannot be bound",
                                             "the address is in use or not on this host, or the TLS files do not load",
                                             "heraldd does not start",
                                             "free the port, or correct sip.listen or sip.tls"};
inline constexpr OperatorEvent kHopDown{"SP0103",
                                        Level::warn,
                                        "next hop does not answer",
                                        "repeated time-outs or transport failures",
                                        "requests to it are refused or wait; one probe per interval",
                                        "check the next hop and the network to it"};
inline constexpr OperatorEvent kHopUp{
    "SP0104", Level::info, "next hop answers again", "a probe was answered", "traffic to it flows again", "none"};
inline constexpr OperatorEvent kHopBusy{"SP0105",
                                        Level::warn,
                                        "next hop asks for a pause",
                                        "503 with Retry-After",
                                        "requests to it are refused or wait until the time has passed",
                                        "check the load of the next hop"};
inline constexpr OperatorEvent kNoName{"SP0106",
                                       Level::warn,
                                       "next hop cannot be resolved",
                                       "DNS gave no usable address",
                                       "requests to it fail as not resolved",
                                       "check the name, the resolver and its records"};
inline constexpr OperatorEvent kTlsPeer{"SP0107",
                                        Level::error,
                                        "TLS peer not accepted",
                                        "certificate verification or handshake failed",
                                        "requests to it fail",
                                        "check the peer's certificate against sip.tls.ca"};
inline constexpr OperatorEvent kBadMessage{"SP0108",
                                           Level::warn,
                                           "malformed SIP message refused",
                                           "the sender's message",
                                           "answered 400 where possible, else dropped",
                                           "check the sender"};
inline constexpr OperatorEvent kUnanswered{"SP0109",
                                           Level::error,
                                           "request ended without an answer",
                                           "a fault in the application",
                                           "500 was sent",
                                           "report it with the trace"};
inline constexpr OperatorEvent kTaskFailed{"SP0110",
                                           Level::error,
                                           "a task threw",
                                           "a fault in Herald",
                                           "the task was ended; the shard goes on",
                                           "report it with the error text"};

}  // namespace herald::sip::catalog
