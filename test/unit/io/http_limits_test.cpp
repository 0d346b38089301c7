// Time limits on a virtual clock, and what happens when handlers or shards are slow: the loop is stepped by the test.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "doubles/manual_executor.h"
#include "doubles/virtual_clock.h"
#include "herald/metrics.h"
#include "http_client.h"
#include "io/http_server.h"

using namespace herald;
using namespace herald::io;
using namespace std::chrono_literals;
using test::Client;

namespace {

const std::string kGet = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

// A line of /metrics.
double metric(const std::string& name_and_labels) {
  const auto text = "\n" + metrics::text();
  const auto at = text.find("\n" + name_and_labels + " ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + name_and_labels.size() + 2));
}

struct World {
  explicit World(HttpLimits limits = {}, std::size_t shard_mailbox = 1000)
      : loop(clock), shard(clock, shard_mailbox), name(next_name()), server(loop, {name, limits}) {
    server.routes(loop).add("GET", "/hello", test::echo);
    server.routes(loop).add("POST", "/hello", test::echo);
    server.routes(shard).add("GET", "/shard", test::echo);
    port = server.listen("127.0.0.1:0")->port;
  }
  static std::string next_name() {
    static int count = 0;
    return "limits" + std::to_string(++count);
  }
  Client client() {
    Client out(port);
    out.while_waiting([this] { loop.step(); });
    return out;
  }
  // Everything that has arrived is taken in. Loopback delivers at once, so a few rounds are enough to see it.
  void settle() {
    for (int i = 0; i < 20; ++i) loop.step();
  }
  template <class Condition>
  void until(Condition condition) {
    for (int i = 0; i < 2'000'000 && !condition(); ++i) loop.step();
    REQUIRE(condition());
  }
  void advance(Duration span) {
    clock.advance(span);
    settle();
  }
  double dropped(const std::string& reason) const {
    return metric("herald_http_dropped_total{reason=\"" + reason + "\",server=\"" + name + "\"}");
  }

  test::VirtualClock clock;
  IoLoop loop;
  test::ManualExecutor shard;
  std::string name;
  HttpServer server;
  std::uint16_t port = 0;
};

}  // namespace

TEST_CASE("a client that dribbles its header is told 408 and closed when its time is up") {
  World w;
  auto client = w.client();
  client.send("GET /hello HTTP/1.1\r\n");
  w.until([&] { return w.server.connections() == 1; });
  for (int i = 0; i < 9; ++i) {
    w.advance(1s);
    client.send("X: 1\r\n");  // progress does not buy time
    w.settle();
  }
  CHECK(w.server.connections() == 1);
  w.advance(2s);
  const auto answer = client.receive();
  REQUIRE(answer);
  CHECK(answer->status == 408);
  client.finish_sending();
  CHECK(client.at_end());
  CHECK(w.dropped("slow_header") == 1);
}

TEST_CASE("a client that dribbles its body is told 408; a faster one may take long for a large body") {
  HttpLimits limits;
  limits.min_bytes_per_second = 1000;
  World w(limits);
  auto slow = w.client();
  slow.send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  auto fast = w.client();
  fast.send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  w.until([&] { return w.server.connections() == 2; });
  w.settle();
  for (int second = 0; second < 50; ++second) {
    w.advance(1s);
    slow.send("x");
    fast.send(std::string(2000, 'x'));
    w.settle();
  }
  CHECK(fast.receive()->status == 200);
  CHECK(slow.receive()->status == 408);
  CHECK(w.dropped("slow_body") == 1);
}

TEST_CASE("a client that floods while its request is answered is neither read nor spun on") {
  World w;
  auto client = w.client();
  client.send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server.in_flight() == 1; });
  std::string requests;
  for (int i = 0; i < 10'000; ++i) requests += kGet;
  std::thread flood([&] { client.send(requests); });
  for (int i = 0; i < 100; ++i) w.settle();  // each of these rounds ends
  w.shard.run_ready();
  for (int i = 0; i < 10'001; ++i) CHECK(client.receive()->status == 200);
  flood.join();
}

TEST_CASE("an idle connection is closed without a word, before its first request and after one") {
  World w;
  auto silent = w.client();
  auto idle = w.client();
  CHECK(idle.exchange(kGet)->status == 200);
  w.until([&] { return w.server.connections() == 2; });
  w.advance(11s);
  CHECK(silent.at_end());
  CHECK(w.server.connections() == 1);
  w.advance(50s);
  CHECK(idle.at_end());
  CHECK(w.server.connections() == 0);
  CHECK(w.dropped("idle") == 2);
}

TEST_CASE("a client that does not read its answer is closed") {
  World w;
  w.server.routes(w.loop).add("GET", "/large", [](HttpRequest) {
    HttpResponse response;
    response.body.assign(50'000'000, 'x');
    return test::reply(std::move(response));
  });
  HttpLimits defaults;
  auto client = w.client();
  client.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server.connections() == 1; });
  w.settle();
  w.advance(defaults.write_timeout);
  CHECK(w.server.connections() == 1);
  w.advance(std::chrono::seconds(50'000'000 / defaults.min_bytes_per_second + 1));
  CHECK(w.server.connections() == 0);
  CHECK(w.dropped("slow_reader") == 1);
}

