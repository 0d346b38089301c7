// HTTP as a module sees it: routes with coroutine handlers that run on a shard.
// Thread: register routes during init; handlers run on the shard that registered them, the answer is sent by the I/O thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/blob_store.h"
#include "herald/expected.h"
#include "herald/task.h"
#include "herald/trace.h"

namespace herald {

struct HttpField {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string method;
  std::string path;                          // decoded, without query
  std::map<std::string, std::string> query;  // decoded; the last of equal names wins
  std::map<std::string, std::string> path_parameters;
  std::vector<HttpField> headers;
  std::string body;                     // empty when it is in `blob`
  std::optional<BlobInfo> blob;         // a body that was spooled (HttpRouteOptions); whoever takes it removes it
  std::string peer;                     // address of the client
  TraceId trace = TraceId::create();    // from traceparent when given
  std::string client_certificate_name;  // subject of a verified certificate, else empty

  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
};

// A response body that goes on: server-sent events, long pages. Written on any thread, sent in order by the I/O thread.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // False: the client is gone, or does not read and too much waits; the stream is over then.
  [[nodiscard]] virtual bool write(std::string bytes) = 0;
  virtual void close() = 0;  // the end of the body
};

// Bytes of a blob as the body. The server answers Range, If-Range, If-None-Match and HEAD from it (RFC 9110 13, 14), ETag =
// sha256.
struct HttpBlobBody {
  BlobInfo blob;
};

struct HttpResponse {
  int status = 200;
  std::vector<HttpField> headers;
  std::string body;
  std::optional<HttpBlobBody> blob{};  // instead of `body`
  // Instead of `body`: called once with the open stream after the head was sent, on the shard whose handler answered.
  std::function<void(std::shared_ptr<HttpStream>)> stream{};

  static HttpResponse json(int status, std::string body);
  // RFC 9457 application/problem+json with our member `code`.
  static HttpResponse problem(int status, std::string_view title, std::string_view detail, std::optional<int> code = {});
};

using HttpHandler = std::function<Task<HttpResponse>(HttpRequest)>;

struct HttpRouteOptions {
  std::optional<std::uint64_t> max_body;  // instead of the server's limit
  // A body larger than this becomes HttpRequest::blob while it arrives; none: always in memory.
  std::optional<std::size_t> spool_above;
};

class HttpRoutes {
 public:
  virtual ~HttpRoutes() = default;
  // Pattern segments: literal, {name} (one segment), {name*} (the rest). The server answers 404, 405 with Allow, 413, 415,
  // 429/503 with Retry-After by itself.
  virtual void add(std::string_view method, std::string_view pattern, HttpHandler handler, HttpRouteOptions options) = 0;
  void add(std::string_view method, std::string_view pattern, HttpHandler handler) {
    add(method, pattern, std::move(handler), HttpRouteOptions{});
  }
};

// application/json, charset and q-values understood: does `accept` allow `type`?
[[nodiscard]] bool accepts(std::optional<std::string_view> accept, std::string_view type);

}  // namespace herald
