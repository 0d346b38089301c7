// Large request bodies become blobs while they arrive; what is not taken leaves nothing. PS-32, S-8
#include "blob_world.h"

using namespace herald;
using namespace herald::io;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

struct Uploads : BlobWorld {
  explicit Uploads(HttpLimits limits = {}, std::size_t shard_mailbox = 1000) : BlobWorld(limits, shard_mailbox) {
    server->routes(shard).add("POST", "/pushes", keep(*this), {10'000'000, 1000});
    server->routes(shard).add("POST", "/small", keep(*this), {500, std::nullopt});
    server->routes(shard).add("POST", "/usual", keep(*this));
  }
  static HttpHandler keep(Uploads& world) {
    return [&world](HttpRequest request) {
      world.requests.push_back(std::move(request));
      HttpResponse response;
      response.status = 202;
      return reply(std::move(response));
    };
  }
  std::vector<HttpRequest> requests;
};

std::string head(const std::string& path, std::size_t length, const std::string& more = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(length) + "\r\n" + more + "\r\n";
}

std::string chunked(const std::string& path, const std::string& body, std::size_t piece) {
  std::string out = "POST " + path + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const auto part = body.substr(at, piece);
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    out += size + part + "\r\n";
  }
  return out + "0\r\n\r\n";
}

}  // namespace

TEST_CASE("PS-32 a body above the route's mark is handed over as a blob with size and hashes, a smaller one in memory") {
  Uploads w;
  auto client = w.client();
  const auto small = pattern(1000);
  const auto large = pattern(1001);
  CHECK(client.exchange(head("/pushes", small.size()) + small)->status == 202);
  CHECK(client.exchange(head("/pushes", large.size()) + large)->status == 202);
  REQUIRE(w.requests.size() == 2);
  CHECK(w.requests[0].body == small);
  CHECK_FALSE(w.requests[0].blob);
  CHECK(w.requests[1].body.empty());
  REQUIRE(w.requests[1].blob);
  CHECK(w.requests[1].blob->size == 1001);
  CHECK(w.content(*w.requests[1].blob) == large);
  CHECK(w.put(large).sha256 == w.requests[1].blob->sha256);
}

TEST_CASE("PS-32 five megabytes in one body, then another request on the same connection") {
  Uploads w;
  auto client = w.client();
  const auto large = pattern(5 << 20);
  std::thread sender([&, text = head("/pushes", large.size()) + large + head("/usual", 2) + "ab"] { client.send(text); });
  w.until([&] { return w.requests.size() == 2; });
  sender.join();
  CHECK(client.receive()->status == 202);
  CHECK(client.receive()->status == 202);
  REQUIRE(w.requests[0].blob);
  CHECK(w.content(*w.requests[0].blob) == large);
  CHECK(w.requests[1].body == "ab");
}

