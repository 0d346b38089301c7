// heraldctl against a scripted daemon: our own HTTP server on a unix socket for well-formed answers, a bare socket for the rest.
#include "ctl/ctl.h"

#include <atomic>
#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "ctl/daemon_client.h"
#include "ctl/output.h"
#include "io/http_server.h"

using namespace herald;

namespace {

struct TempDir {
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "herald-ctl-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

struct Result {
  int code = -1;
  std::string out;
  std::string err;
};

Task<HttpResponse> reply(HttpResponse response) { co_return response; }

struct Daemon {
  Daemon() : server(loop, {"ctl", {}}), socket((dir.path / "run" / "herald.sock").string()) {
    REQUIRE(server.listen_unix(socket));
    thread = std::thread([this] { loop.run(); });
  }
  ~Daemon() {
    loop.stop();
    thread.join();
  }
  void answers(std::string_view method, std::string_view path, HttpResponse response) {
    server.routes(loop).add(method, path, [this, response](HttpRequest request) {
      last = std::move(request);
      return reply(response);
    });
  }
  void answers(std::string_view method, std::string_view path, int status, std::string json) {
    answers(method, path, HttpResponse::json(status, std::move(json)));
  }
  Result operator()(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--socket", socket});
    std::ostringstream out;
    std::ostringstream err;
    const int code = ctl::run(std::move(arguments), out, err);
    return {code, out.str(), err.str()};
  }

  TempDir dir;
  io::IoLoop loop;
  io::HttpServer server;
  std::string socket;
  std::thread thread;
  HttpRequest last;  // of the latest finished command
};

// Accepts once, reads what comes first, answers with these bytes and closes.
struct RawDaemon {
  explicit RawDaemon(std::string bytes) : path((dir.path / "s").string()), fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(fd, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) == 0);
    REQUIRE(::listen(fd, 1) == 0);
    thread = std::thread([this, answer = std::move(bytes)] {
      const int client = ::accept(fd, nullptr, nullptr);
      char request[65536];
      [[maybe_unused]] const auto got = ::recv(client, request, sizeof request, 0);
      [[maybe_unused]] const auto sent = ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(client);
    });
  }
  ~RawDaemon() {
    thread.join();
    ::close(fd);
  }
  TempDir dir;
  std::string path;
  int fd;
  std::thread thread;
};

const char* const kPush =
    R"({"id":"p1","created":"2026-01-01T00:00:00Z","recipients":[{"address":"sip:alice@ims.lab","status":"delivered","final":true,"code":1000,"cause":"sip:200","attempts":1}]})";

}  // namespace

TEST_CASE("status prints checks, peers and counts, and exits 1 when the node is not ok") {
  Daemon daemon;
  daemon.answers("GET", "/v1/status", 200,
                 R"({"status":"degraded","node":{"name":"as1","version":"0.1.0","uptime_seconds":93784,"shards":2},
                     "checks":{"store":"ok","sh":"no peer open"},"peers":[{"identity":"hss.ims.lab","state":"closed"}],
                     "counts":{"registrations":7}})");
  auto result = daemon({"status"});
  CHECK(result.code == 1);
  CHECK(result.out.find("status   degraded\n") != std::string::npos);
  CHECK(result.out.find("uptime   1d 2h 3m 4s\n") != std::string::npos);
  CHECK(result.out.find("sh     no peer open\n") != std::string::npos);
  CHECK(result.out.find("hss.ims.lab  closed\n") != std::string::npos);
  CHECK(result.out.find("registrations  7\n") != std::string::npos);

  daemon.answers("GET", "/v1/status", 200, R"({"status":"ok"})");
  result = daemon({"status", "--json"});
  CHECK(result.code == 0);
  CHECK(nlohmann::json::parse(result.out).at("status") == "ok");
}

