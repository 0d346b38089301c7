// TLS with certificates made here.
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "http_client.h"
#include "io/http_server.h"
#include "io/tls_context.h"

using namespace herald;
using namespace herald::io;

namespace {

struct Identity {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;
};

Identity make(const char* name, const Identity* issuer) {
  Identity made{{EVP_EC_gen("P-256"), EVP_PKEY_free}, {X509_new(), X509_free}};
  auto* x = made.certificate.get();
  X509_set_version(x, 2);
  static long serial = 0;
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  const auto* text = static_cast<const unsigned char*>(static_cast<const void*>(name));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, text, -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->certificate.get() : x));
  X509_set_pubkey(x, made.key.get());
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer ? issuer->certificate.get() : x, x, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
  X509_add_ext(x, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(x, issuer ? issuer->key.get() : made.key.get(), EVP_sha256());
  return made;
}

struct Files {
  Files() {
    std::string name = (std::filesystem::temp_directory_path() / "herald-tls-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
    ca = make("Test CA", nullptr);
    server = make("localhost", &ca);
    client = make("news", &ca);
    other_ca = make("Other CA", nullptr);
    stranger = make("stranger", &other_ca);
    write("ca", ca);
    write("server", server);
  }
  ~Files() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const Identity& identity) const {
    std::unique_ptr<FILE, int (*)(FILE*)> pem(std::fopen((path / (name + ".pem")).c_str(), "w"), &std::fclose);
    PEM_write_X509(pem.get(), identity.certificate.get());
    std::unique_ptr<FILE, int (*)(FILE*)> key(std::fopen((path / (name + ".key")).c_str(), "w"), &std::fclose);
    PEM_write_PrivateKey(key.get(), identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  }
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