TEST_CASE("a chunked body grows from memory into a blob") {
  Uploads w;
  auto client = w.client();
  const auto large = pattern(20'000);
  CHECK(client.exchange(chunked("/pushes", large, 700))->status == 202);
  CHECK(client.exchange(chunked("/pushes", large.substr(0, 900), 7))->status == 202);
  REQUIRE(w.requests.size() == 2);
  REQUIRE(w.requests[0].blob);
  CHECK(w.content(*w.requests[0].blob) == large);
  CHECK(w.requests[1].body == large.substr(0, 900));
}

TEST_CASE("the route's own limit counts: 413 by Content-Length before the body, amid chunks, and less than the server's") {
  Uploads w;
  auto early = w.client();
  CHECK(early.exchange(head("/pushes", 10'000'001))->status == 413);
  auto amid = w.client();
  std::string endless = "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 6; ++i) endless += "64\r\n" + std::string(100, 'x') + "\r\n";
  CHECK(amid.exchange(endless)->status == 413);
  auto fits = w.client();
  CHECK(fits.exchange(head("/small", 500) + std::string(500, 'x'))->status == 202);
  auto over = w.client();
  CHECK(over.exchange(head("/small", 501))->status == 413);
  auto usual = w.client();
  CHECK(usual.exchange(head("/usual", 1 << 21))->status == 413);
  CHECK(w.stored() == 0);
  CHECK(w.dropped("too_large") == 4);
}

TEST_CASE("Expect: 100-continue is answered by what the route allows") {
  Uploads w;
  auto fine = w.client();
  fine.send(head("/pushes", 2000, "Expect: 100-continue\r\n"));
  CHECK(fine.receive(true)->status == 100);
  fine.send(std::string(2000, 'x'));
  CHECK(fine.receive()->status == 202);
  auto large = w.client();
  CHECK(large.exchange(head("/pushes", 10'000'001, "Expect: 100-continue\r\n"))->status == 413);
  auto nowhere = w.client();
  CHECK(nowhere.exchange(head("/nowhere", 2000, "Expect: 100-continue\r\n"))->status == 404);
  CHECK(w.stored() == 1);
}

TEST_CASE("an upload that is aborted leaves nothing: half a body, a reset, a half-close, a malformed chunk") {
  Uploads w;
  const auto begin = head("/pushes", 100'000) + std::string(50'000, 'x');
  {
    auto reset = w.client();
    reset.send(begin);
    w.until([&] { return w.disk->created == 1; });
    w.settle();
    reset.reset();
    w.until([&] { return w.server->connections() == 0; });
    auto half = w.client();
    half.send(begin);
    half.finish_sending();
    CHECK(half.receive()->status == 400);
    auto bad = w.client();
    bad.send("POST /pushes HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x') +
             "\r\nxyz\r\n");
    CHECK(bad.receive()->status == 400);
  }
  w.until([&] { return w.server->connections() == 0; });
  CHECK(w.disk->created == 3);
  CHECK(w.files_on_disk() == 0);
  CHECK(w.requests.empty());
}

TEST_CASE("a client that dribbles a large body is told 408 when its time is up, and nothing stays") {
  HttpLimits limits;
  limits.min_bytes_per_second = 1000;
  Uploads w(limits);
  auto slow = w.client();
  slow.send(head("/pushes", 100'000) + std::string(5'000, 'x'));
  w.until([&] { return w.disk->created == 1; });
  w.settle();
  for (int second = 0; second < 19; ++second) {
    w.advance(1s);
    slow.send("x");
    w.settle();
  }
  CHECK(w.server->connections() == 1);
  w.advance(3s);
  CHECK(slow.receive()->status == 408);
  CHECK(w.dropped("slow_body") == 1);
  CHECK(w.files_on_disk() == 0);
}

TEST_CASE("a disk that is behind stops the reading: what waits stays bounded, and the client's time does not run") {
  HttpLimits limits;
  limits.min_bytes_per_second = 1'000'000;
  Uploads w(limits);
  w.disk->hold = true;
  auto client = w.client();
  const auto large = pattern(8 << 20);
  std::thread sender([&] { client.send(head("/pushes", large.size()) + large); });
  w.until([&] { return w.disk->most_queued > 256 * 1024; });
  for (int i = 0; i < 50; ++i) w.settle();
  CHECK(w.disk->most_queued < 512 * 1024);
  w.advance(30s);  // more than the client would have had
  CHECK(w.server->connections() == 1);
  w.disk->release();
  w.until([&] { return w.requests.size() == 1; });
  sender.join();
  CHECK(client.receive()->status == 202);
  CHECK(w.content(*w.requests[0].blob) == large);
}

TEST_CASE("a disk that never comes back: 503 when the time is up, nothing stays, the server goes on") {
  Uploads w;
  w.disk->hold = true;
  auto amid = w.client();
  amid.send(head("/pushes", 9'000'000) + std::string(400'000, 'x'));
  auto whole = w.client();
  whole.send(head("/pushes", 2'000) + std::string(2'000, 'x'));
  w.until([&] { return w.disk->created == 2; });
  w.until([&] { return w.disk->most_queued > 256 * 1024; });
  w.settle();
  w.advance(61s);
  const auto first = amid.receive();
  CHECK(first->status == 503);
  CHECK(first->headers.contains("retry-after"));
  CHECK(first->headers.at("connection") == "close");
  CHECK(whole.receive()->status == 503);
  CHECK(w.dropped("spool_refused") == 2);
  w.disk->release();
  CHECK(whole.exchange(head("/pushes", 2'000) + std::string(2'000, 'y'))->status == 202);  // kept alive
  CHECK(w.requests.size() == 1);
  w.settle();
  CHECK(w.files_on_disk() == 1);
}

TEST_CASE("a disk that refuses is 503 with Retry-After, told before the body has come") {
  Uploads w;
  w.disk->refuse = true;
  auto client = w.client();
  client.send(head("/pushes", 1'000'000) + std::string(10'000, 'x'));
  const auto answer = client.receive();
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(answer->headers.contains("retry-after"));
  CHECK(w.dropped("spool_refused") == 1);
}

TEST_CASE("a blob whose request never reaches its handler is removed") {
  HttpLimits limits;
  limits.max_in_flight = 1;
  Uploads w(limits, 1);
  w.server->routes(w.loop).add("POST", "/taken", Uploads::keep(w), {10'000'000, 1000});
  SUBCASE("the client has gone while the disk wrote") {
    w.disk->hold = true;
    auto client = w.client();
    client.send(head("/pushes", 5'000) + std::string(5'000, 'x'));
    w.until([&] { return w.disk->created == 1; });
    w.settle();
    client.reset();
    w.until([&] { return w.server->connections() == 0; });
    w.disk->release();
    w.settle();
    CHECK(w.dropped("client_gone") == 1);
  }
  SUBCASE("the shard's mailbox is full") {
    REQUIRE(w.shard.execute([] {}));
    auto client = w.client();
    client.while_waiting([&] { w.loop.step(); });
    CHECK(client.exchange(head("/pushes", 5'000) + std::string(5'000, 'x'))->status == 503);
    CHECK(w.dropped("mailbox_full") == 1);
  }
  SUBCASE("too many requests are in progress") {
    auto first = w.client();
    first.while_waiting([&] { w.loop.step(); });
    first.send(head("/usual", 1) + "x");
    while (w.server->in_flight() == 0) w.loop.step();
    auto client = w.client();
    client.while_waiting([&] { w.loop.step(); });
    CHECK(client.exchange(head("/pushes", 5'000) + std::string(5'000, 'x'))->status == 503);
    CHECK(w.dropped("requests_limit") == 1);
    w.settle();
  }
  SUBCASE("the server ends while the disk writes") {
    w.disk->hold = true;
    auto client = w.client();
    client.send(head("/pushes", 5'000) + std::string(5'000, 'x'));
    w.until([&] { return w.disk->created == 1; });
    w.settle();
    w.server.reset();
    w.disk->release();
  }
  std::erase_if(w.requests, [](const HttpRequest& request) { return !request.blob; });
  CHECK(w.requests.empty());
  CHECK(w.files_on_disk() == 0);
}

TEST_CASE("without a blob store large bodies stay within what memory is meant to hold") {
  VirtualClock clock;
  IoLoop loop(clock);
  HttpServer server(loop, {"no blobs", {}});
  std::size_t got = 0;
  server.routes(loop).add("POST", "/pushes",
                          [&got](HttpRequest request) {
                            got = request.body.size();
                            return reply(HttpResponse{});
                          },
                          {10'000'000, 1000});
  const auto port = server.listen("127.0.0.1:0")->port;
  Client client(port);
  client.while_waiting([&] { loop.step(); });
  CHECK(client.exchange(head("/pushes", 5000) + std::string(5000, 'x'))->status == 200);
  CHECK(got == 5000);
  CHECK(client.exchange(head("/pushes", 2 << 20))->status == 413);
}

TEST_CASE("shards still take turns with routes that spool") {
  Uploads w;
  ManualExecutor second(w.clock);
  int served = 0;
  w.server->routes(second).add("POST", "/pushes",
                               [&served](HttpRequest) {
                                 ++served;
                                 return reply(HttpResponse{});
                               },
                               {10'000'000, 1000});
  auto client = w.client();
  client.while_waiting([&] {
    w.step();
    second.run_ready();
  });
  for (int i = 0; i < 4; ++i) CHECK(client.exchange(head("/pushes", 2000) + std::string(2000, 'x')));
  CHECK(served == 2);
  CHECK(w.requests.size() == 2);
}