TEST_CASE("push sends the public API's JSON without a token and prints the id") {
  Daemon daemon;
  daemon.answers("POST", "/v1/pushes", 202, kPush);
  auto result =
      daemon({"push", "--to", "sip:alice@ims.lab", "--to", "tel:+1555", "--app", "news.ua", "--text", "Goal!", "--report", "none",
              "--priority", "high", "--deliver-before", "2026-11-23T20:00:00Z", "--from", "sip:push@ims.lab"});
  CHECK(result.code == 0);
  CHECK(result.out == "p1\n");
  CHECK_FALSE(daemon.last.header("authorization"));
  CHECK(nlohmann::json::parse(daemon.last.body) ==
        nlohmann::json::parse(R"({"to":["sip:alice@ims.lab","tel:+1555"],"app":"news.ua","from":"sip:push@ims.lab",
          "content":{"type":"text/plain","text":"Goal!"},"report":"none","priority":"high","deliver_before":"2026-11-23T20:00:00Z"})"));
}

TEST_CASE("push takes binary content from a file and a span instead of a time") {
  Daemon daemon;
  daemon.answers("POST", "/v1/pushes", 202, kPush);
  const auto file = (daemon.dir.path / "image").string();
  std::ofstream(file, std::ios::binary) << std::string(
      "\xff\x00\xfe"
      "a",
      4);
  auto result =
      daemon({"push", "--to", "sip:a@b", "--app", "x", "--file", file, "--type", "image/png", "--deliver-before", "10m"});
  CHECK(result.code == 0);
  const auto sent = nlohmann::json::parse(daemon.last.body);
  CHECK(sent.at("content").at("base64") == "/wD+YQ==");
  CHECK(sent.at("content").at("type") == "image/png");
  CHECK(sent.at("deliver_before").get<std::string>().size() == 20);
  CHECK(daemon({"push", "--to", "sip:a@b", "--app", "x", "--file", file + "-missing"}).code == 2);
  CHECK(daemon({"push", "--to", "sip:a@b", "--app", "x", "--text", "t", "--deliver-before", "10y"}).code == 2);
}

TEST_CASE("push --wait follows the push to its final state and exits by it") {
  Daemon daemon;
  daemon.answers("POST", "/v1/pushes", 202, R"({"id":"p1","recipients":[]})");
  std::atomic<int> asked{0};
  const auto state = [](const char* status, bool final) {
    return HttpResponse::json(200, std::string(R"({"id":"p1","recipients":[{"address":"sip:a@b","status":")") + status +
                                       R"(","final":)" + (final ? "true" : "false") + "}]}");
  };
  daemon.server.routes(daemon.loop).add("GET", "/v1/pushes/{id}", [&](HttpRequest) {
    return reply(++asked < 3 ? state("sending", false) : state("delivered", true));
  });
  auto result = daemon({"push", "--to", "sip:a@b", "--app", "x", "--text", "t", "--wait"});
  CHECK(result.code == 0);
  CHECK(asked == 3);
  CHECK(result.out.find("delivered") != std::string::npos);
  CHECK(result.out.find("sending") == std::string::npos);

  daemon.answers("GET", "/v1/pushes/{id}", state("expired", true));
  CHECK(daemon({"push", "--to", "sip:a@b", "--app", "x", "--text", "t", "--wait"}).code == 1);
  daemon.answers("GET", "/v1/pushes/{id}", state("sending", false));
  result = daemon({"push", "--to", "sip:a@b", "--app", "x", "--text", "t", "--wait", "--wait-for", "0.01", "--json"});
  CHECK(result.code == 1);
  CHECK(nlohmann::json::parse(result.out).at("id") == "p1");
}

TEST_CASE("pushes lists with filters and shows one") {
  Daemon daemon;
  daemon.answers("GET", "/v1/pushes", 200, std::string(R"({"pushes":[)") + kPush + "]}");
  daemon.answers("GET", "/v1/pushes/{id}", 200, kPush);
  auto result = daemon({"pushes", "--status", "delivered", "--address", "sip:a+b@ims.lab", "--limit", "5"});
  CHECK(result.code == 0);
  CHECK(daemon.last.query ==
        std::map<std::string, std::string>{{"status", "delivered"}, {"address", "sip:a+b@ims.lab"}, {"limit", "5"}});
  CHECK(result.out ==
        "ID  CREATED               ADDRESS            STATUS     CODE  CAUSE\n"
        "p1  2026-01-01T00:00:00Z  sip:alice@ims.lab  delivered  1000  sip:200\n");
  result = daemon({"pushes", "p/1"});
  CHECK(daemon.last.path_parameters.at("id") == "p/1");
  CHECK(result.out.find("sip:alice@ims.lab") != std::string::npos);
}

