// What a hostile or broken client sends, and the answer it gets. The connection is closed after each of them, since nobody
// knows where the next request would begin.
#include <doctest/doctest.h>

#include "http_client.h"
#include "io/http_server.h"

using namespace herald;
using namespace herald::io;
using namespace std::string_literals;
using test::Client;

namespace {

struct Row {
  const char* what;
  std::string bytes;
  int status;
};

const std::string kHost = "Host: h\r\n";
const std::string kPost = "POST /hello HTTP/1.1\r\n" + kHost;

std::string many_headers(int count) {
  std::string out = "GET /hello HTTP/1.1\r\n" + kHost;
  for (int i = 0; i < count; ++i) out += "X-" + std::to_string(i) + ": 1\r\n";
  return out + "\r\n";
}

const std::vector<Row>& rows() {
  static const std::vector<Row> table{
      // request line
      {"nothing but a method", "GET\r\n\r\n", 400},
      {"HTTP/0.9", "GET /hello\r\n", 400},
      {"two spaces", "GET  /hello HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"space in the target", "GET /hel lo HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"tab instead of space", "GET\t/hello\tHTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"leading space", " GET /hello HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"method is no token", "G(T /hello HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"unknown method", "BREW /hello HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 501},
      {"lower-case method", "get /hello HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 501},
      {"CONNECT", "CONNECT other.example:443 HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"endless method", std::string(100, 'A') + " /hello HTTP/1.1\r\n" + kHost + "\r\n", 501},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/3.1", "GET /hello HTTP/3.1\r\n" + kHost + "\r\n", 505},
      {"version in lower case", "GET /hello http/1.1\r\n" + kHost + "\r\n", 400},
      {"version with three parts", "GET /hello HTTP/1.1.1\r\n" + kHost + "\r\n", 400},
      {"version without number", "GET /hello HTTP/x.y\r\n" + kHost + "\r\n", 400},
      {"TLS hello on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
      {"SIP request", "OPTIONS sip:h SIP/2.0\r\n\r\n", 400},
      {"empty lines only", "\r\n\r\n\r\n\r\n", 400},
      // target
      {"control character in the target", "GET /he\x01llo HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"NUL in the target", "GET /he\0llo HTTP/1.1\r\n"s + kHost + "\r\n", 400},
      {"raw UTF-8 in the target", "GET /h\xc3\xa9llo HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"fragment in the target", "GET /hello#top HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"target without slash", "GET hello HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"absolute form of another scheme", "GET ftp://h/hello HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"absolute form without host", "GET http:///hello HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"bad percent-escape", "GET /hello%4 HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"percent-escape that is not hex", "GET /hello%zz HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"%00", "GET /hello%00 HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"%00 in the query", "GET /hello?a=%00 HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"overlong UTF-8", "GET /hello/%c0%ae HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"surrogate in UTF-8", "GET /hello/%ed%a0%80 HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"cut-off UTF-8", "GET /hello/%e2%82 HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"dot segments", "GET /content/../hello HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"hidden dot segments", "GET /content/%2e%2e/x HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n", 400},
      {"too many query parameters",
       "GET /hello?" +
           [] {
             std::string q;
             for (int i = 0; i < 101; ++i) q += "a&";
             return q;
           }() +
           " HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n",
       400},
      {"target too long", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n", 414},
      {"target endless", "GET /" + std::string(9000, 'a'), 414},
      // header
      {"no Host", "GET /hello HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"header without a colon", "GET /hello HTTP/1.1\r\n" + kHost + "Nonsense\r\n\r\n", 400},
      {"header with an empty name", "GET /hello HTTP/1.1\r\n" + kHost + ": x\r\n\r\n", 400},
      {"space before the colon", kPost + "Content-Length : 4\r\n\r\nbody", 400},
      {"space in a header name", "GET /hello HTTP/1.1\r\n" + kHost + "X Y: 1\r\n\r\n", 400},
      {"NUL in a header value", "GET /hello HTTP/1.1\r\n" + kHost + "X: a\0b\r\n\r\n"s, 400},
      {"NUL in a header name", "GET /hello HTTP/1.1\r\n" + kHost + "X\0: b\r\n\r\n"s, 400},
      {"CR inside a value", "GET /hello HTTP/1.1\r\n" + kHost + "X: a\rb\r\n\r\n", 400},
      {"escape character in a value", "GET /hello HTTP/1.1\r\n" + kHost + "X: \x1b[2J\r\n\r\n", 400},
      {"bare LF", "GET /hello HTTP/1.1\nHost: h\n\n", 400},
      {"bare LF after one header", "GET /hello HTTP/1.1\r\nHost: h\n\r\n", 400},
      {"folded header", "GET /hello HTTP/1.1\r\n" + kHost + "X: a\r\n b\r\n\r\n", 400},
      {"folded first header", "GET /hello HTTP/1.1\r\n Host: h\r\n\r\n", 400},
      {"header too long", "GET /hello HTTP/1.1\r\n" + kHost + "X: " + std::string(20000, 'a') + "\r\n\r\n", 431},
      {"header endless", "GET /hello HTTP/1.1\r\n" + kHost + "X: " + std::string(20000, 'a'), 431},
      {"all headers too long",
       "GET /hello HTTP/1.1\r\n" + kHost +
           [] {
             std::string out;
             for (int i = 0; i < 30; ++i) out += "X: " + std::string(1000, 'a') + "\r\n";
             return out;
           }() +
           "\r\n",
       431},
      {"too many headers", many_headers(200), 431},
      {"unknown expectation", kPost + "Expect: a-miracle\r\nContent-Length: 4\r\n\r\nbody", 417},
      // framing: where smugglers work
      {"both Content-Length and Transfer-Encoding", kPost + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400},
      {"two different Content-Length", kPost + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbodyx", 400},
      {"the same Content-Length twice", kPost + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody", 400},
      {"list of Content-Length", kPost + "Content-Length: 4, 4\r\n\r\nbody", 400},
      {"negative Content-Length", kPost + "Content-Length: -4\r\n\r\nbody", 400},
      {"signed Content-Length", kPost + "Content-Length: +4\r\n\r\nbody", 400},
      {"hexadecimal Content-Length", kPost + "Content-Length: 0x4\r\n\r\nbody", 400},
      {"empty Content-Length", kPost + "Content-Length:\r\n\r\nbody", 400},
      {"Content-Length with text", kPost + "Content-Length: 4x\r\n\r\nbody", 400},
      {"Content-Length beyond the limit", kPost + "Content-Length: 1048577\r\n\r\n", 413},
      {"Content-Length beyond 64 bits", kPost + "Content-Length: 99999999999999999999999\r\n\r\n", 413},
      {"Transfer-Encoding twice", kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"other transfer coding", kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"chunked is not last", kPost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
      {"disguised chunked", kPost + "Transfer-Encoding: \x0b"s + "chunked\r\n\r\n0\r\n\r\n", 400},
      {"Transfer-Encoding in HTTP/1.0", "POST /hello HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunk size missing", kPost + "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
      {"chunk size no number", kPost + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
      {"chunk size negative", kPost + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
      {"chunk size with 0x", kPost + "Transfer-Encoding: chunked\r\n\r\n0x4\r\nbody\r\n0\r\n\r\n", 400},
      {"chunk size with space", kPost + "Transfer-Encoding: chunked\r\n\r\n4 \r\nbody\r\n0\r\n\r\n", 400},
      {"chunk size beyond 64 bits", kPost + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 413},
      {"chunk size that would wrap", kPost + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\nffffffffffffffff\r\n", 413},
      {"chunks beyond the limit", kPost + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n100000\r\n", 413},
      {"chunk longer than its size", kPost + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400},
      {"chunk with bare LF", kPost + "Transfer-Encoding: chunked\r\n\r\n4\nbody\n0\n\n", 400},
      {"endless chunk extension", kPost + "Transfer-Encoding: chunked\r\n\r\n4;" + std::string(5000, 'x'), 400},
      {"malformed trailer", kPost + "Transfer-Encoding: chunked\r\n\r\n0\r\nNonsense\r\n\r\n", 400},
      {"endless trailer", kPost + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(20000, 'x'), 431},
      // truncated: the client closes its sending side after these bytes
      {"ends amid the request line", "GET /hel", 400},
      {"ends amid the header", "GET /hello HTTP/1.1\r\nHost: h\r\n", 400},
      {"ends amid the body", kPost + "Content-Length: 10\r\n\r\nbody", 400},
      {"ends amid a chunk", kPost + "Transfer-Encoding: chunked\r\n\r\n8\r\nbody", 400},
      {"ends before the last chunk", kPost + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", 400},
  };
  return table;
}

struct Server {
  Server() : server(io.loop, {"malformed", {}}) {
    for (const char* method : {"GET", "POST"})
      for (const char* path : {"/hello", "/hello/{x}", "/content/{rest*}"})
        server.routes(io.loop).add(method, path, [this](HttpRequest request) {
          ++handled;
          return test::echo(std::move(request));
        });
    port = server.listen("127.0.0.1:0")->port;
    io.start();
  }
  ~Server() { io.stop(); }
  test::LoopThread io;
  HttpServer server;
  std::uint16_t port = 0;
  std::atomic<int> handled{0};
};

}  // namespace

TEST_CASE("malformed, oversized and truncated requests get a clear answer and a closed connection") {
  Server s;
  REQUIRE(rows().size() >= 80);
  for (const auto& row : rows()) {
    for (const bool byte_by_byte : {false, true}) {
      if (byte_by_byte && row.bytes.size() > 1000) continue;
      CAPTURE(row.what);
      CAPTURE(byte_by_byte);
      Client client(s.port);
      if (byte_by_byte)
        for (const char c : row.bytes) client.send(std::string_view(&c, 1));
      else
        client.send(row.bytes);
      client.finish_sending();
      const auto answer = client.receive();
      CHECK_MESSAGE(answer.has_value(), "no answer");
      if (!answer) continue;
      CHECK(answer->status == row.status);
      CHECK(answer->headers.at("content-type") == "application/problem+json");
      CHECK(answer->headers.at("connection") == "close");
      CHECK(client.at_end());
    }
  }
  CHECK(s.handled == 0);  // none of them reached a handler
  CHECK(Client(s.port).exchange("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")->status == 200);
}

TEST_CASE("what follows a refused request on the same connection is never read as a request") {
  Server s;
  const std::string hidden = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
  Client client(s.port);
  client.send(kPost + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden);
  CHECK(client.receive()->status == 400);
  client.finish_sending();
  CHECK(client.at_end());
  CHECK(s.handled == 0);
}

TEST_CASE("a refused client that is still sending its body can read the refusal") {
  Server s;
  Client client(s.port);
  client.send(kPost + "Content-Length: 3000000\r\n\r\n");
  client.send(std::string(3'000'000, 'x'));
  const auto answer = client.receive();
  REQUIRE(answer);
  CHECK(answer->status == 413);
}

TEST_CASE("unusual but valid requests are served") {
  Server s;
  for (const std::string request : {
           "\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n",
           "GET /hello HTTP/1.9\r\nHost: h\r\n\r\n",
           "GET /hello? HTTP/1.1\r\nhost:h\r\nX-Empty:\r\n\r\n",
           "GET HTTPS://h:443/hello HTTP/1.1\r\nHost: h\r\nX: \xe9t\xe9\r\n\r\n",
           "GET /hello HTTP/1.1\r\nHost:\t h \t\r\nContent-Length: 0\r\n\r\n",
           "POST /hello HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0004\r\nbody\r\n00\r\n\r\n",
           "POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 0000000004\r\n\r\nbody",
           "GET /hello/%E2%82%AC HTTP/1.1\r\nHost: h\r\n\r\n",
       }) {
    CAPTURE(request);
    const auto answer = Client(s.port).exchange(request);
    CHECK(answer.has_value());
    if (answer) CHECK(answer->status == 200);
  }
}
