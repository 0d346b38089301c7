// HTTP requests of a module: webhooks, reports, indirect content. HTTP/1.1, http and https with the system's trust anchors.
// Thread: call from any shard; the answer arrives on the caller's executor, the network is the I/O thread's.
// Errors: invalid (URL), forbidden (public_only and the name leads to a private address), unavailable, timeout, too_large, busy.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "herald/deadline.h"
#include "herald/http.h"
#include "herald/task.h"

namespace herald {

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::vector<HttpField> headers;  // Host, Content-Length and Connection are set
  std::string body;
  std::size_t max_response_bytes = 65536;
  // A body larger than this becomes HttpResponse::blob while it arrives, and whoever gets it removes it; none: always in memory.
  std::optional<std::size_t> blob_above{};
  // Refuse loopback, private, link-local and other special addresses, whatever the name resolved to: for URLs that a peer chose.
  bool public_only = false;
  std::string ca_file;  // trust anchors instead of the system's; for laboratories
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // One request, no redirects followed; connections are kept and used again. A request that met a connection which the server
  // had closed meanwhile is sent once more if nothing of it went out or its method is idempotent (RFC 9110 9.2.2). At most a
  // bounded number run at a time, per host too; the rest wait in order.
  [[nodiscard]] virtual Future<HttpResponse> send(HttpCall call, Deadline deadline) = 0;
};

}  // namespace herald
