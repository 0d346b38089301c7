#include "io/http_connection_pool.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <utility>

namespace herald::io {
namespace {

// The other side may have closed while the loop was at something else.
bool is_open(bufferevent* connection) noexcept {
  if (evbuffer_get_length(bufferevent_get_input(connection)) > 0) return false;
  char byte = 0;
  return ::recv(bufferevent_getfd(connection), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

}  // namespace

HttpConnectionPool::HttpConnectionPool(IoLoop& loop, HttpPoolLimits limits) : loop_(loop), limits_(limits) {}
HttpConnectionPool::~HttpConnectionPool() { clear(); }

bufferevent* HttpConnectionPool::release(std::map<std::uint64_t, std::unique_ptr<Idle>>::iterator which) noexcept {
  auto& idle = *which->second;
  loop_.timers().cancel(idle.timer);
  auto* connection = idle.connection;
  bufferevent_setcb(connection, nullptr, nullptr, nullptr, nullptr);
  const auto [begin, end] = hosts_.equal_range(idle.host);
  for (auto host = begin; host != end; ++host) {
    if (host->second != idle.id) continue;
    hosts_.erase(host);
    break;
  }
  idle_.erase(which);
  show();
  return connection;
}

void HttpConnectionPool::drop(std::uint64_t id) noexcept {
  if (const auto found = idle_.find(id); found != idle_.end()) bufferevent_free(release(found));
}

void HttpConnectionPool::clear() noexcept {
  while (!idle_.empty()) bufferevent_free(release(idle_.begin()));
}

std::optional<HttpConnectionPool::Taken> HttpConnectionPool::take(const std::string& host, bool public_only) {
  for (;;) {
    // Equal keys lie in the order of their insertion.
    const auto [begin, end] = hosts_.equal_range(host);
    auto chosen = idle_.end();
    for (auto known = begin; known != end; ++known) {
      const auto idle = idle_.find(known->second);
      if (!public_only || idle->second->public_address) chosen = idle;
    }
    if (chosen == idle_.end()) return std::nullopt;
    const bool public_address = chosen->second->public_address;
    auto* connection = release(chosen);
    if (is_open(connection)) return Taken{connection, public_address};
    bufferevent_free(connection);
  }
}

void HttpConnectionPool::give(const std::string& host, bufferevent* connection, bool public_address) {
  if (!keeps()) return bufferevent_free(connection);
  if (hosts_.count(host) >= limits_.per_host) drop(hosts_.find(host)->second);
  if (idle_.size() >= limits_.total) drop(idle_.begin()->first);
  auto idle = std::make_unique<Idle>(Idle{this, ++last_, host, connection, public_address, {}});
  idle->timer = loop_.timers().start_at(loop_.clock().now() + limits_.idle, [this, id = idle->id] { drop(id); });
  // release() clears the callbacks before the entry goes, so `self` is alive in each of them.
  bufferevent_setcb(
      connection, [](bufferevent*, void* self) noexcept { static_cast<Idle*>(self)->pool->drop(static_cast<Idle*>(self)->id); },
      nullptr,
      [](bufferevent*, short, void* self) noexcept { static_cast<Idle*>(self)->pool->drop(static_cast<Idle*>(self)->id); },
      idle.get());
  bufferevent_enable(connection, EV_READ | EV_WRITE);
  hosts_.emplace(host, idle->id);
  idle_.emplace(idle->id, std::move(idle));
  show();
}

}  // namespace herald::io
