// Herald's content server and nothing else: one blob at /content/x.
//   content_bench serve BYTES     prints its port and serves until standard input ends; content_server.py loads it
//   content_bench [COUNT]         fetches 1 MiB COUNT times by itself, one after the other. No verdict.
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "doubles/temporary_folder.h"
#include "doubles/waiting_executor.h"
#include "io/http_server.h"
#include "store/blob_store_files.h"

using namespace herald;

namespace {

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Task<HttpResponse> answer(BlobInfo blob) {
  HttpResponse response;
  response.headers.push_back(HttpField{"Content-Type", "application/octet-stream"});
  response.blob = HttpBlobBody{std::move(blob)};
  co_return response;
}

struct Server {
  explicit Server(std::size_t bytes) {
    store::BlobOptions options;
    options.path = folder.file("blobs");
    blobs = std::move(*store::FileBlobStore::open(options));
    std::string content(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) content[i] = static_cast<char>(i * 31 >> 3);
    test::WaitingExecutor here;
    const auto blob = *here.await(blobs->put(std::move(content)));
    http = std::make_unique<io::HttpServer>(loop, io::HttpServerSettings{"bench", {}, blobs.get()});
    http->routes(loop).add("GET", "/content/{token}", [blob](HttpRequest) { return answer(blob); });
    port = http->listen("127.0.0.1:0")->port;
    thread = std::thread([this] { loop.run(); });
  }
  ~Server() {
    loop.stop();
    thread.join();
    http.reset();
  }
  test::TemporaryFolder folder;
  std::unique_ptr<store::FileBlobStore> blobs;
  io::IoLoop loop;
  std::unique_ptr<io::HttpServer> http;
  std::uint16_t port = 0;
  std::thread thread;
};

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

bool fetch(int fd, std::size_t bytes, std::string& buffer) {
  constexpr std::string_view kGet = "GET /content/x HTTP/1.1\r\nHost: h\r\n\r\n";
  if (::send(fd, kGet.data(), kGet.size(), MSG_NOSIGNAL) < 0) return false;
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) {
    const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    head.append(buffer.data(), static_cast<std::size_t>(got));
  }
  auto have = head.size() - head.find("\r\n\r\n") - 4;
  while (have < bytes) {
    const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    have += static_cast<std::size_t>(got);
  }
  return have == bytes;
}

int self_test(std::size_t count) {
  constexpr std::size_t kBytes = 1 << 20;
  Server server(kBytes);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof address) != 0) return 1;
  std::string buffer(std::size_t{256} << 10, '\0');
  const auto begun = system_clock().now();
  const auto cpu = cpu_seconds();
  for (std::size_t i = 0; i < count; ++i)
    if (!fetch(fd, kBytes, buffer)) return 1;
  const auto seconds = std::chrono::duration<double>(system_clock().now() - begun).count();
  std::printf("%zu blobs of 1 MiB: %.0f MiB/s, %.0f us of CPU each, with their reader\n", count,
              static_cast<double>(count) / seconds, (cpu_seconds() - cpu) / static_cast<double>(count) * 1e6);
  ::close(fd);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "serve") {
    const Server server(number(argv[2]));
    std::printf("%u\n", unsigned{server.port});
    std::fflush(stdout);
    std::array<char, 64> ignored{};
    while (::read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {
    }
    return 0;
  }
  return self_test(argc > 1 ? number(argv[1]) : 200);
}
