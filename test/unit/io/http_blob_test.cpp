// Responses from blobs: whole, in part, not at all, to clients that read slowly or go. PS-32, S-8
#include "blob_world.h"

using namespace herald;
using namespace herald::io;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

struct Content : BlobWorld {
  explicit Content(std::size_t size, HttpLimits limits = {}) : BlobWorld(limits), bytes(pattern(size)), blob(put(bytes)) {
    server->routes(shard).add("GET", "/content/{token}", [this](HttpRequest) {
      HttpResponse response;
      response.headers.push_back({"Content-Type", "image/png"});
      response.headers.push_back({"Cache-Control", "private"});
      response.blob = HttpBlobBody{blob};
      return reply(std::move(response));
    });
  }
  std::optional<Answer> get(const std::string& more = "", const std::string& method = "GET") {
    auto one = client();
    one.send(method + " /content/x HTTP/1.1\r\nHost: h\r\n" + more + "\r\n");
    return one.receive(method == "HEAD");
  }
  std::string bytes;
  BlobInfo blob;
};

}  // namespace

TEST_CASE("PS-32 a blob is served whole with its strong ETag, byte for byte") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1300}, std::size_t{3} << 20}) {
    CAPTURE(size);
    Content w(size);
    const auto answer = w.get();
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->headers.at("content-length") == std::to_string(size));
    CHECK(answer->headers.at("etag") == "\"" + w.blob.sha256 + "\"");
    CHECK(answer->headers.at("accept-ranges") == "bytes");
    CHECK(answer->headers.at("content-type") == "image/png");
    CHECK((answer->body == w.bytes));
  }
}

TEST_CASE("S-8 the content server gives ranges of a blob: from, to, suffix, beyond the end") {
  Content w(100'000);
  const auto part = w.get("Range: bytes=1000-1999\r\n");
  CHECK(part->status == 206);
  CHECK(part->headers.at("content-range") == "bytes 1000-1999/100000");
  CHECK(part->headers.at("content-length") == "1000");
  CHECK(part->headers.at("etag") == "\"" + w.blob.sha256 + "\"");
  CHECK((part->body == w.bytes.substr(1000, 1000)));
  CHECK((w.get("Range: bytes=99000-\r\n")->body == w.bytes.substr(99'000)));
  CHECK((w.get("Range: bytes=-10\r\n")->body == w.bytes.substr(99'990)));
  const auto beyond = w.get("Range: bytes=100000-\r\n");
  CHECK(beyond->status == 416);
  CHECK(beyond->headers.at("content-range") == "bytes */100000");
  std::string many = "Range: bytes=0-0";
  for (int i = 0; i < 2000; ++i) many += ",1-1";
  const auto whole = w.get(many + "\r\n");
  CHECK(whole->status == 200);
  CHECK((whole->body == w.bytes));
}

TEST_CASE("S-8 conditions on the content: 304 without a body, If-Range with another tag gives the whole") {
  Content w(5'000);
  const auto tag = "\"" + w.blob.sha256 + "\"";
  const auto same = w.get("If-None-Match: " + tag + "\r\n");
  CHECK(same->status == 304);
  CHECK(same->headers.at("etag") == tag);
  CHECK(same->headers.at("cache-control") == "private");
  CHECK(same->headers.count("content-length") == 0);
  CHECK(w.get("If-None-Match: \"other\"\r\n")->status == 200);
  CHECK(w.get("If-Match: \"other\"\r\n")->status == 412);
  CHECK(w.get("Range: bytes=0-9\r\nIf-Range: " + tag + "\r\n")->status == 206);
  CHECK(w.get("Range: bytes=0-9\r\nIf-Range: \"other\"\r\n")->status == 200);
}

TEST_CASE("HEAD tells what GET would send, and the connection goes on") {
  Content w(5'000);
  auto client = w.client();
  client.send("HEAD /content/x HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto head = client.receive(true);
  CHECK(head->status == 200);
  CHECK(head->headers.at("content-length") == "5000");
  client.send("GET /content/x HTTP/1.1\r\nHost: h\r\nRange: bytes=1-2\r\n\r\nGET /content/x HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK((client.receive()->body == w.bytes.substr(1, 2)));
  CHECK((client.receive()->body == w.bytes));
}

TEST_CASE("large blobs and pipelined requests on one connection, forty at a time") {
  Content w(200'000);
  auto client = w.client();
  std::string requests;
  for (int i = 0; i < 40; ++i) requests += "GET /content/x HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(requests);
  for (int i = 0; i < 40; ++i) {
    const auto answer = client.receive();
    REQUIRE(answer);
    CHECK((answer->body == w.bytes));
  }
}

TEST_CASE("a client that reads nothing is dropped when its time is up; one that reads slowly may take long") {
  HttpLimits limits;
  limits.min_bytes_per_second = 1 << 20;
  Content w(64 << 20, limits);
  auto stopped = w.client();
  stopped.send("GET /content/x HTTP/1.1\r\nHost: h\r\n\r\n");
  auto slow = w.client();
  slow.send("GET /content/x HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server->in_flight() == 0 && w.server->connections() == 2; });
  w.settle();
  // The kernel's buffers have taken some megabytes of each, for which a second is given apiece.
  std::optional<Answer> answer;
  std::thread reader([&] {
    slow.while_waiting(nullptr);
    answer = slow.receive();
  });
  int seconds = 0;
  while (w.dropped("slow_reader") == 0 && seconds < 100) {
    w.advance(1s);
    ++seconds;
  }
  CHECK(seconds >= 15);
  CHECK(seconds < 60);
  w.until([&] { return w.server->connections() <= 1; });
  w.until([&] { return w.loop.step(), w.dropped("slow_reader") == 1; });
  // No more time passes: the slow one gets everything.
  std::atomic<bool> done{false};
  std::thread waiter([&] {
    reader.join();
    done = true;
  });
  while (!done) w.step();
  waiter.join();
  REQUIRE(answer);
  CHECK((answer->body == w.bytes));
}

TEST_CASE("a client that goes amid a blob is noticed") {
  Content w(64 << 20);
  auto client = w.client();
  client.send("GET /content/x HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server->connections() == 1; });
  w.settle();
  client.reset();
  w.until([&] { return w.server->connections() == 0; });
  CHECK(w.dropped("client_gone") == 1);
}

TEST_CASE("a blob that has gone is 404, one that was cut short is 503, and neither is a promise that is broken") {
  Content w(50'000);
  const auto kept = w.blob;
  std::filesystem::resize_file(w.folder.file("blobs/" + w.blob.id), 100);
  CHECK(w.get()->status == 503);
  CHECK(w.waiting.await(w.files->remove(kept.id)));
  CHECK(w.get()->status == 404);
  CHECK(w.get("", "HEAD")->status == 404);
  CHECK(w.dropped("blob_missing") == 3);
}

TEST_CASE("removing a blob does not disturb who is reading it") {
  Content w(16 << 20);
  auto client = w.client();
  client.send("GET /content/x HTTP/1.1\r\nHost: h\r\n\r\n");
  w.until([&] { return w.server->connections() == 1; });
  w.settle();
  CHECK(w.waiting.await(w.files->remove(w.blob.id)));
  CHECK((client.receive()->body == w.bytes));
}

TEST_CASE("an HTTP/1.0 client gets the blob and the end of the connection") {
  Content w(5'000);
  auto client = w.client();
  client.send("GET /content/x HTTP/1.0\r\n\r\n");
  CHECK((client.receive()->body == w.bytes));
  CHECK(client.at_end());
}
