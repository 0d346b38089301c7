// The admin listener and the admin socket.
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "herald/metrics.h"
#include "http_client.h"
#include "io/admin_routes.h"
#include "io/http_server.h"
#include "io/readiness.h"

using namespace herald;
using namespace herald::io;
using test::Client;

namespace {

struct TempDir {
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "herald-io-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

struct Admin {
  Admin() : server(io.loop, {"admin", {}}) {
    add_admin_routes(server.routes(io.loop), {ready, live, [] { return std::string(R"({"version":"0.1.0","shards":1})"); }});
    port = server.listen("127.0.0.1:0")->port;
  }
  ~Admin() { io.stop(); }
  test::LoopThread io;
  Readiness ready;
  Readiness live;
  HttpServer server;
  std::uint16_t port = 0;
};

std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

}  // namespace

TEST_CASE("readiness and liveness are told with reasons") {
  Admin admin;
  admin.io.start();
  Client client(admin.port);
  auto answer = client.exchange(get("/readyz"));
  REQUIRE(answer);
  CHECK(answer->status == 200);
  admin.ready.pass("store");
  admin.ready.fail("sh", "no peer open");
  admin.ready.add("sip", [] { return std::optional<std::string>(); });
  answer = client.exchange(get("/readyz"));
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(nlohmann::json::parse(answer->body) ==
        nlohmann::json::parse(R"({"status":"failed","checks":{"sh":"no peer open","sip":"ok","store":"ok"}})"));
  CHECK(client.exchange(get("/livez"))->status == 200);
  admin.ready.pass("sh");
  CHECK(client.exchange(get("/readyz"))->status == 200);
  CHECK(admin.ready.ok());
  admin.live.fail("shard 0", "does not turn");
  CHECK(client.exchange(get("/livez"))->status == 503);
}

TEST_CASE("metrics and node facts are served") {
  Admin admin;
  admin.io.start();
  Client client(admin.port);
  CHECK(client.exchange(get("/v1/node"))->body == R"({"version":"0.1.0","shards":1})");
  metrics::counter("herald_io_test_total", "of this test").add(3);
  const auto answer = client.exchange(get("/metrics"));
  REQUIRE(answer);
  CHECK(answer->headers.at("content-type").starts_with("text/plain; version=0.0.4"));
  CHECK(answer->body.find("herald_io_test_total 3") != std::string::npos);
  CHECK(answer->body.find("herald_http_connections{server=\"admin\"} 1") != std::string::npos);
}

TEST_CASE("the admin socket serves the same routes, has mode 0660 and goes with the server") {
  TempDir dir;
  const auto path = (dir.path / "made" / "on the way" / "herald.sock").string();
  {
    Admin admin;
    REQUIRE(admin.server.listen_unix(path));
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK(S_ISSOCK(info.st_mode));
    CHECK((info.st_mode & 0777) == 0660);
    admin.io.start();
    Client client(path);
    CHECK(client.exchange(get("/readyz"))->status == 200);
    CHECK(client.exchange(get("/readyz"))->status == 200);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a socket file is replaced when nobody answers on it, and only then") {
  TempDir dir;
  const auto path = (dir.path / "herald.sock").string();
  {
    const Socket dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));  // bound and left behind, as by a kill -9
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(dead.get(), static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) == 0);
  }
  REQUIRE(std::filesystem::exists(path));
  {
    Admin first;
    REQUIRE(first.server.listen_unix(path));
    first.io.start();
    Admin second;
    const auto refused = second.server.listen_unix(path);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::conflict);
    CHECK(Client(path).exchange(get("/livez"))->status == 200);  // the first one is unharmed
  }
  std::ofstream(path) << "not a socket";
  Admin third;
  const auto refused = third.server.listen_unix(path);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::invalid);
  CHECK(std::filesystem::file_size(path) == 12);
  CHECK_FALSE(third.server.listen_unix((dir.path / std::string(200, 'x')).string()));
  CHECK_FALSE(third.server.listen_unix(""));
  CHECK_FALSE(third.server.listen_unix("/proc/nowhere/herald.sock"));
}

TEST_CASE("TCP listeners: IPv6, free ports, and clear errors") {
  Admin admin;
  const auto v6 = admin.server.listen("[::1]:0");
  if (v6) CHECK(v6->address == "::1");  // a machine may have no IPv6
  const auto taken = admin.server.listen("127.0.0.1:" + std::to_string(admin.port));
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == ErrorCode::unavailable);
  for (const char* bad : {"", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8x", "::1:80",
                          "host.example:80", "256.0.0.1:80", "203.0.113.1:0"}) {
    CAPTURE(bad);
    const auto refused = admin.server.listen(bad);
    CHECK_FALSE(refused);
    if (!refused) CHECK(refused.error().code == ErrorCode::invalid);
  }
}
