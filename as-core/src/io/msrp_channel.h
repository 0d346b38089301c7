// One MSRP session on the I/O loop: its messages both ways, the connection that it is bound to, and its shard.
// Thread: the I/O loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "herald/msrp.h"
#include "io/msrp_inbox.h"
#include "io/msrp_outbox.h"
#include "io/msrp_uri.h"
#include "io/net_address.h"

namespace herald::io {

class MsrpConnection;
class MsrpHub;

class MsrpChannel : public std::enable_shared_from_this<MsrpChannel> {
 public:
  // To the shard. `reply` may be called once from any thread.
  struct Upward {
    std::function<bool(MsrpMessage message, UniqueFunction<void(int)> reply)> message;  // false: it cannot take more
    std::function<void(Error)> closed;
  };

  MsrpChannel(MsrpHub& hub, MsrpDescription own, MsrpPolicy policy, Upward upward);
  ~MsrpChannel();
  MsrpChannel(const MsrpChannel&) = delete;
  MsrpChannel& operator=(const MsrpChannel&) = delete;

  void start(MsrpDescription peer, MsrpSetup role, Promise<void> promise);
  void send(MsrpMessage message, std::chrono::milliseconds report_wait, Promise<MsrpSent> promise);
  void abort_sending() { outbox_.abort(); }
  void close();

  // ---- for its connection

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] const MsrpDescription& own() const noexcept { return own_; }
  [[nodiscard]] const MsrpDescription& peer() const noexcept { return peer_; }
  [[nodiscard]] bool started() const noexcept { return stage_ != Stage::opened; }
  [[nodiscard]] bool usable() const noexcept { return stage_ != Stage::lost && stage_ != Stage::closed; }
  [[nodiscard]] MsrpConnection* connection() const noexcept { return connection_.get(); }
  // A request wants in before start() told whom to expect: that connection is not read until then. False: one waits already.
  [[nodiscard]] bool hold(const std::shared_ptr<MsrpConnection>& connection);
  // The first request came: the connection is ours.
  void bind(std::shared_ptr<MsrpConnection> connection);
  void bound(int status, std::string_view comment);  // the answer to our own first request
  void bind_timed_out();
  // Somebody who knows the session's path, so the peer, has not shown the certificate that its description promised.
  void not_proven();
  void lost(const Error& error);
  // The module has more than enough to do.
  [[nodiscard]] bool must_wait() const noexcept { return delivering_ >= limits_.deliveries; }

  [[nodiscard]] MsrpOutbox& outbox() noexcept { return outbox_; }
  [[nodiscard]] MsrpInbox& inbox() noexcept { return inbox_; }

 private:
  enum class Stage : std::uint8_t { opened, starting, open, lost, closed };

  void connect();
  void connect_to(Expected<std::vector<NetAddress>> addresses);
  void try_next();
  void established(Expected<void> result);
  void ready();
  void failed(Error error);
  void deliver(MsrpInbox::Delivery delivery);
  void judged(const MsrpInbox::Delivery& about, std::uint64_t size, int status);
  void stop_timer();

  MsrpHub& hub_;
  const MsrpLimits& limits_;
  const MsrpDescription own_;
  const std::string id_;
  Upward upward_;
  MsrpDescription peer_;
  MsrpSetup role_ = MsrpSetup::passive;
  Stage stage_ = Stage::opened;
  std::optional<Promise<void>> starting_;
  TimerId timer_;
  std::uint64_t lookup_ = 0;
  bool looking_up_ = false;
  std::vector<NetAddress> addresses_;
  std::size_t next_address_ = 0;
  std::string connect_failure_ = "no address";
  std::shared_ptr<MsrpConnection> connection_;
  std::weak_ptr<MsrpConnection> held_;
  MsrpOutbox outbox_;
  MsrpInbox inbox_;
  std::size_t delivering_ = 0;
};

}  // namespace herald::io
