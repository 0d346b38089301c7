#include "io/http_server.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "doubles/manual_executor.h"
#include "http_client.h"

using namespace herald;
using namespace herald::io;
using test::Client;
using test::echo;
using test::reply;

namespace {

struct Server {
  explicit Server(HttpLimits limits = {}, std::string name = "test") : server(io.loop, {std::move(name), limits}) {
    server.routes(io.loop).add("GET", "/hello", echo);
    server.routes(io.loop).add("POST", "/hello", echo);
    server.routes(io.loop).add("GET", "/v1/pushes/{id}", echo);
    server.routes(io.loop).add("DELETE", "/v1/pushes/{id}", echo);
    server.routes(io.loop).add("GET", "/v1/pushes/special",
                               [](HttpRequest) { return reply(HttpResponse::json(200, "\"special\"")); });
    server.routes(io.loop).add("GET", "/content/{path*}", echo);
    server.routes(io.loop).add("GET", "/throws",
                               [](HttpRequest) -> Task<HttpResponse> { throw std::runtime_error("on purpose"); });
    auto endpoint = server.listen("127.0.0.1:0");
    REQUIRE(endpoint);
    port = endpoint->port;
    io.start();
  }
  ~Server() { io.stop(); }
  test::LoopThread io;
  HttpServer server;
  std::uint16_t port = 0;
};

std::string get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}

}  // namespace

TEST_CASE("requests on one connection are answered one after the other, with date and length") {
  Server s;
  REQUIRE(s.port != 0);
  Client client(s.port);
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.exchange(get("/hello"));
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "GET /hello");
    CHECK(answer->headers.at("content-length") == "10");
    CHECK(answer->headers.at("date").ends_with(" GMT"));
    CHECK(answer->headers.count("connection") == 0);
  }
  CHECK(s.server.connections() == 1);
}

TEST_CASE("a body arrives whole, with a length or in chunks, in one write or byte by byte") {
  Server s;
  const std::string plain = "POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world";
  const std::string chunked =
      "POST /hello HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5;note=\"x\"\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n";
  for (const auto& bytes : {plain, chunked}) {
    Client client(s.port);
    auto answer = client.exchange(bytes);
    REQUIRE(answer);
    CHECK(answer->body == "POST /hello\nhello world");
    for (const char c : bytes) client.send(std::string_view(&c, 1));
    answer = client.receive();
    REQUIRE(answer);
    CHECK(answer->body == "POST /hello\nhello world");
  }
}

TEST_CASE("pipelined requests are answered in order, errors included") {
  Server s;
  Client client(s.port);
  std::string all;
  for (int i = 0; i < 500; ++i) all += get("/v1/pushes/" + std::to_string(i)) + get("/nowhere");
  client.send(all + get("/hello", "Connection: close\r\n"));
  for (int i = 0; i < 500; ++i) {
    auto answer = client.receive();
    REQUIRE(answer);
    CHECK(answer->body == "GET /v1/pushes/" + std::to_string(i) + " id=" + std::to_string(i));
    answer = client.receive();
    REQUIRE(answer);
    CHECK(answer->status == 404);
  }
  const auto last = client.receive();
  REQUIRE(last);
  CHECK(last->headers.at("connection") == "close");
  CHECK(client.at_end());
}

TEST_CASE("path patterns: literal before parameter, parameters decoded, rest of the path, query") {
  Server s;
  Client client(s.port);
  const auto body = [&](std::string_view target) { return client.exchange(get(target))->body; };
  CHECK(body("/v1/pushes/special") == "\"special\"");
  CHECK(body("/v1/pushes/a%2Fb") == "GET /v1/pushes/a/b id=a/b");
  CHECK(body("/v1/pushes/sip:alice@ims.lab") == "GET /v1/pushes/sip:alice@ims.lab id=sip:alice@ims.lab");
  CHECK(body("/content/a/b/c") == "GET /content/a/b/c path=a/b/c");
  CHECK(body("/hello?b=2&a=x+y%26z&c&b=3") == "GET /hello ?a=x y&z ?b=3 ?c=");
  CHECK(body("http://other.example/hello?x=1") == "GET /hello ?x=1");
}

