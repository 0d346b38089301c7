#include "io/msrp_hub.h"

#include <cerrno>
#include <cstring>
#include <event2/event.h>
#include <sys/socket.h>

#include "herald/log.h"
#include "io/msrp_channel.h"
#include "io/msrp_connection.h"
#include "io/msrp_log_catalog.h"
#include "io/msrp_text.h"

namespace herald::io {
namespace {

constexpr std::size_t kScratch = 256 * 1024;  // stays in the cache while it is searched and handed on
constexpr int kAcceptsPerTurn = 64;

}  // namespace

struct MsrpHub::Listener {
  struct FreeEvent {
    void operator()(event* e) const noexcept { event_free(e); }
  };
  MsrpHub* hub = nullptr;
  Socket socket;
  bool tls = false;
  std::unique_ptr<event, FreeEvent> ready;
  TimerId pause;
};

MsrpHub::MsrpHub(IoLoop& own_loop, MsrpLimits own_limits, BlobStore& own_blobs, std::shared_ptr<const MsrpTls> own_tls,
                 std::unique_ptr<NameLookup> own_names)
    : loop(own_loop),
      limits(own_limits),
      blobs(own_blobs),
      tls(std::move(own_tls)),
      names(std::move(own_names)),
      scratch(kScratch),
      make_transaction(&random_ident) {
  metrics.sessions_limit.set(static_cast<double>(limits.sessions));
  metrics.connections_limit.set(static_cast<double>(limits.connections));
}

MsrpHub::~MsrpHub() = default;

void MsrpHub::add_listener(TcpListener listener, bool with_tls) {
  auto made = std::make_unique<Listener>();
  made->hub = this;
  made->socket = std::move(listener.socket);
  made->tls = with_tls;
  // The listener owns the event, so it is alive in the callback.
  made->ready.reset(event_new(
      loop.base(), made->socket.get(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) noexcept {
        auto& one = *static_cast<Listener*>(self);
        one.hub->accept(one);
      },
      made.get()));
  if (made->ready) event_add(made->ready.get(), nullptr);
  listeners_.push_back(std::move(made));
}

void MsrpHub::accept(Listener& listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    auto* address = static_cast<sockaddr*>(static_cast<void*>(&storage));
    Socket socket(::accept4(listener.socket.get(), address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      log::event(msrp_events::kCannotAccept, {{"error", std::strerror(errno)}});
      event_del(listener.ready.get());
      listener.pause = loop.timers().start_at(loop.clock().now() + std::chrono::seconds(1), [&listener] {
        listener.pause = {};
        event_add(listener.ready.get(), nullptr);
      });
      return;
    }
    const auto peer = address_text(address);
    MsrpSocket connection(std::move(socket));
    if (listener.tls && !connection.add_tls(*tls, false, {})) continue;
    if (const auto adopted = adopt(std::move(connection), peer, false); adopted && !adopted->start({}))
      adopted->close(Error{ErrorCode::unavailable, "no memory"});
  }
}

bool MsrpHub::admit(const std::string& peer) {
  const bool crowded = connections_.size() >= limits.connections;
  const auto known = peers_.find(peer);
  const bool greedy = known != peers_.end() && known->second >= limits.connections_per_peer;
  if (!crowded && !greedy) return true;
  metrics.dropped(crowded ? MsrpDrop::connections_limit : MsrpDrop::peer_limit);
  if (pace.pass(loop.clock().now()))
    log::event(msrp_events::kTooManyConnections, {{"peer", peer}, {"suppressed", pace.suppressed}});
  return false;
}

std::shared_ptr<MsrpConnection> MsrpHub::adopt(MsrpSocket socket, std::string peer, bool client) {
  if (!admit(peer)) return nullptr;
  ++peers_[peer];
  auto connection = std::make_shared<MsrpConnection>(*this, std::move(socket), std::move(peer), client);
  connections_.emplace(connection.get(), connection);
  metrics.connections.set(static_cast<double>(connections_.size()));
  return connection;
}

void MsrpHub::remove(MsrpConnection& connection) {
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  auto kept = std::move(found->second);
  connections_.erase(found);
  if (const auto peer = peers_.find(connection.peer()); peer != peers_.end() && --peer->second == 0) peers_.erase(peer);
  metrics.connections.set(static_cast<double>(connections_.size()));
  // It is on the call stack.
  loop.complete([kept = std::move(kept)]() mutable { kept.reset(); });
}

void MsrpHub::add(std::shared_ptr<MsrpChannel> channel) {
  const auto& id = channel->id();
  channels_.emplace(id, std::move(channel));
}

void MsrpHub::remove(const MsrpChannel& channel) {
  if (channels_.erase(std::string(channel.id())) > 0) release_session();
}

std::shared_ptr<MsrpChannel> MsrpHub::find(const std::string& session) const {
  const auto found = channels_.find(session);
  return found == channels_.end() ? nullptr : found->second;
}

bool MsrpHub::reserve_session() noexcept {
  if (sessions_.fetch_add(1) < limits.sessions) {
    metrics.sessions.add(1);
    return true;
  }
  sessions_.fetch_sub(1);
  metrics.dropped(MsrpDrop::sessions_limit);
  return false;
}

void MsrpHub::release_session() noexcept {
  sessions_.fetch_sub(1);
  metrics.sessions.add(-1);
}

void MsrpHub::close() {
  if (closed_.exchange(true)) return;
  for (auto& listener : listeners_) loop.timers().cancel(listener->pause);
  listeners_.clear();
  for (const auto& [id, channel] : std::exchange(channels_, {})) {
    channel->lost(Error{ErrorCode::gone, "the node is stopping"});
    channel->close();
    release_session();
  }
  while (!connections_.empty()) {
    const auto connection = connections_.begin()->second;
    connection->close(Error{ErrorCode::gone, "the node is stopping"});
  }
  names.reset();
}

}  // namespace herald::io