TEST_CASE("a handler that stays silent: 503 in time, and its late answer is dropped and counted") {
  World w;
  auto client = w.client();
  client.send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server.in_flight() == 1; });
  w.advance(61s);
  const auto answer = client.receive();
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(answer->headers.at("retry-after") == "1");
  CHECK(client.exchange(kGet)->status == 200);  // the connection lives on
  CHECK(w.dropped("handler_silent") == 1);
  CHECK(w.server.in_flight() == 1);  // the shard still has it
  w.shard.run_ready();
  w.settle();
  CHECK(w.server.in_flight() == 0);
  CHECK(w.dropped("late_answer") == 1);
  CHECK(client.exchange(kGet)->body == "GET /hello");  // not the late answer
}

TEST_CASE("a client that goes before the answer: the answer is dropped and counted") {
  World w;
  auto client = w.client();
  client.send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server.in_flight() == 1; });
  client.reset();
  w.until([&] { return w.server.connections() == 0; });
  CHECK(w.dropped("client_gone") == 1);
  w.shard.run_ready();
  w.settle();
  CHECK(w.server.in_flight() == 0);
  CHECK(w.dropped("late_answer") == 1);
}

TEST_CASE("more requests in progress than allowed: 503 with Retry-After, and the next ones work again") {
  HttpLimits limits;
  limits.max_in_flight = 2;
  limits.retry_after = 2500ms;
  World w(limits);
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(w.client());
    clients.back().send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
    w.until([&] { return w.server.in_flight() == std::min(i + 1U, 2U) && w.server.connections() == i + 1U; });
  }
  const auto refused = clients[2].receive();
  REQUIRE(refused);
  CHECK(refused->status == 503);
  CHECK(refused->headers.at("retry-after") == "3");
  CHECK(w.dropped("requests_limit") == 1);
  w.shard.run_ready();
  CHECK(clients[0].receive()->status == 200);
  CHECK(clients[1].receive()->status == 200);
  clients[2].send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server.in_flight() == 1; });
  w.shard.run_ready();
  CHECK(clients[2].receive()->status == 200);
}

TEST_CASE("a full shard mailbox: 503 with Retry-After instead of waiting") {
  World w({}, 1);
  CHECK(w.shard.execute([] {}));  // something else fills it
  auto client = w.client();
  const auto answer = client.exchange("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(answer->headers.at("retry-after") == "1");
  CHECK(w.dropped("mailbox_full") == 1);
  CHECK(w.server.in_flight() == 0);
  w.shard.run_ready();
  client.send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server.in_flight() == 1; });
  w.shard.run_ready();
  CHECK(client.receive()->status == 200);
}

namespace {
Task<HttpResponse> never(HttpRequest, std::shared_ptr<Promise<int>> promise) {
  co_await promise->future();
  co_return HttpResponse{};
}
}  // namespace

