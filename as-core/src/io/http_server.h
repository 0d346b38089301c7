// HTTP/1.1 over libevent: several listeners (TCP, TLS, unix socket), one set of routes.
// Thread: everything on the I/O loop or before it runs, except routes() and the counts. Lifetime: destroy it on the loop or after
// the loop has ended, before the loop; executors with routes must outlive it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "herald/http.h"
#include "io/http_limits.h"
#include "io/io_loop.h"
#include "io/listen_socket.h"
#include "io/tls_context.h"

namespace herald::io {

struct HttpServerSettings {
  std::string name = "http";  // label `server` of its metrics
  HttpLimits limits;
  BlobStore* blobs = nullptr;  // for large request bodies and for responses from blobs; outlives the server
};

class HttpServer {
 public:
  HttpServer(IoLoop& loop, HttpServerSettings settings);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Routes whose handlers run on `executor`. The same route added for several executors is served by them in turn. The I/O loop
  // itself may be one: for handlers that only look something up. Any thread; the reference lives as long as the server.
  [[nodiscard]] HttpRoutes& routes(Executor& executor);

  // "127.0.0.1:8080", "[::1]:0"; port 0 takes a free one, see the result.
  Expected<HttpEndpoint> listen(std::string_view address, std::shared_ptr<const TlsContext> tls = {});
  // A client there is whoever may open the path; HttpRequest::peer is "unix".
  Expected<HttpEndpoint> listen_unix(const std::string& path, mode_t mode = 0660);

  // No new connections; idle ones are closed, the others end with the answer to their current request.
  void drain();

  // Any thread.
  [[nodiscard]] std::size_t connections() const noexcept;
  [[nodiscard]] std::size_t in_flight() const noexcept;  // requests that handlers have not answered yet

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace herald::io