TEST_CASE("capabilities: what is taken, by which source, until when; outranked facts on request (PS-104, F-9)") {
  Daemon daemon;
  daemon.answers("GET", "/v1/capabilities/{user}", 200,
                 R"({"user":"sip:alice@ims.lab","registered":true,"asked":["sip:1.2.3.4"],"contacts":[{"contact":"sip:1.2.3.4",)"
                 R"("modes":{"pager":"yes"},"types":["image/png"]}],"merged":{},"facts":[{"kind":"type","value":"image/png",)"
                 R"("supported":true,"source":"options","valid_until":"2026-01-02T00:00:00Z","wins":true},{"kind":"type",)"
                 R"("value":"image/png","supported":false,"source":"published","wins":false}]})");
  auto result = daemon({"capabilities", "sip:alice@ims.lab", "--app", "news.ua"});
  CHECK(result.code == 0);
  CHECK(daemon.last.path_parameters.at("user") == "sip:alice@ims.lab");
  CHECK(daemon.last.query == std::map<std::string, std::string>{{"app", "news.ua"}});
  CHECK(result.out.find("sip:1.2.3.4") != std::string::npos);
  CHECK(result.out.find("type  image/png  yes    options  2026-01-02T00:00:00Z") != std::string::npos);
  CHECK(result.out.find("published") == std::string::npos);
  CHECK(daemon({"capabilities", "sip:alice@ims.lab", "--all"}).out.find("published (outranked)") != std::string::npos);
}

TEST_CASE("registrations and sh get") {
  Daemon daemon;
  daemon.answers("GET", "/v1/registrations", 200,
                 R"({"registrations":[{"user":"sip:alice@ims.lab","contacts":[{},{}],"scscf":"sip:s","source":"reg-event"}]})");
  daemon.answers("GET", "/v1/registrations/{user}", 200,
                 R"({"user":"sip:alice@ims.lab","contacts":[{"uri":"sip:1.2.3.4","applications":["news.ua","mms.ua"]}]})");
  CHECK(daemon({"registrations"}).out.find("sip:alice@ims.lab  2") != std::string::npos);
  CHECK(daemon({"registrations", "sip:alice@ims.lab"}).out.find("news.ua,mms.ua") != std::string::npos);
  CHECK(daemon.last.path_parameters.at("user") == "sip:alice@ims.lab");

  daemon.answers("GET", "/v1/sh/{user}", 200, R"({"result":"ok","repository":{"service":"push","sequence":3,"data":"<a/>"}})");
  auto result = daemon({"sh", "get", "sip:alice@ims.lab", "--service", "push"});
  CHECK(result.code == 0);
  CHECK(daemon.last.query == std::map<std::string, std::string>{{"data", "repository"}, {"service", "push"}});
  CHECK(result.out.find("<a/>") != std::string::npos);
  daemon.answers("GET", "/v1/sh/{user}", 200, R"({"result":"user_unknown","diameter_code":5001})");
  CHECK(daemon({"sh", "get", "sip:x@y", "state"}).code == 1);
  CHECK(daemon({"sh", "get", "sip:x@y", "everything"}).code == 2);
}

TEST_CASE("config check, diff and reload: issues are printed, exit code 1 when something is wrong or differs") {
  Daemon daemon;
  daemon.answers("POST", "/v1/config/check", 200, R"({"ok":false,"issues":[{"line":"herald.yaml:3:1: sip: no such key"}]})");
  auto result = daemon({"config", "check", "herald.yaml"});
  CHECK(result.code == 1);
  CHECK(result.out == "herald.yaml:3:1: sip: no such key\n");
  CHECK(std::filesystem::path(nlohmann::json::parse(daemon.last.body).at("path").get<std::string>()).is_absolute());
  daemon.answers("POST", "/v1/config/check", 200, R"({"ok":true,"issues":[]})");
  CHECK(daemon({"config", "check", "herald.yaml"}).code == 0);

  daemon.answers("POST", "/v1/config/diff", 200,
                 R"({"ok":true,"changes":[{"key":"sip.shards","running":"1","file":"2","needs_restart":true}]})");
  result = daemon({"config", "diff", "herald.yaml"});
  CHECK(result.code == 1);
  CHECK(result.out.find("sip.shards  1        2     needed") != std::string::npos);
  daemon.answers("POST", "/v1/config/diff", 200, R"({"ok":true,"changes":[]})");
  CHECK(daemon({"config", "diff", "herald.yaml"}).code == 0);

  daemon.answers("POST", "/v1/config/reload", 422, R"({"ok":false,"issues":["herald.yaml:1:1: x: bad"]})");
  result = daemon({"config", "reload"});
  CHECK(result.code == 1);
  CHECK(result.out.find("not reloaded") != std::string::npos);
  daemon.answers("POST", "/v1/config/reload", 200, R"({"ok":true})");
  CHECK(daemon({"config", "reload"}).out == "reloaded\n");
}

