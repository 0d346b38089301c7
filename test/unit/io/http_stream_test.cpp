// Responses that go on, as server-sent events do.
#include "blob_world.h"

using namespace herald;
using namespace herald::io;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

const std::string kWatch = "GET /events HTTP/1.1\r\nHost: h\r\n\r\n";

struct Events : BlobWorld {
  explicit Events(HttpLimits limits = {}) : BlobWorld(limits) {
    server->routes(shard).add("GET", "/events", [this](HttpRequest) {
      HttpResponse response;
      response.headers.push_back({"Content-Type", "text/event-stream"});
      response.stream = [this](std::shared_ptr<HttpStream> stream) {
        on_shard = on_shard && shard.on_this();
        streams.push_back(std::move(stream));
      };
      return reply(std::move(response));
    });
    server->routes(shard).add("GET", "/hello", echo);
  }
  // A client that has its head and whose stream is open.
  Client watching() {
    auto one = client();
    const auto before = streams.size();
    one.send(kWatch);
    until([&] { return streams.size() == before + 1; });
    const auto head = one.receive(true);
    REQUIRE(head);
    CHECK(head->status == 200);
    CHECK(head->headers.at("transfer-encoding") == "chunked");
    CHECK(head->headers.at("content-type") == "text/event-stream");
    return one;
  }
  double open() const { return metric_of("herald_http_streams{server=\"" + name + "\"}"); }
  std::vector<std::shared_ptr<HttpStream>> streams;
  bool on_shard = true;
};

}  // namespace

TEST_CASE("a stream is opened on the shard that answered, and what is written arrives as chunks in order") {
  Events w;
  auto client = w.watching();
  CHECK(w.on_shard);
  CHECK(w.open() == 1);
  CHECK(w.streams[0]->write("data: 1\n\n"));
  CHECK(client.line() == "9");
  CHECK(client.line() == "data: 1\n\n");
  CHECK(w.streams[0]->write("a"));
  CHECK(w.streams[0]->write("b"));
  CHECK(w.streams[0]->write(""));  // would end the body
  w.streams[0]->close();
  CHECK_FALSE(w.streams[0]->write("late"));
  CHECK(client.line() == "2");
  CHECK(client.line() == "ab");
  CHECK(client.line() == "0");
  CHECK(client.line().empty());
  // The connection goes on.
  CHECK(client.exchange("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")->status == 200);
  CHECK(w.open() == 0);
}

TEST_CASE("a stream lives as long as its writer wants, without a time limit") {
  Events w;
  auto client = w.watching();
  for (int hour = 0; hour < 30; ++hour) w.advance(1h);
  CHECK(w.server->connections() == 1);
  CHECK(w.streams[0]->write("still here"));
  CHECK(client.line() == "a");
  CHECK(client.line() == "still here");
}

TEST_CASE("a writer that lets its stream go ends the body") {
  Events w;
  auto client = w.watching();
  CHECK(w.streams[0]->write("x"));
  w.streams.clear();
  CHECK(client.line() == "1");
  CHECK(client.line() == "x");
  CHECK(client.line() == "0");
  w.until([&] { return w.open() == 0; });
}

TEST_CASE("a client that goes is noticed: by its end, by a reset, and the writer is told") {
  Events w;
  auto first = w.watching();
  auto second = w.watching();
  first.finish_sending();
  w.until([&] { return w.server->connections() == 1; });
  CHECK_FALSE(w.streams[0]->write("x"));
  second.reset();
  w.until([&] { return w.server->connections() == 0; });
  CHECK_FALSE(w.streams[1]->write("x"));
  CHECK(w.dropped("client_gone") == 2);
  CHECK(w.open() == 0);
}

TEST_CASE("a client that does not read is dropped when its bounded buffer is full, and counted") {
  HttpLimits limits;
  limits.max_stream_bytes = 100'000;
  Events w(limits);
  auto client = w.watching();
  bool took = true;
  int written = 0;
  while (took && written < 100'000) {
    took = w.streams[0]->write(std::string(1000, 'x'));
    ++written;
    w.step();
  }
  CHECK_FALSE(took);
  CHECK_FALSE(w.streams[0]->write("x"));
  w.until([&] { return w.server->connections() == 0; });
  CHECK(w.dropped("slow_reader") == 1);
}

TEST_CASE("one piece larger than the buffer ends the stream too") {
  HttpLimits limits;
  limits.max_stream_bytes = 1000;
  Events w(limits);
  auto client = w.watching();
  CHECK(w.streams[0]->write(std::string(1000, 'x')));
  w.settle();
  CHECK_FALSE(w.streams[0]->write(std::string(1001, 'x')));
  w.until([&] { return w.server->connections() == 0; });
}

