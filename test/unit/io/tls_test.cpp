// TLS with certificates made here.
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "certificates.h"
#include "http_client.h"
#include "io/http_server.h"
#include "io/tls_context.h"

using namespace herald;
using namespace herald::io;
using herald::test::Identity;
using herald::test::make_identity;

namespace {

struct Files {
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "herald-tls-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
    ca = make_identity("Test CA", nullptr);
    server = make_identity("localhost", &ca);
    client = make_identity("news", &ca);
    other_ca = make_identity("Other CA", nullptr);
    stranger = make_identity("stranger", &other_ca);
    write("ca", ca);
    write("server", server);
  }
  ~Files() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const Identity& identity) const { test::write_identity(path, name, identity); }
  [[nodiscard]] std::string file(const char* name) const { return (path / name).string(); }
  [[nodiscard]] TlsFiles tls(bool with_ca, bool required) const {
    return {file("server.pem"), file("server.key"), with_ca ? file("ca.pem") : "", required};
  }
  std::filesystem::path path;
  Identity ca, server, client, other_ca, stranger;
};

struct TlsServer {
  explicit TlsServer(const TlsFiles& files) : server(io.loop, {"tls", {}}) {
    server.routes(io.loop).add("GET", "/who", [](HttpRequest request) {
      HttpResponse response;
      response.body = "<" + request.client_certificate_name + ">";
      return test::reply(std::move(response));
    });
    auto context = TlsContext::load(files);
    REQUIRE(context);
    port = server.listen("127.0.0.1:0", *context)->port;
    io.start();
  }
  ~TlsServer() { io.stop(); }
  test::LoopThread io;
  HttpServer server;
  std::uint16_t port = 0;
};

// One request over TLS: the body of the answer, or "refused".
std::string ask(std::uint16_t port, const Identity* identity, int max_version = 0, int requests = 1) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_security_level(context.get(), 0);
  if (max_version) SSL_CTX_set_max_proto_version(context.get(), max_version);
  if (identity) {
    SSL_CTX_use_certificate(context.get(), identity->certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), identity->key.get());
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) == 0);
  const timeval guard{60, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof guard);
  std::shared_ptr<SSL> ssl(SSL_new(context.get()), SSL_free);
  SSL_set_fd(ssl.get(), fd);
  std::string out;
  if (SSL_connect(ssl.get()) == 1) {
    std::string request;
    for (int i = 0; i < requests; ++i)
      request += std::string("GET /who HTTP/1.1\r\nHost: h\r\n") + (i + 1 == requests ? "Connection: close\r\n" : "") + "\r\n";
    SSL_write(ssl.get(), request.data(), static_cast<int>(request.size()));
    char bytes[4096];
    for (int got = 0; (got = SSL_read(ssl.get(), bytes, sizeof bytes)) > 0;) out.append(bytes, static_cast<std::size_t>(got));
  }
  ::close(fd);
  const auto body = out.rfind("\r\n\r\n");
  return body == std::string::npos ? "refused" : out.substr(body + 4);
}

}  // namespace

TEST_CASE("TLS 1.2 and 1.3 are served, older versions are not") {
  Files files;
  TlsServer s(files.tls(false, false));
  CHECK(ask(s.port, nullptr) == "<>");
  CHECK(ask(s.port, nullptr, TLS1_2_VERSION) == "<>");
  CHECK(ask(s.port, nullptr, TLS1_1_VERSION) == "refused");
  CHECK(ask(s.port, nullptr, 0, 20) == "<>");  // pipelined
}

TEST_CASE("an optional client certificate is verified and named, a foreign one is refused") {
  Files files;
  TlsServer s(files.tls(true, false));
  CHECK(ask(s.port, nullptr) == "<>");
  CHECK(ask(s.port, &files.client) == "<CN=news>");
  CHECK(ask(s.port, &files.client, TLS1_2_VERSION) == "<CN=news>");
  CHECK(ask(s.port, &files.stranger) == "refused");
  CHECK(ask(s.port, &files.stranger, TLS1_2_VERSION) == "refused");
}

TEST_CASE("a required client certificate keeps everybody else out") {
  Files files;
  TlsServer s(files.tls(true, true));
  CHECK(ask(s.port, &files.client) == "<CN=news>");
  CHECK(ask(s.port, nullptr) == "refused");
  CHECK(ask(s.port, &files.stranger) == "refused");
}

TEST_CASE("what is no TLS on a TLS port is closed, and the next client is served") {
  Files files;
  TlsServer s(files.tls(false, false));
  test::Client plain(s.port);
  plain.send("GET /who HTTP/1.1\r\nHost: h\r\n\r\n");
  plain.finish_sending();
  plain.receive();
  test::Client gone(s.port);
  gone.send("\x16\x03\x01");
  gone.reset();
  CHECK(ask(s.port, nullptr) == "<>");
}

TEST_CASE("certificate files that do not work are refused with their name") {
  Files files;
  files.write("stranger", files.stranger);
  std::ofstream(files.file("garbage.pem")) << "garbage";
  const auto error = [](const TlsFiles& tls) {
    const auto loaded = TlsContext::load(tls);
    return loaded ? std::string("loaded") : loaded.error().text;
  };
  CHECK(error({files.file("missing.pem"), files.file("server.key"), "", false}).find("missing.pem") != std::string::npos);
  CHECK(error({files.file("garbage.pem"), files.file("server.key"), "", false}).find("garbage.pem") != std::string::npos);
  CHECK(error({files.file("server.pem"), files.file("missing.key"), "", false}).find("missing.key") != std::string::npos);
  CHECK(error({files.file("server.pem"), files.file("stranger.key"), "", false}).find("stranger.key") != std::string::npos);
  CHECK(error({files.file("server.pem"), files.file("server.key"), files.file("garbage.pem"), false}).find("garbage.pem") !=
        std::string::npos);
  CHECK(error({files.file("server.pem"), files.file("server.key"), "", true}).find("no ca") != std::string::npos);
}