TEST_CASE("drain, ifc export and ifc diff") {
  Daemon daemon;
  daemon.answers("POST", "/v1/drain", 202, R"({"status":"draining"})");
  CHECK(daemon({"drain"}).code == 0);
  HttpResponse xml;
  xml.headers.push_back({"Content-Type", "application/xml"});
  xml.body = "<IFC>\n</IFC>\n";
  daemon.answers("GET", "/v1/ifc", xml);
  CHECK(daemon({"ifc", "export"}).out == "<IFC>\n</IFC>\n");
  CHECK(nlohmann::json::parse(daemon({"ifc", "export", "--json"}).out).at("ifc") == "<IFC>\n</IFC>\n");
  const auto file = (daemon.dir.path / "ifc.xml").string();
  std::ofstream(file) << "<x/>";
  daemon.answers("POST", "/v1/ifc/diff", 200, R"({"differences":[{"kind":"missing","priority":10,"text":"SUBSCRIBE"}]})");
  const auto result = daemon({"ifc", "diff", file});
  CHECK(result.code == 1);
  CHECK(daemon.last.body == "<x/>");
  CHECK(result.out.find("missing  10") != std::string::npos);
}

TEST_CASE("an answer that is a problem is explained and exits 1") {
  Daemon daemon;
  daemon.answers("POST", "/v1/pushes", HttpResponse::problem(400, "Bad Request", "to[0]: not an address", 2002));
  auto result = daemon({"push", "--to", "x", "--app", "a", "--text", "t"});
  CHECK(result.code == 1);
  CHECK(result.out.empty());
  CHECK(result.err == "heraldctl: 400 Bad Request: to[0]: not an address (code 2002)\n");
  result = daemon({"push", "--to", "x", "--app", "a", "--text", "t", "--json"});
  CHECK(result.code == 1);
  CHECK(nlohmann::json::parse(result.out).at("code") == 2002);
  CHECK(daemon({"pushes", "nope"}).code == 1);  // 404 of the server itself
}

TEST_CASE("wrong usage exits 2, help and version exit 0, every command has --help and --json") {
  Daemon daemon;
  CHECK(daemon({}).code == 2);
  CHECK(daemon({"dance"}).code == 2);
  CHECK(daemon({"push", "--app", "a", "--text", "t"}).code == 2);
  CHECK(daemon({"push", "--to", "x", "--app", "a"}).code == 2);
  CHECK(daemon({"push", "--to", "x", "--app", "a", "--text", "t", "--file", "f"}).code == 2);
  CHECK(daemon({"config"}).code == 2);
  CHECK(daemon({"--timeout", "-1", "status"}).code == 2);
  CHECK(daemon({"--version"}).out.starts_with("heraldctl "));
  const std::vector<std::vector<std::string>> commands{
      {"status"},    {"drain"},           {"push"},           {"pushes"},           {"capabilities"},  {"registrations"},
      {"sh", "get"}, {"config", "check"}, {"config", "diff"}, {"config", "reload"}, {"ifc", "export"}, {"ifc", "diff"}};
  for (auto command : commands) {
    CAPTURE(command.back());
    command.push_back("--help");
    const auto result = daemon(command);
    CHECK(result.code == 0);
    CHECK(result.out.find("--json") != std::string::npos);
  }
}

TEST_CASE("no daemon exits 2 and says where it looked") {
  std::ostringstream out;
  std::ostringstream err;
  CHECK(ctl::run({"--socket", "/nonexistent/herald.sock", "status"}, out, err) == 2);
  CHECK(err.str().find("/nonexistent/herald.sock") != std::string::npos);
  CHECK(ctl::run({"--socket", std::string(200, 'x'), "status"}, out, err) == 2);
}

