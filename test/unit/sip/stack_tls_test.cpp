#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "stack_fixture.h"
#include "tls_test_certificates.h"

using namespace herald;
using namespace herald::test;
using sip::Transport;

namespace {

// Two stacks on one loop: a server and a client, each with its own idea of whom to trust.
struct TlsFixture {
  std::filesystem::path directory;
  TlsFixture() {
    char pattern[] = "/tmp/herald-test-XXXXXX";
    directory = ::mkdtemp(pattern);
    write("server.pem", kServerCertificate);
    write("server.key", kServerKey);
    write("ca.pem", kAuthority);
    write("other.pem", kOtherAuthority);
  }
  ~TlsFixture() { std::filesystem::remove_all(directory); }
  TlsFixture(const TlsFixture&) = delete;
  TlsFixture& operator=(const TlsFixture&) = delete;

  void write(const char* name, const char* text) const { std::ofstream(directory / name) << text; }
  [[nodiscard]] sip::StackOptions options(const std::string& ca, const char* host = "127.0.0.1") const {
    sip::StackOptions out;
    out.listen = {listen_on(Transport::tls, host)};
    out.tls = {directory / "server.pem", directory / "server.key", directory / ca, true};
    return out;
  }
  // What a request from a stack that trusts `ca` gets from one that presents the certificate.
  sip::ClientResult exchange(const std::string& ca, const char* host = "127.0.0.1", bool verify = true) {
    Stack server(options("ca.pem", host));
    auto trust = options(ca, host);
    trust.tls.verify_peer = verify;
    auto client = sip::make_sip_stack(server.root, trust);
    REQUIRE_MESSAGE(client.has_value(), client.error().text);
    std::optional<sip::ClientResult> result;
    const auto uri = server.stack->contact_uri(Transport::tls, "u");
    std::unique_ptr<sip::ClientTransaction> held;
    server.root.inside(
        [&] { held = (*client)->send(request_to(uri), Deadline::never(), [&](sip::ClientResult r) { result = std::move(r); }); });
    if (!server.until([&] { return result.has_value(); }, 500)) server.advance(33s, 100ms);
    REQUIRE(result);
    requests = server.requests;
    transport = server.peers.empty() ? Transport::udp : server.peers[0].transport;
    return *result;
  }
  std::vector<SipMessage> requests;
  Transport transport = Transport::udp;
};

}  // namespace

TEST_CASE_FIXTURE(TlsFixture, "a MESSAGE over TLS, IPv4 and IPv6, with a certificate that verifies") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    CAPTURE(host);
    const auto result = exchange("ca.pem", host);
    CHECK(result.origin == ResponseOrigin::peer);
    CHECK(result.response.status() == 200);
    REQUIRE(requests.size() == 1);
    CHECK(requests[0].headers.get("Via")->starts_with("SIP/2.0/TLS "));
    CHECK(transport == Transport::tls);
  }
}

TEST_CASE_FIXTURE(TlsFixture, "a certificate of another authority is tls_failed and nothing is sent") {
  const auto result = exchange("other.pem");
  CHECK(result.origin == ResponseOrigin::tls_failed);
  CHECK(result.response.status() == 503);
  CHECK(requests.empty());
}

TEST_CASE_FIXTURE(TlsFixture, "verify_peer off takes any certificate") {
  CHECK(exchange("other.pem", "127.0.0.1", false).response.status() == 200);
}

TEST_CASE_FIXTURE(TlsFixture, "a port that speaks no TLS ends the request, and nothing of it goes out in clear") {
  Stack stack(options("ca.pem"));
  SipPeer plain(SipPeer::Kind::tcp);
  stack.send(request_to("sip:127.0.0.1:" + std::to_string(plain.port()) + ";transport=tls"));
  for (int i = 0; i < 50 && !plain.connected(); ++i) {
    stack.step();
    plain.receive();
  }
  REQUIRE(plain.send("SIP/2.0 400 I speak no TLS\r\n\r\n"));
  if (!stack.until([&] { return !stack.results.empty(); }, 200)) stack.advance(33s, 100ms);
  REQUIRE(stack.results.size() == 1);
  CHECK(stack.results[0].origin != ResponseOrigin::peer);
  CHECK_FALSE(plain.receive());
}

TEST_CASE_FIXTURE(TlsFixture, "TLS files that are missing or no PEM are named before anything is bound") {
  VirtualClock clock;
  sip::SofiaRoot root(clock);
  auto missing = options("ca.pem");
  missing.tls.key = directory / "nothing.key";
  auto made = sip::make_sip_stack(root, missing);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == ErrorCode::invalid);
  CHECK(made.error().text.find("nothing.key") != std::string::npos);
  write("bad.pem", "no PEM");
  auto bad = options("bad.pem");
  made = sip::make_sip_stack(root, bad);
  REQUIRE_FALSE(made);
  CHECK(made.error().text.find("bad.pem") != std::string::npos);
}
