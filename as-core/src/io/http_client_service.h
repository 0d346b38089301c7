// The HttpClient of a node: bounded in all and per host, the rest waits in order.
// Thread: send() from any; the constructor on the loop or before it runs, close() on the loop or after it has ended. Lifetime:
// the loop outlives it; close() it with the loop, destroy it when nobody sends any more.
#pragma once

#include <memory>

#include "herald/http_client.h"
#include "io/http_connection_pool.h"
#include "io/io_loop.h"
#include "io/name_lookup.h"

namespace herald::io {

struct HttpClientLimits {
  std::size_t running = 128;
  std::size_t running_per_host = 16;
  std::size_t waiting = 4096;                      // beyond: Error{busy}
  std::size_t max_body = 16 * 1024 * 1024;         // of a request: Error{too_large}
  Duration longest = std::chrono::minutes(5);      // for calls without a deadline: nothing waits for ever
  Duration retry_after = std::chrono::seconds(1);  // told with busy
  HttpPoolLimits pool{};                           // connections that wait for their next request
};

class HttpClientService final : public HttpClient {
 public:
  // `names`: for tests that play the name server; else the machine's.
  // `blobs`: where large answers go (HttpCall::blob_above); outlives the loop.
  explicit HttpClientService(IoLoop& loop, HttpClientLimits limits = {}, std::unique_ptr<NameLookup> names = {},
                             BlobStore* blobs = nullptr);
  ~HttpClientService() override;
  HttpClientService(const HttpClientService&) = delete;
  HttpClientService& operator=(const HttpClientService&) = delete;

  [[nodiscard]] Future<HttpResponse> send(HttpCall call, Deadline deadline) override;
  // Everything under way ends with Error{gone}, and so does every later call.
  void close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with calls on their way to the loop
};

}  // namespace herald::io
