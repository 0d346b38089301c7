// HTTP as a module sees it: routes with coroutine handlers that run on a shard.
// Thread: register routes during init; handlers run on the shard that registered them, the answer is sent by the I/O thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  std::string body;
  std::string peer;                     // address of the client
  TraceId trace = TraceId::create();    // from traceparent when given
  std::string client_certificate_name;  // subject of a verified certificate, else empty

  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
};

struct HttpResponse {
  int status = 200;
  std::vector<HttpField> headers;
  std::string body;

  static HttpResponse json(int status, std::string body);
  // RFC 9457 application/problem+json with our member `code`.
  static HttpResponse problem(int status, std::string_view title, std::string_view detail, std::optional<int> code = {});
};

using HttpHandler = std::function<Task<HttpResponse>(HttpRequest)>;

class HttpRoutes {
 public:
  virtual ~HttpRoutes() = default;
  // Pattern segments: literal, {name} (one segment), {name*} (the rest). The server answers 404, 405 with Allow, 413, 415,
  // 429/503 with Retry-After by itself.
  virtual void add(std::string_view method, std::string_view pattern, HttpHandler handler) = 0;
};

// application/json, charset and q-values understood: does `accept` allow `type`?
[[nodiscard]] bool accepts(std::optional<std::string_view> accept, std::string_view type);

}  // namespace herald