TEST_CASE("404, 405 with Allow, OPTIONS and HEAD are answered by the server") {
  Server s;
  Client client(s.port);
  auto answer = client.exchange(get("/v1/pushes/"));
  REQUIRE(answer);
  CHECK(answer->status == 404);
  CHECK(answer->headers.at("content-type") == "application/problem+json");
  CHECK(nlohmann::json::parse(answer->body).at("status") == 404);

  answer = client.exchange("PUT /v1/pushes/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxx");
  REQUIRE(answer);
  CHECK(answer->status == 405);
  CHECK(answer->headers.at("allow") == "DELETE, GET, HEAD, OPTIONS");

  answer = client.exchange("OPTIONS /v1/pushes/1 HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE(answer);
  CHECK(answer->status == 204);
  CHECK(answer->headers.at("allow") == "DELETE, GET, HEAD, OPTIONS");
  CHECK(answer->headers.count("content-length") == 0);

  answer = client.exchange("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE(answer);
  CHECK(answer->status == 204);

  client.send("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  answer = client.receive(true);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->headers.at("content-length") == "11");
  CHECK(client.exchange(get("/hello"))->body == "GET /hello");  // nothing of a body came before
}

TEST_CASE("a body in a content coding is refused with 415") {
  Server s;
  const auto answer =
      Client(s.port).exchange("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx");
  REQUIRE(answer);
  CHECK(answer->status == 415);
  CHECK(answer->headers.at("accept-encoding") == "identity");
}

TEST_CASE("Expect: 100-continue is granted, or refused before the body is sent") {
  Server s;
  Client client(s.port);
  auto answer = client.exchange("POST /hello HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  REQUIRE(answer);
  CHECK(answer->status == 100);
  answer = client.exchange("body");
  REQUIRE(answer);
  CHECK(answer->body == "POST /hello\nbody");

  answer = client.exchange("POST /nowhere HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  REQUIRE(answer);
  CHECK(answer->status == 404);
  CHECK(answer->headers.at("connection") == "close");
  client.finish_sending();
  CHECK(client.at_end());

  Client big(s.port);
  answer = big.exchange("POST /hello HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
  REQUIRE(answer);
  CHECK(answer->status == 413);
}

TEST_CASE("a client that closes its sending side after the request still gets the answer") {
  Server s;
  Client client(s.port);
  client.send(get("/hello") + get("/hello"));
  client.finish_sending();
  CHECK(client.receive()->status == 200);
  CHECK(client.receive()->status == 200);
  CHECK(client.at_end());
}

TEST_CASE("HTTP/1.0 closes after the answer unless it asks to keep the connection") {
  Server s;
  Client once(s.port);
  auto answer = once.exchange("GET /hello HTTP/1.0\r\n\r\n");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(once.at_end());
  Client again(s.port);
  for (int i = 0; i < 2; ++i) {
    answer = again.exchange("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    REQUIRE(answer);
    CHECK(answer->headers.at("connection") == "keep-alive");
  }
}

TEST_CASE("an exception in a handler is a 500 with problem+json, and the next request works") {
  Server s;
  Client client(s.port);
  const auto answer = client.exchange(get("/throws", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"));
  REQUIRE(answer);
  CHECK(answer->status == 500);
  const auto document = nlohmann::json::parse(answer->body);
  CHECK(document.at("detail").get<std::string>().find("0af7651916cd43dd8448eb211c80319c") != std::string::npos);
  CHECK(answer->body.find("on purpose") == std::string::npos);
  CHECK(client.exchange(get("/hello"))->status == 200);
}

TEST_CASE("many keep-alive clients at once each get their own answers") {
  Server s;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      Client client(s.port);
      for (int i = 0; i < 200; ++i) {
        const auto id = std::to_string(t * 1000 + i);
        const auto answer = client.exchange(get("/v1/pushes/" + id));
        if (answer && answer->body == "GET /v1/pushes/" + id + " id=" + id) ++right;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == 1600);
}

TEST_CASE("a large answer reaches a client that reads slowly") {
  Server s;
  s.server.routes(s.io.loop).add("GET", "/large", [](HttpRequest) {
    HttpResponse response;
    response.body.assign(8'000'000, 'x');
    return reply(std::move(response));
  });
  Client client(s.port);
  const auto answer = client.exchange(get("/large"));
  REQUIRE(answer);
  CHECK(answer->body.size() == 8'000'000);
  CHECK(client.exchange(get("/hello"))->status == 200);
}

TEST_CASE("a handler cannot break the framing of its answer") {
  Server s;
  s.server.routes(s.io.loop).add("GET", "/odd", [](HttpRequest) {
    HttpResponse response;
    response.status = 99;
    response.headers = {{"X-Split", "a\r\nInjected: 1"}, {"Bad Name", "x"}, {"Content-Length", "3"}, {"X-Good", "1"}};
    response.body = "abcdef";
    return reply(std::move(response));
  });
  Client client(s.port);
  const auto answer = client.exchange(get("/odd"));
  REQUIRE(answer);
  CHECK(answer->status == 500);
  CHECK(answer->body == "abcdef");
  CHECK(answer->headers.count("injected") == 0);
  CHECK(answer->headers.count("x-split") == 0);
  CHECK(answer->headers.at("x-good") == "1");
  CHECK(client.exchange(get("/hello"))->status == 200);
}
