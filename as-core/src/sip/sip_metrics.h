// The stack's counters. Labels: method class, status class, origin, reason; never an identity or an address.
// Thread: any.
#pragma once

#include <string_view>

#include "herald/metrics.h"
#include "sip/sip_stack.h"

namespace herald::sip::stats {

enum class Drop {
  malformed,         // refused or dropped before a transaction
  stray_response,    // matches no transaction
  too_large,         // over max_message_bytes
  too_many_headers,  // over 256 fields
  unanswered,        // the application ended without an answer
  not_listening,     // draining
  response_lost,     // a final response could not be sent
  no_handler,        // nobody takes requests
  not_sent,          // a datagram the kernel refused
};
void dropped(Drop reason, double n = 1);

void request_in(std::string_view method, int status);                          // counted when answered
void request_out(std::string_view method, int status, ResponseOrigin origin);  // counted when ended
void retransmitted_in(double n);

struct ClientGauges {
  metrics::Gauge resolving, waiting, sent;
  metrics::Gauge hops_up, hops_down;
};
ClientGauges& client_gauges();

}  // namespace herald::sip::stats
