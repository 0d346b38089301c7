// Connections of the HTTP client that wait for their next request. One that is closed or speaks unasked goes at once.
// Thread: the I/O loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "herald/metrics.h"
#include "io/io_loop.h"

struct bufferevent;

namespace herald::io {

struct HttpPoolLimits {
  std::size_t total = 64;
  std::size_t per_host = 8;  // and scheme, port, trust anchors
  Duration idle = std::chrono::seconds(20);
};

class HttpConnectionPool {
 public:
  HttpConnectionPool(IoLoop& loop, HttpPoolLimits limits);
  ~HttpConnectionPool();
  HttpConnectionPool(const HttpConnectionPool&) = delete;
  HttpConnectionPool& operator=(const HttpConnectionPool&) = delete;

  [[nodiscard]] bool keeps() const noexcept { return limits_.total > 0 && limits_.per_host > 0; }
  struct Taken {
    bufferevent* connection;  // the taker's
    bool public_address;
  };
  // The one that was used last. `public_only`: only if it leads to a public address.
  std::optional<Taken> take(const std::string& host, bool public_only);
  // Owns `connection` from here on: nothing is unread or unsent on it.
  void give(const std::string& host, bufferevent* connection, bool public_address);
  void clear() noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return idle_.size(); }

 private:
  struct Idle {
    HttpConnectionPool* pool;
    std::uint64_t id;
    std::string host;
    bufferevent* connection;
    bool public_address;
    TimerId timer;
  };
  void drop(std::uint64_t id) noexcept;
  [[nodiscard]] bufferevent* release(std::map<std::uint64_t, std::unique_ptr<Idle>>::iterator which) noexcept;
  void show() const noexcept { gauge_.set(static_cast<double>(idle_.size())); }

  IoLoop& loop_;
  const HttpPoolLimits limits_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Idle>> idle_;  // oldest first
  std::multimap<std::string, std::uint64_t> hosts_;
  metrics::Gauge gauge_ = metrics::gauge("herald_http_client_idle", "Connections of the HTTP client that wait for a request.");
};

}  // namespace herald::io
