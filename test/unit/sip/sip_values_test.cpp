// The small pure rules: addresses, next hops, what a missing answer means.
#include <cerrno>

#include "doctest/doctest.h"
#include "sip/client_outcome.h"
#include "sip/next_hop.h"

using namespace herald;
using sip::Transport;

TEST_CASE("listen addresses") {
  struct Row {
    const char* text;
    Transport transport;
    const char* host;
    int port;
  };
  for (const auto& row :
       {Row{"udp:127.0.0.1:5065", Transport::udp, "127.0.0.1", 5065}, Row{"tcp:0.0.0.0:0", Transport::tcp, "0.0.0.0", 0},
        Row{"tls:[::1]:5061", Transport::tls, "::1", 5061}}) {
    CAPTURE(row.text);
    const auto parsed = sip::ListenAddress::parse(row.text);
    REQUIRE(parsed);
    CHECK(parsed->transport == row.transport);
    CHECK(parsed->host == row.host);
    CHECK(parsed->port == row.port);
    CHECK(parsed->text() == row.text);
  }
  for (const char* bad :
       {"", "udp", "udp:", "udp:127.0.0.1", "sctp:127.0.0.1:1", "udp:localhost:5060", "udp:127.0.0.1:65536", "udp:127.0.0.1:x",
        "udp:127.0.0.1:", "udp:::1:5060", "udp:[127.0.0.1]:5060", "udp::5060", "127.0.0.1:5060"}) {
    CAPTURE(bad);
    const auto parsed = sip::ListenAddress::parse(bad);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::invalid);
  }
}

TEST_CASE("next hops of URIs (RFC 3263 4)") {
  struct Row {
    const char* uri;
    const char* host;
    int port;  // 0: left to DNS or the default
    std::optional<Transport> transport;
    bool numeric;
  };
  for (const auto& row : {Row{"sip:alice@ims.lab", "ims.lab", 0, std::nullopt, false},
                          Row{"sip:127.0.0.1:6060;lr", "127.0.0.1", 6060, std::nullopt, true},
                          Row{"sip:IMS.LAB;transport=TCP", "ims.lab", 0, Transport::tcp, false},
                          Row{"sip:[::1]:5061;transport=tls", "::1", 5061, Transport::tls, true},
                          Row{"sips:ims.lab;transport=tcp", "ims.lab", 0, Transport::tls, false},
                          Row{"sip:u@ims.lab;maddr=127.0.0.9", "127.0.0.9", 0, std::nullopt, true}}) {
    CAPTURE(row.uri);
    const auto hop = sip::next_hop_of_uri(row.uri);
    REQUIRE(hop);
    CHECK(hop->host == row.host);
    CHECK(hop->port.value_or(0) == row.port);
    CHECK(hop->transport == row.transport);
    CHECK(hop->numeric == row.numeric);
  }
  for (const char* bad : {"tel:+1555", "sip:", "http://x", "sip:a;transport=sctp", "", "sip:a:99999"}) {
    CAPTURE(bad);
    CHECK_FALSE(sip::next_hop_of_uri(bad));
  }
  CHECK(sip::Target{Transport::tcp, "::1", 5060}.name() == "[::1]:5060;transport=tcp");
}

TEST_CASE("what it means that no answer came (status-mapping 6)") {
  using O = ResponseOrigin;
  struct Row {
    int status;
    int error;
    Transport transport;
    bool connected;
    O origin;
    int local;
    bool next;
  };
  for (const auto& row : {
           Row{408, 0, Transport::udp, false, O::timer, 408, false},
           Row{408, ECONNREFUSED, Transport::tcp, true, O::timer, 408, false},
           Row{487, 0, Transport::udp, false, O::cancelled, 487, false},
           Row{503, ECONNREFUSED, Transport::udp, false, O::unreachable, 503, true},
           Row{503, EHOSTUNREACH, Transport::udp, true, O::unreachable, 503, true},
           Row{503, ECONNREFUSED, Transport::tcp, false, O::connect_failed, 503, true},
           Row{503, ECONNRESET, Transport::tcp, false, O::connect_failed, 503, true},
           Row{503, EMFILE, Transport::tcp, false, O::connect_failed, 503, true},
           Row{503, ETIMEDOUT, Transport::tls, false, O::connect_failed, 503, true},
           Row{503, EPIPE, Transport::tcp, true, O::connection_lost, 503, false},
           Row{503, ETIMEDOUT, Transport::tcp, true, O::connection_lost, 503, false},
           Row{503, ECONNRESET, Transport::tls, true, O::connection_lost, 503, false},
           Row{503, 0, Transport::tcp, true, O::connection_lost, 503, false},
           Row{503, 0, Transport::tls, true, O::connection_lost, 503, false},
           Row{503, 0, Transport::tls, false, O::tls_failed, 503, true},
           Row{503, EIO, Transport::tls, false, O::tls_failed, 503, true},
       }) {
    CAPTURE(row.status);
    CAPTURE(row.error);
    const auto origin = sip::origin_of(row.status, row.error, row.transport, row.connected);
    CHECK(static_cast<int>(origin) == static_cast<int>(row.origin));
    CHECK(sip::local_status(origin) == row.local);
    CHECK(sip::may_fail_over(origin) == row.next);
  }
}
