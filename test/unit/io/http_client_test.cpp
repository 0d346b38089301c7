// The HTTP client against real sockets: servers that are good, slow, broken, greedy and false.
#include "http_client.h"

#include <atomic>
#include <deque>
#include <doctest/doctest.h>
#include <mutex>

#include "doubles/waiting_executor.h"
#include "io/http_client_service.h"

using namespace herald;
using namespace herald::io;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

// Says what it is told on every connection, once it has seen the end of a head; keeps what it read.
class RawServer {
 public:
  explicit RawServer(std::string says, bool close_after = true) : says_(std::move(says)), close_after_(close_after) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* raw = static_cast<sockaddr*>(static_cast<void*>(&address));
    REQUIRE(::bind(fd_, raw, sizeof address) == 0);
    REQUIRE(::listen(fd_, 64) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(fd_, raw, &size) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~RawServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
    for (const int open : open_) ::close(open);
  }
  [[nodiscard]] std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port) + path; }
  std::string last_request() {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  std::uint16_t port = 0;
  std::atomic<int> connections{0};

 private:
  void serve() {
    for (;;) {
      const int peer = ::accept(fd_, nullptr, nullptr);
      if (peer < 0) return;
      ++connections;
      std::string got;
      char bytes[4096];
      while (got.find("\r\n\r\n") == std::string::npos) {
        const auto count = ::recv(peer, bytes, sizeof bytes, 0);
        if (count <= 0) break;
        got.append(bytes, static_cast<std::size_t>(count));
      }
      {
        const std::lock_guard lock(mutex_);
        last_ = got;
      }
      (void)!::send(peer, says_.data(), says_.size(), MSG_NOSIGNAL);
      if (close_after_)
        ::close(peer);
      else
        open_.push_back(peer);
    }
  }
  std::string says_;
  bool close_after_;
  int fd_ = -1;
  std::vector<int> open_;
  std::thread thread_;
  std::mutex mutex_;
  std::string last_;
};

// A name server whose answers the test writes.
struct Names final : NameLookup {
  std::map<std::string, std::vector<std::string>> hosts;
  std::atomic<int>* asked = nullptr;
  std::uint64_t start(const std::string& host, std::uint16_t port, Done done) override {
    if (asked != nullptr) ++*asked;
    const auto found = hosts.find(host);
    if (found == hosts.end()) {
      done(fail(ErrorCode::unavailable, "no such name"));
      return 0;
    }
    std::vector<NetAddress> addresses;
    for (const auto& text : found->second) addresses.push_back(*NetAddress::parse(text, port));
    done(std::move(addresses));
    return 0;
  }
  void cancel(std::uint64_t) override {}
};

struct Bench {
  explicit Bench(HttpClientLimits limits = {}, std::unique_ptr<Names> names = {}) : client(io.loop, limits, std::move(names)) {
    io.start();
  }
  ~Bench() {
    io.loop.complete([this] { client.close(); });
    io.stop();
  }
  Expected<HttpResponse> ask(HttpCall call, Duration time = 30s) {
    return here.await(client.send(std::move(call), Deadline::after(here.clock(), time)));
  }
  Expected<HttpResponse> get(const std::string& url, std::size_t most = 65536) {
    HttpCall call;
    call.url = url;
    call.max_response_bytes = most;
    return ask(std::move(call));
  }
  LoopThread io;
  WaitingExecutor here;
  HttpClientService client;
};

ErrorCode code(const Expected<HttpResponse>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

}  // namespace

