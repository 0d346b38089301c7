// The HTTP client over TLS: who may answer it.
#include <doctest/doctest.h>

#include "certificates.h"
#include "doubles/temporary_folder.h"
#include "doubles/waiting_executor.h"
#include "http_client.h"
#include "io/http_client_service.h"

using namespace herald;
using namespace herald::io;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

// Every name is this machine.
struct Here final : NameLookup {
  std::uint64_t start(const std::string&, std::uint16_t port, Done done) override {
    done(std::vector<NetAddress>{*NetAddress::parse("127.0.0.1", port)});
    return 0;
  }
  void cancel(std::uint64_t) override {}
};

struct TlsBench {
  TlsBench() : ca(make_identity("Test CA", nullptr)), other_ca(make_identity("Other CA", nullptr)) {
    write_identity(folder.file(""), "ca", ca);
  }
  ~TlsBench() {
    io.loop.complete([this] {
      client.close();
      server.reset();
    });
    io.stop();
  }
  // What a client that trusts `trusts` and asks for `host` gets from a server with this certificate.
  Expected<HttpResponse> ask(const Identity& shows, const std::string& host, const std::string& trusts = "ca.pem") {
    write_identity(folder.file(""), "server", shows);
    auto context = TlsContext::load({folder.file("server.pem"), folder.file("server.key"), "", false});
    REQUIRE(context);
    server = std::make_unique<HttpServer>(io.loop, HttpServerSettings{"tls", {}});
    server->routes(io.loop).add("POST", "/x", echo);
    const auto port = server->listen("127.0.0.1:0", *context)->port;
    io.start();
    HttpCall call;
    call.method = "POST";
    call.url = "https://" + host + ":" + std::to_string(port) + "/x";
    call.body = "hello";
    call.ca_file = trusts.empty() ? "" : folder.file(trusts);
    return here.await(client.send(std::move(call), Deadline::after(here.clock(), 30s)));
  }
  TemporaryFolder folder;
  Identity ca, other_ca;
  LoopThread io;
  WaitingExecutor here;
  HttpClientService client{io.loop, {}, std::make_unique<Here>()};
  std::unique_ptr<HttpServer> server;
};

std::string failure(const Expected<HttpResponse>& result) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == ErrorCode::unavailable);
  return result.error().text;
}

}  // namespace

TEST_CASE("HTTP client over TLS: chain and name are right, by name and by address") {
  TlsBench bench;
  const auto answer = bench.ask(make_identity("x", &bench.ca, "DNS:hooks.example"), "hooks.example");
  REQUIRE(answer.has_value());
  CHECK(answer->body == "POST /x\nhello");
}

TEST_CASE("HTTP client over TLS: an address must be in the certificate too") {
  TlsBench good;
  CHECK(good.ask(make_identity("x", &good.ca, "IP:127.0.0.1"), "127.0.0.1").has_value());
  TlsBench bad;
  CHECK(failure(bad.ask(make_identity("x", &bad.ca, "DNS:127.0.0.1"), "127.0.0.1")).find("certificate:") != std::string::npos);
}

TEST_CASE("HTTP client over TLS: another name, only a common name, a partial wildcard") {
  for (const char* names : {"DNS:other.example", "DNS:hooks.example.evil.example", "DNS:ho*.example", "DNS:*.hooks.example"}) {
    CAPTURE(names);
    TlsBench bench;
    CHECK(failure(bench.ask(make_identity("hooks.example", &bench.ca, names), "hooks.example")).find("mismatch") !=
          std::string::npos);
  }
  TlsBench bench;
  CHECK(failure(bench.ask(make_identity("hooks.example", &bench.ca), "hooks.example")).find("mismatch") != std::string::npos);
}

TEST_CASE("HTTP client over TLS: a chain that leads elsewhere, one that has expired, and nobody's") {
  TlsBench stranger;
  failure(stranger.ask(make_identity("x", &stranger.other_ca, "DNS:hooks.example"), "hooks.example"));
  TlsBench expired;
  CHECK(failure(expired.ask(make_identity("x", &expired.ca, "DNS:hooks.example", -60), "hooks.example")).find("expired") !=
        std::string::npos);
  TlsBench self_signed;
  failure(self_signed.ask(make_identity("x", nullptr, "DNS:hooks.example"), "hooks.example"));
  TlsBench system;  // the system's anchors do not know our authority
  failure(system.ask(make_identity("x", &system.ca, "DNS:hooks.example"), "hooks.example", ""));
  TlsBench missing;
  CHECK(failure(missing.ask(make_identity("x", &missing.ca, "DNS:hooks.example"), "hooks.example", "no.pem")).find("no.pem") !=
        std::string::npos);
}

TEST_CASE("HTTP client over TLS: a server that speaks plain HTTP is none") {
  TlsBench bench;
  bench.server = std::make_unique<HttpServer>(bench.io.loop, HttpServerSettings{"plain", {}});
  const auto port = bench.server->listen("127.0.0.1:0")->port;
  bench.io.start();
  HttpCall call;
  call.url = "https://hooks.example:" + std::to_string(port) + "/";
  failure(bench.here.await(bench.client.send(std::move(call), Deadline::after(bench.here.clock(), 30s))));
}