TEST_CASE("a broken or hostile daemon cannot crash it, hang it or steer the terminal") {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::vector<std::pair<std::string, int>> answers{
      {"", 2},
      {"garbage", 2},
      {"HTTP/1.1 200", 2},
      {"HTTP/1.1 999 X\r\n\r\n{}", 2},
      {"HTTP/1.1 xyz X\r\n\r\n{}", 2},
      {"HTTP/2.0 200 OK\r\n\r\n{}", 2},
      {ok + "\r\n", 2},
      {ok + "\r\nnot json", 2},
      {ok + "\r\n[1,2]", 2},
      {ok + "\r\n\"ok\"", 2},
      {ok + "\r\nnull", 2},
      {ok + "Content-Length: 5\r\n\r\n{}", 2},
      {ok + "Content-Length: -5\r\n\r\n{}", 2},
      {ok + "Content-Length: 99999999999999999999\r\n\r\n{}", 2},
      {ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 2},
      {ok + "no colon\r\n\r\n{}", 2},
      {ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}", 2},
      {ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}", 2},
      {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 2},
      {"HTTP/1.1 100 Continue\r\n\r\n", 2},
      {ok + "X: " + std::string(100000, 'x'), 2},
      {ok + "\r\n" + std::string(100000, '['), 2},
      {ok + "\r\n" + std::string(1000000, '[') + std::string(1000000, ']'), 2},
      {ok + "\r\n{\"status\":[[[[[]]]]],\"node\":7,\"checks\":[],\"peers\":[1,null,{\"identity\":{}}],\"counts\":\"x\"}", -1},
      {ok + "\r\n{\"status\":\"ok\",\"checks\":{\"\\u001b[2J\":\"\\u001b]0;x\\u0007\\u009b\"}}", 0},
      {ok + "Transfer-Encoding: chunked\r\n\r\n2;x\r\n{}\r\n0\r\n\r\n", 1},
      {"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n<>", 1},
  };
  for (const auto& [bytes, code] : answers) {
    CAPTURE(bytes.substr(0, 80));
    const RawDaemon daemon(bytes);
    std::ostringstream out;
    std::ostringstream err;
    const int got = ctl::run({"--socket", daemon.path, "--timeout", "10", "status"}, out, err);
    if (code >= 0) CHECK(got == code);
    CHECK(got >= 0);
    CHECK(got <= 2);
    CHECK((out.str() + err.str()).find_first_of("\x1b\x07") == std::string::npos);
    CHECK((out.str() + err.str()).find("\xc2\x9b") == std::string::npos);
  }
}

TEST_CASE("a daemon that accepts and says nothing ends in a time-out, exit code 2") {
  TempDir dir;
  const auto path = (dir.path / "s").string();
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(fd, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) == 0);
  REQUIRE(::listen(fd, 1) == 0);
  std::ostringstream out;
  std::ostringstream err;
  CHECK(ctl::run({"--socket", path, "--timeout", "0.05", "status"}, out, err) == 2);
  CHECK(err.str().find("in time") != std::string::npos);
  ::close(fd);
}

TEST_CASE("hash-token: the digest that an account's token_hash takes, of a file's first line or of a new token") {
  TempDir dir;
  const auto file = (dir.path / "token").string();
  std::ofstream(file) << "news-token-1234\r\nnot this\n";
  std::ostringstream out;
  std::ostringstream err;
  CHECK(ctl::run({"hash-token", file}, out, err) == 0);
  CHECK(out.str() == "sha256:218a60e9c171faea309a4a362a73581eec3b569cf0f09bc7624d39f732961178\n");
  out.str("");
  CHECK(ctl::run({"hash-token", "--generate", "--json"}, out, err) == 0);
  const auto made = nlohmann::json::parse(out.str());
  CHECK(made["token"].get<std::string>().size() == 48);
  CHECK(made["token_hash"].get<std::string>().size() == 71);
  std::ofstream(file) << "short\n";
  CHECK(ctl::run({"hash-token", file}, out, err) == 2);
  CHECK(ctl::run({"hash-token", (dir.path / "none").string()}, out, err) == 2);
}