TEST_CASE("a handler whose awaited result is abandoned still answers") {
  World w;
  auto promise = std::make_shared<Promise<int>>();
  w.server.routes(w.shard).add("GET", "/waits", [&promise](HttpRequest request) { return never(std::move(request), promise); });
  auto client = w.client();
  client.send("GET /waits HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server.in_flight() == 1; });
  w.shard.run_ready();
  *promise = Promise<int>();
  w.shard.run_ready();
  CHECK(client.receive()->status == 200);
}

TEST_CASE("more connections than allowed: 503 at once, counted") {
  HttpLimits limits;
  limits.max_connections = 2;
  World w(limits);
  auto a = w.client();
  auto b = w.client();
  CHECK(a.exchange(kGet)->status == 200);
  CHECK(b.exchange(kGet)->status == 200);
  auto c = w.client();
  const auto answer = c.receive();
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(answer->headers.at("retry-after") == "1");
  CHECK(w.dropped("connections_limit") == 1);
  CHECK(a.exchange(kGet)->status == 200);
}

TEST_CASE("bodies of all connections together are bounded") {
  HttpLimits limits;
  limits.max_buffered_bytes = 150'000;
  World w(limits);
  auto a = w.client();
  a.send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n" + std::string(100'000, 'x'));
  w.until([&] { return w.server.connections() == 1; });
  w.settle();
  auto b = w.client();
  b.send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  const auto answer = b.receive();
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(w.dropped("buffer_limit") == 1);
  CHECK(a.exchange("x")->status == 200);
  CHECK(w.client()
            .exchange("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'))
            ->status == 200);
}

TEST_CASE("the same route of several shards is served by them in turn") {
  World w;
  test::ManualExecutor other(w.clock);
  w.server.routes(other).add("GET", "/shard", [](HttpRequest) { return test::reply(HttpResponse::json(200, "\"other\"")); });
  auto client = w.client();
  int by_other = 0;
  for (int i = 0; i < 10; ++i) {
    client.send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
    w.until([&] { return w.server.in_flight() == 1; });
    w.shard.run_ready();
    other.run_ready();
    by_other += client.receive()->body == "\"other\"" ? 1 : 0;
  }
  CHECK(by_other == 5);
}

TEST_CASE("requests that arrive together reach their shard in one mailbox entry") {
  World w({}, 1);  // room for one entry only
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(w.client());
  w.until([&] { return w.server.connections() == 5; });
  for (auto& client : clients) client.send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server.in_flight() == 5 || w.dropped("mailbox_full") > 0; });
  w.shard.run_ready();
  int served = 0;
  for (auto& client : clients) served += client.receive()->status == 200 ? 1 : 0;
  CHECK(served == 5);
}

TEST_CASE("draining: idle connections close, a request in progress is answered, nobody new gets in") {
  World w;
  auto idle = w.client();
  CHECK(idle.exchange(kGet)->status == 200);
  auto busy = w.client();
  busy.send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server.in_flight() == 1; });
  CHECK(w.loop.execute([&] { w.server.drain(); }));
  w.settle();
  CHECK(idle.at_end());
  w.shard.run_ready();
  const auto answer = busy.receive();
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->headers.at("connection") == "close");
  CHECK(busy.at_end());
  CHECK(w.server.connections() == 0);
}

TEST_CASE("an answer that comes after the server has ended is harmless") {
  test::VirtualClock clock;
  IoLoop loop(clock);
  test::ManualExecutor shard(clock);
  auto server = std::make_unique<HttpServer>(loop, HttpServerSettings{"gone", {}});
  server->routes(shard).add("GET", "/shard", test::echo);
  Client client(server->listen("127.0.0.1:0")->port);
  client.send("GET /shard HTTP/1.1\r\nHost: h\r\n\r\n");
  for (int i = 0; i < 2'000'000 && server->in_flight() == 0; ++i) loop.step();
  REQUIRE(server->in_flight() == 1);
  server.reset();
  shard.run_ready();
  loop.step();
  CHECK(client.at_end());
}
