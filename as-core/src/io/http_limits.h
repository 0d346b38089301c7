// What one client, and all clients together, may cost. Every limit has a counter or a status code that says it was reached.
// Thread: value type.
#pragma once

#include <chrono>
#include <cstddef>

namespace herald::io {

struct HttpLimits {
  std::size_t max_request_line = 8 * 1024;            // 414
  std::size_t max_header_bytes = 16 * 1024;           // request line and fields together: 431
  std::size_t max_headers = 100;                      // 431
  std::size_t max_body_bytes = 1024 * 1024;           // 413
  std::size_t max_query_parameters = 100;             // 400
  std::size_t max_connections = 1024;                 // 503, connection closed
  std::size_t max_in_flight = 4096;                   // requests on the shards: 503 with Retry-After
  std::size_t max_buffered_bytes = 64 * 1024 * 1024;  // bodies of all connections: 503 with Retry-After
  std::size_t max_streams = 512;                      // responses that go on: 503 with Retry-After
  std::size_t max_stream_bytes = 256 * 1024;          // that wait for a client to read its stream; beyond: it is dropped

  std::chrono::nanoseconds header_timeout = std::chrono::seconds(10);   // from the first byte (or the accept) to the empty line
  std::chrono::nanoseconds body_timeout = std::chrono::seconds(15);     // plus what min_bytes_per_second allows for its size
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);     // between two requests
  std::chrono::nanoseconds handler_timeout = std::chrono::seconds(60);  // 503; the late answer is dropped and counted
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(15);    // plus what min_bytes_per_second allows for its size
  std::chrono::nanoseconds linger_timeout = std::chrono::seconds(2);    // how long a refused client may still talk
  std::chrono::nanoseconds retry_after = std::chrono::seconds(1);       // told with 503
  std::size_t min_bytes_per_second = 16 * 1024;
};

}  // namespace herald::io