TEST_CASE("a reader that has stopped is dropped after the write time even if little waits") {
  HttpLimits limits;
  limits.max_stream_bytes = 64 << 20;
  Events w(limits);
  auto client = w.watching();
  for (int i = 0; i < 16; ++i) {
    CHECK(w.streams[0]->write(std::string(1 << 20, 'x')));
    w.settle();
  }
  w.advance(14s);
  CHECK(w.server->connections() == 1);
  w.advance(2s);
  CHECK(w.server->connections() == 0);
  CHECK(w.dropped("slow_reader") == 1);
  CHECK_FALSE(w.streams[0]->write("x"));
}

TEST_CASE("requests pipelined behind a stream wait for its end") {
  Events w;
  auto client = w.client();
  client.send(kWatch + "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.streams.size() == 1; });
  CHECK(client.receive(true)->status == 200);
  CHECK(w.streams[0]->write("x"));
  w.settle();
  w.streams[0]->close();
  for (const auto* expected : {"1", "x", "0", ""}) CHECK(client.line() == expected);
  CHECK(client.receive()->body == "GET /hello");
}

TEST_CASE("a client that floods behind a stream is not read on and on") {
  Events w;
  auto client = w.watching();
  std::thread flood([&] { client.send(std::string(32 << 20, 'x')); });
  w.until([&] { return w.streams[0]->write("x"); });
  for (int i = 0; i < 100; ++i) w.settle();
  CHECK(w.server->connections() == 1);
  w.streams[0]->close();  // then the flood is read as a request, and refused
  w.until([&] { return w.server->connections() == 0; });
  w.settle();  // libevent closes the socket a round later
  flood.join();
}

TEST_CASE("HEAD of a stream has no body, and its writer finds the stream over") {
  Events w;
  auto client = w.client();
  client.send("HEAD /events HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.receive(true)->status == 200);
  w.until([&] { return w.streams.size() == 1; });
  CHECK_FALSE(w.streams[0]->write("x"));
  CHECK(client.exchange("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")->body == "GET /hello");
}

TEST_CASE("HTTP/1.0 gets the stream without chunks, ended by the connection") {
  Events w;
  auto client = w.client();
  client.send("GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  w.until([&] { return w.streams.size() == 1; });
  const auto head = client.receive(true);
  CHECK(head->headers.count("transfer-encoding") == 0);
  CHECK(head->headers.at("connection") == "close");
  CHECK(w.streams[0]->write("plain\r\n"));
  CHECK(client.line() == "plain");
  w.streams[0]->close();
  CHECK(client.at_end());
}

TEST_CASE("drain ends every stream, the end of the server too") {
  Events w;
  auto drained = w.watching();
  w.server->drain();
  CHECK(drained.line() == "0");
  CHECK(drained.line().empty());
  CHECK(drained.at_end());
  CHECK_FALSE(w.streams[0]->write("x"));
  Events other;
  auto cut = other.watching();
  other.server.reset();
  CHECK_FALSE(other.streams[0]->write("x"));
  other.streams[0]->close();
}

TEST_CASE("an answer that comes too late still tells its writer that nobody listens") {
  Events w;
  auto client = w.client();
  client.while_waiting([&] { w.loop.step(); });
  client.send(kWatch);
  while (w.server->in_flight() == 0) w.loop.step();
  client.reset();
  while (w.server->connections() > 0) w.loop.step();
  w.until([&] { return w.streams.size() == 1; });
  CHECK_FALSE(w.streams[0]->write("x"));
}

TEST_CASE("streams are bounded in number: 503 beyond") {
  HttpLimits limits;
  limits.max_streams = 2;
  Events w(limits);
  auto first = w.watching();
  auto second = w.watching();
  auto third = w.client();
  const auto refused = third.exchange(kWatch);
  CHECK(refused->status == 503);
  CHECK(refused->headers.contains("retry-after"));
  CHECK(w.dropped("streams_limit") == 1);
  w.until([&] { return w.streams.size() == 3; });
  CHECK_FALSE(w.streams[2]->write("x"));
  w.streams[0]->close();
  w.settle();
  auto fourth = w.watching();
}

TEST_CASE("any thread may write, and everything arrives") {
  Events w;
  auto client = w.watching();
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t)
    writers.emplace_back([stream = w.streams[0]] {
      for (int i = 0; i < 500; ++i) CHECK(stream->write("0123456789"));
    });
  for (auto& writer : writers) writer.join();
  w.streams[0]->close();
  std::size_t total = 0;
  for (;;) {
    const auto size = std::stoul(client.line(), nullptr, 16);
    if (size == 0) break;
    total += size;
    CHECK(client.line().size() == size);
  }
  CHECK(total == 4 * 500 * 10);
}
