#include "io/msrp_channel.h"

#include <algorithm>

#include "herald/log.h"
#include "io/msrp_connection.h"
#include "io/msrp_hub.h"
#include "io/msrp_log_catalog.h"
#include "io/msrp_text.h"

namespace herald::io {
namespace {

constexpr const char* kNotProven = "the MSRP peer's certificate is not the expected one";

}  // namespace

MsrpChannel::MsrpChannel(MsrpHub& hub, MsrpDescription own, MsrpPolicy policy, Upward upward)
    : hub_(hub),
      limits_(hub.limits),
      own_(std::move(own)),
      id_(MsrpUri::parse(own_.path).value_or(MsrpUri{}).session),
      upward_(std::move(upward)),
      outbox_(hub.loop, hub.limits, hub.metrics, hub.blobs,
              [this] {
                if (connection_) connection_->wake();
              }),
      inbox_({hub.loop, hub.limits, hub.metrics, hub.blobs, hub.budget}, std::move(policy),
             [this](MsrpInbox::Delivery delivery) { deliver(std::move(delivery)); }) {}

MsrpChannel::~MsrpChannel() { stop_timer(); }

void MsrpChannel::stop_timer() {
  if (timer_) hub_.loop.timers().cancel(std::exchange(timer_, {}));
}

// ---- from opened to bound

void MsrpChannel::start(MsrpDescription peer, MsrpSetup role, Promise<void> promise) {
  const auto self = shared_from_this();
  if (stage_ != Stage::opened) return promise.set(fail(ErrorCode::invalid, "the session was started before"));
  peer_ = std::move(peer);
  role_ = role;
  starting_ = std::move(promise);
  stage_ = Stage::starting;
  if (!MsrpUri::parse(last_of_path(peer_.path))) return failed(Error{ErrorCode::invalid, "the peer's path is no MSRP URI"});
  const auto held = held_.lock();
  held_.reset();
  if (role == MsrpSetup::active) {
    if (held) held->release(nullptr);
    return connect();
  }
  timer_ = hub_.loop.timers().start_at(hub_.loop.clock().now() + limits_.bind_timeout, [this] {
    timer_ = {};
    failed(Error{ErrorCode::timeout, "the peer has not connected"});
  });
  if (held) held->release(self);
}

bool MsrpChannel::hold(const std::shared_ptr<MsrpConnection>& connection) {
  if (const auto other = held_.lock(); other && !other->closed()) return false;
  held_ = connection;
  return true;
}

void MsrpChannel::connect() {
  const auto to = MsrpUri::parse(first_of_path(peer_.path));
  if (!to || to->secure != own_.tls) return failed(Error{ErrorCode::invalid, "the peer's path does not fit the session"});
  if (const auto address = NetAddress::parse(to->host, to->port)) return connect_to(std::vector<NetAddress>{*address});
  if (!hub_.names) return failed(Error{ErrorCode::unavailable, "no name lookup"});
  looking_up_ = true;
  const auto lookup =
      hub_.names->start(to->host, to->port, [self = weak_from_this()](Expected<std::vector<NetAddress>> addresses) {
        const auto channel = self.lock();
        if (!channel) return;
        channel->looking_up_ = false;
        channel->connect_to(std::move(addresses));
      });
  lookup_ = lookup;
}

void MsrpChannel::connect_to(Expected<std::vector<NetAddress>> addresses) {
  if (stage_ != Stage::starting) return;
  if (!addresses) return failed(Error{ErrorCode::unavailable, addresses.error().text});
  addresses_ = std::move(*addresses);
  try_next();
}

void MsrpChannel::try_next() {
  const auto to = MsrpUri::parse(first_of_path(peer_.path));
  while (next_address_ < addresses_.size()) {
    const auto& address = addresses_[next_address_++];
    auto socket = MsrpSocket::connect(address);
    if (!socket) {
      connect_failure_ = socket.error().text;
      continue;
    }
    if (own_.tls && !socket->add_tls(*hub_.tls, true, to->host)) {
      connect_failure_ = "no memory for TLS";
      continue;
    }
    connection_ = hub_.adopt(std::move(*socket), address.text(), true);
    if (!connection_) return failed(Error{ErrorCode::busy, "too many MSRP connections"});
    if (!connection_->start([self = weak_from_this()](Expected<void> result) {
          if (const auto channel = self.lock()) channel->established(std::move(result));
        })) {
      const auto failed_one = std::exchange(connection_, nullptr);
      failed_one->close(Error{ErrorCode::unavailable, "no memory"});
    }
    return;
  }
  failed(Error{ErrorCode::unavailable, "MSRP connection: " + connect_failure_});
}

void MsrpChannel::established(Expected<void> result) {
  if (stage_ != Stage::starting || !connection_) return;
  if (!result) {
    connect_failure_ = connection_->peer() + ": " + result.error().text;
    connection_.reset();
    return try_next();
  }
  const auto connection = connection_;
  if (!connection->proven(peer_)) {
    log::event(msrp_events::kPeerNotProven, {{"peer", connection->peer()}});
    hub_.metrics.dropped(MsrpDrop::not_proven);
    connection_.reset();
    connection->close(Error{ErrorCode::forbidden, "not proven"});
    return failed(Error{ErrorCode::forbidden, kNotProven});
  }
  connection->attach(shared_from_this());
  // PS-44: the first request binds the connection to the session.
  connection->send_bind(*this);
}

void MsrpChannel::bound(int status, std::string_view comment) {
  if (stage_ != Stage::starting) return;
  if (status / 100 == 2) return ready();
  failed(
      Error{ErrorCode::unavailable, "the MSRP peer refused the session: " + std::to_string(status) + ' ' + std::string(comment)});
}

void MsrpChannel::bind_timed_out() {
  if (stage_ == Stage::starting) failed(Error{ErrorCode::timeout, "no response to the first MSRP request in time"});
}

void MsrpChannel::not_proven() {
  if (stage_ == Stage::starting) failed(Error{ErrorCode::forbidden, kNotProven});
}

void MsrpChannel::bind(std::shared_ptr<MsrpConnection> connection) {
  connection_ = std::move(connection);
  connection_->attach(shared_from_this());
  if (stage_ == Stage::starting) ready();
}

void MsrpChannel::ready() {
  stage_ = Stage::open;
  stop_timer();
  if (starting_) std::exchange(starting_, std::nullopt)->set({});
  outbox_.open({peer_.path, own_.path});
}

// The session never began; what was given to it to send ends the same way.
void MsrpChannel::failed(Error error) {
  const auto self = shared_from_this();
  stop_timer();
  stage_ = Stage::lost;
  if (starting_) std::exchange(starting_, std::nullopt)->set(Unexpected(error));
  if (const auto connection = std::exchange(connection_, nullptr)) connection->detach(*this);
  if (const auto held = held_.lock()) held->release(nullptr);
  outbox_.end(error, true);
}

void MsrpChannel::lost(const Error& error) {
  const auto self = shared_from_this();
  if (!usable()) return;
  connection_.reset();
  if (stage_ == Stage::starting) return failed(error);
  stage_ = Stage::lost;
  inbox_.broken();
  outbox_.end(error, false);
  upward_.closed(error);
}

void MsrpChannel::close() {
  const auto self = shared_from_this();
  if (stage_ == Stage::closed) return;
  stage_ = Stage::closed;
  stop_timer();
  if (std::exchange(looking_up_, false) && hub_.names) hub_.names->cancel(lookup_);
  const Error gone{ErrorCode::gone, "the MSRP session was closed"};
  if (starting_) std::exchange(starting_, std::nullopt)->set(Unexpected(gone));
  if (const auto connection = std::exchange(connection_, nullptr)) connection->detach(*this);
  if (const auto held = held_.lock()) held->release(nullptr);
  outbox_.end(gone, true);
  inbox_.broken();
  hub_.remove(*this);
}

// ---- messages

void MsrpChannel::send(MsrpMessage message, std::chrono::milliseconds report_wait, Promise<MsrpSent> promise) {
  if (stage_ == Stage::closed) return promise.set(fail(ErrorCode::gone, "the MSRP session was closed"));
  if (stage_ == Stage::lost) return promise.set(fail(ErrorCode::unavailable, "the MSRP connection is lost"));
  outbox_.add(std::move(message), report_wait, std::move(promise));
}

void MsrpChannel::deliver(MsrpInbox::Delivery delivery) {
  ++delivering_;
  const auto size = delivery.message.size();
  const auto blob = delivery.message.blob;
  auto message = std::move(delivery.message);
  delivery.message = {};
  delivery.message.message_id = message.message_id;
  delivery.message.success_report = message.success_report;
  auto about = std::make_shared<const MsrpInbox::Delivery>(std::move(delivery));
  auto reply = [self = weak_from_this(), loop = &hub_.loop, about, size](int status) {
    loop->complete([self, about, size, status] {
      if (const auto channel = self.lock()) channel->judged(*about, size, status);
    });
  };
  if (upward_.message(std::move(message), std::move(reply))) return;
  hub_.metrics.dropped(MsrpDrop::mailbox_full);
  if (blob) (void)hub_.blobs.remove(blob->id);
  judged(*about, size, 413);
}

void MsrpChannel::judged(const MsrpInbox::Delivery& about, std::uint64_t size, int status) {
  --delivering_;
  if (!connection_) return;
  const auto connection = connection_;
  const bool good = status / 100 == 2;
  if (good ? about.message.success_report : about.failure_report != MsrpFailureReport::no) {
    const MsrpReport report{about.message.message_id, {1, size, size}, status};
    connection->send(msrp_report(hub_.make_transaction(), about.from_path, own_.path, report));
  }
  connection->resume();
}

}  // namespace herald::io