TEST_CASE("HTTP client: a request goes out as asked and its answer comes back") {
  RawServer server("HTTP/1.1 201 Created\r\nX-What: yes\r\nContent-Length: 5\r\n\r\nhello");
  Bench bench;
  HttpCall call;
  call.method = "POST";
  call.url = server.url("/hooks?a=b");
  call.headers = {{"Content-Type", "application/json"}};
  call.body = "{}";
  const auto answer = bench.ask(std::move(call));
  REQUIRE(answer.has_value());
  CHECK(answer->status == 201);
  CHECK(answer->body == "hello");
  REQUIRE(!answer->headers.empty());
  CHECK(answer->headers[0].value == "yes");
  const auto sent = server.last_request();
  CHECK(sent.starts_with("POST /hooks?a=b HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port) + "\r\n"));
  CHECK(sent.find("Content-Length: 2\r\n") != std::string::npos);
  CHECK(sent.find("Connection:") == std::string::npos);  // HTTP/1.1 goes on by itself
}

TEST_CASE("HTTP client: bodies by length, in chunks, until the end of the connection, and none") {
  Bench bench;
  RawServer chunked("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
  CHECK(bench.get(chunked.url())->body == "abcde");
  RawServer until_close("HTTP/1.0 200 OK\r\n\r\nall of it");
  CHECK(bench.get(until_close.url())->body == "all of it");
  RawServer none("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(bench.get(none.url())->status == 204);
  RawServer interim(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(bench.get(interim.url())->body == "ok");
  RawServer head("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", false);
  HttpCall call;
  call.method = "HEAD";
  call.url = head.url();
  CHECK(bench.ask(call)->status == 200);
}

TEST_CASE("HTTP client: an answer without keep-alive knowledge does not wait for the connection's end") {
  RawServer open("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false);
  Bench bench;
  CHECK(bench.get(open.url())->body == "ok");
}

TEST_CASE("HTTP client: what is no answer is an error, never a crash") {
  Bench bench;
  const std::pair<const char*, ErrorCode> cases[] = {
      {"", ErrorCode::unavailable},
      {"SSH-2.0-OpenSSH_9.2\r\n", ErrorCode::corrupt},
      {"HTTP/1.1 2000 OK\r\n\r\n", ErrorCode::corrupt},
      {"HTTP/2.0 200 OK\r\n\r\n", ErrorCode::corrupt},
      {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", ErrorCode::corrupt},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", ErrorCode::corrupt},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ErrorCode::corrupt},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", ErrorCode::unavailable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", ErrorCode::unavailable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ErrorCode::corrupt},
      {"HTTP/1.1 101 Switching Protocols\r\n\r\n", ErrorCode::corrupt},
      {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ErrorCode::corrupt},
  };
  for (const auto& [says, expected] : cases) {
    CAPTURE(says);
    RawServer server(says);
    CHECK(code(bench.get(server.url())) == expected);
  }
  std::string interim;
  for (int i = 0; i < 50; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  RawServer chatter(interim, false);
  CHECK(code(bench.get(chatter.url())) == ErrorCode::corrupt);
}

TEST_CASE("HTTP client: an answer larger than allowed ends there, however its length is told") {
  Bench bench;
  const std::string body(3000, 'x');
  RawServer length("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + body);
  CHECK(bench.get(length.url(), 3000)->body == body);
  CHECK(code(bench.get(length.url(), 2999)) == ErrorCode::too_large);
  RawServer promise("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", false);
  CHECK(code(bench.get(promise.url())) == ErrorCode::too_large);
  RawServer chunks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n" + body + "\r\n0\r\n\r\n");
  CHECK(bench.get(chunks.url(), 3000)->body == body);
  CHECK(code(bench.get(chunks.url(), 2999)) == ErrorCode::too_large);
  RawServer until_close("HTTP/1.1 200 OK\r\n\r\n" + body);
  CHECK(bench.get(until_close.url(), 3000)->body == body);
  CHECK(code(bench.get(until_close.url(), 2999)) == ErrorCode::too_large);
  RawServer head("HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'y') + "\r\n\r\n");
  CHECK(code(bench.get(head.url())) == ErrorCode::too_large);
}

TEST_CASE("HTTP client: the deadline ends a request wherever it is, and one that has passed sends nothing") {
  RawServer silent("", false);
  RawServer half("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel", false);
  Bench bench;
  for (const auto* server : {&silent, &half}) {
    HttpCall call;
    call.url = server->url();
    CHECK(code(bench.ask(call, 50ms)) == ErrorCode::timeout);
  }
  HttpCall call;
  call.url = silent.url();
  const auto result = bench.ask(call, Duration::zero());
  CHECK(code(result) == ErrorCode::timeout);
}

TEST_CASE("HTTP client: nobody listens") {
  std::uint16_t port = 0;
  {
    RawServer gone("");
    port = gone.port;
  }
  Bench bench;
  CHECK(code(bench.get("http://127.0.0.1:" + std::to_string(port) + "/")) == ErrorCode::unavailable);
}

TEST_CASE("HTTP client: what cannot be asked is invalid and reaches no socket") {
  Bench bench;
  for (const char* url : {"", "ftp://a/", "http://", "http://a b/", "http://a/\r\nX: y", "http://user:secret@a/", "http://a:0/",
                          "http://a:99999/", "http://[::1/", "http://127.1/", "http://0x7f000001/", "http://2130706433/",
                          "http://a..b/", "//a/", "http://a/\xc3\xa4"}) {
    CAPTURE(url);
    CHECK(code(bench.get(url)) == ErrorCode::invalid);
  }
  HttpCall call;
  call.url = "http://127.0.0.1:1/";
  call.headers = {{"X", "a\r\nHost: evil"}};
  CHECK(code(bench.ask(call)) == ErrorCode::invalid);
  call.headers = {{"Host", "evil"}};
  CHECK(code(bench.ask(call)) == ErrorCode::invalid);
  call.headers = {};
  call.method = "GET / HTTP/1.1\r\nX:";
  CHECK(code(bench.ask(call)) == ErrorCode::invalid);
}

TEST_CASE("HTTP client, PR-12: public_only looks at the address that is connected to, not at the name") {
  RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const auto port = ":" + std::to_string(server.port) + "/";
  auto names = std::make_unique<Names>();
  names->hosts = {{"inside.example", {"127.0.0.1"}}, {"both.example", {"10.0.0.1", "127.0.0.1", "::1", "fe80::1"}}};
  std::atomic<int> asked{0};
  names->asked = &asked;
  Bench bench({}, std::move(names));
  HttpCall call;
  call.public_only = true;
  for (const auto& url : {"http://inside.example" + port, "http://both.example" + port, server.url(),
                          "http://[::ffff:127.0.0.1]" + port, "http://[::1]" + port}) {
    CAPTURE(url);
    call.url = url;
    CHECK(code(bench.ask(call)) == ErrorCode::forbidden);
  }
  CHECK(server.connections == 0);
  call.public_only = false;
  call.url = "http://inside.example" + port;
  asked = 0;
  CHECK(bench.ask(call)->status == 200);
  CHECK(asked == 1);  // one look: what was checked is what is connected to
}

TEST_CASE("HTTP client, PR-12: addresses that are not public") {
  for (const char* text : {"0.0.0.0",
                           "10.1.2.3",
                           "100.64.0.1",
                           "127.0.0.1",
                           "127.255.255.254",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.1",
                           "192.0.2.1",
                           "192.168.0.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.9",
                           "224.0.0.1",
                           "239.1.1.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::127.0.0.1",
                           "::ffff:10.0.0.1",
                           "64:ff9b::7f00:1",
                           "64:ff9b:1::1",
                           "100::1",
                           "2001::1",
                           "2001:20::1",
                           "2001:db8::1",
                           "2002:7f00:1::1",
                           "3fff::1",
                           "fc00::1",
                           "fd12::1",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1",
                           "4000::1"}) {
    CAPTURE(text);
    CHECK_FALSE(is_public(*NetAddress::parse(text, 80)));
  }
  for (const char* text : {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255",
                           "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
                           "2606:4700::1111", "2001:4860:4860::8888", "::ffff:1.1.1.1", "64:ff9b::101:101"}) {
    CAPTURE(text);
    CHECK(is_public(*NetAddress::parse(text, 80)));
  }
}

TEST_CASE("HTTP client: the next address is tried when one does not answer") {
  RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  auto names = std::make_unique<Names>();
  names->hosts = {{"two.example", {"::1", "127.0.0.1"}}};  // nothing listens on the first
  Bench bench({}, std::move(names));
  const auto answer = bench.get("http://two.example:" + std::to_string(server.port) + "/");
  REQUIRE(answer.has_value());
  CHECK(answer->body == "ok");
}

TEST_CASE("HTTP client: localhost is found by the machine's own resolver; a name that is none is unavailable") {
  RawServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  Bench bench;
  const auto answer = bench.get("http://localhost:" + std::to_string(server.port) + "/");
  REQUIRE(answer.has_value());
  CHECK(answer->body == "ok");
}

TEST_CASE("HTTP client: so many at a time in all and per host, the rest in order, too many are refused") {
  RawServer silent("", false);
  RawServer other("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  HttpClientLimits limits;
  limits.running = 3;
  limits.running_per_host = 2;
  limits.waiting = 2;
  Bench bench(limits);
  const auto deadline = Deadline::after(bench.here.clock(), 400ms);
  std::vector<Future<HttpResponse>> futures;
  HttpCall call;
  call.url = silent.url();
  for (int i = 0; i < 5; ++i) futures.push_back(bench.client.send(call, deadline));
  // Another host is served although five of the first wait or run; but two wait already, and that is all that may.
  const auto refused = bench.ask(call);
  CHECK(code(refused) == ErrorCode::busy);
  CHECK(refused.error().retry_after.has_value());
  int timeouts = 0;
  for (const auto& answer : bench.here.await_all(std::move(futures)))
    timeouts += !answer && answer.error().code == ErrorCode::timeout;
  CHECK(timeouts == 4);
  CHECK(silent.connections <= 2);  // what had waited until its time was up was not sent
  CHECK(bench.get(other.url())->status == 200);
}

TEST_CASE("HTTP client: when it closes, everything under way ends, and what comes later too") {
  RawServer silent("", false);
  Bench bench;
  HttpCall call;
  call.url = silent.url();
  auto future = bench.client.send(call, Deadline::never());
  bench.io.loop.complete([&] { bench.client.close(); });
  CHECK(code(bench.here.await(std::move(future))) == ErrorCode::gone);
  CHECK(code(bench.ask(call)) == ErrorCode::gone);
}
