// Endpoints on one loop and one shard, cranked by hand on the virtual clock; and a peer that writes what the test wants.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <doctest/doctest.h>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "doubles/manual_executor.h"
#include "doubles/scripted_blobs.h"
#include "doubles/virtual_clock.h"
#include "io/io_loop.h"
#include "io/msrp_endpoint.h"
#include "io/msrp_hub.h"

namespace herald::test {

template <class T>
std::shared_ptr<std::optional<Expected<T>>> watch(ManualExecutor& shard, Future<T> future) {
  auto out = std::make_shared<std::optional<Expected<T>>>();
  struct Run {
    static Task<void> it(Future<T> what, std::shared_ptr<std::optional<Expected<T>>> into) {
      auto result = co_await what;
      into->emplace(std::move(result));
    }
  };
  shard.run([&] { spawn(Run::it(std::move(future), out)); });
  return out;
}

inline io::MsrpOptions msrp_on_loopback() {
  io::MsrpOptions options;
  options.listen = "127.0.0.1:0";
  return options;
}

struct MsrpRig {
  explicit MsrpRig(io::MsrpOptions with = msrp_on_loopback()) : options(std::move(with)) {
    auto made = io::MsrpEndpointService::make(loop, blobs, options);
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().text));
    endpoint = std::move(*made);
  }
  ~MsrpRig() {
    sessions.clear();
    turn();
    endpoint->close();
    turn();
  }
  MsrpRig(const MsrpRig&) = delete;
  MsrpRig& operator=(const MsrpRig&) = delete;

  void turn() {
    for (int quiet = 0; quiet < 3;) {
      const bool io = loop.step();
      const auto ran = shard.run_ready();
      quiet = io || ran > 0 ? 0 : quiet + 1;
    }
  }
  // Sockets need the machine's time, not the clock's: tries until it holds.
  bool until(const std::function<bool()>& holds) {
    for (int i = 0; i < 20000; ++i) {
      if (holds()) return true;
      turn();
      if (i > 100) ::usleep(100);
    }
    return holds();
  }
  void advance(Duration span) {
    turn();
    clock.advance(span);
    turn();
  }

  std::shared_ptr<MsrpSession> open(MsrpPolicy policy = {{"*"}, 1 << 30, 65536}, bool tls = false) {
    auto session = shard.run([&] { return endpoint->open(tls, std::move(policy)); });
    REQUIRE_MESSAGE(session.has_value(), (session ? "" : session.error().text));
    sessions.push_back(*session);
    return *session;
  }

  VirtualClock clock;
  io::IoLoop loop{clock};
  ManualExecutor shard{clock};
  ScriptedBlobs blobs;
  io::MsrpOptions options;
  std::unique_ptr<io::MsrpEndpointService> endpoint;
  std::vector<std::shared_ptr<MsrpSession>> sessions;
};

// Two sessions of the rig that talk to each other.
struct MsrpPair {
  explicit MsrpPair(MsrpRig& on, MsrpPolicy policy = {{"*"}, 1 << 30, 65536}, bool tls = false)
      : rig(on), sender(on.open({{"*"}, 1 << 30, 65536}, tls)), receiver(on.open(std::move(policy), tls)) {
    receiver->on_message([this](MsrpMessage message) {
      received.push_back(std::move(message));
      return ready<int>(int{verdict});
    });
    const auto passive = watch(rig.shard, receiver->start(sender->local(), MsrpSetup::passive));
    const auto active = watch(rig.shard, sender->start(receiver->local(), MsrpSetup::active));
    REQUIRE(rig.until([&] { return active->has_value() && passive->has_value(); }));
    if (!**active) FAIL(active->value().error().text);
    CHECK((*passive)->has_value());
  }

  Expected<MsrpSent> send(MsrpMessage message) {
    const auto sent = watch(rig.shard, sender->send(std::move(message), std::chrono::seconds(60)));
    REQUIRE(rig.until([&] { return sent->has_value(); }));
    return **sent;
  }

  MsrpRig& rig;
  std::shared_ptr<MsrpSession> sender;
  std::shared_ptr<MsrpSession> receiver;
  std::vector<MsrpMessage> received;
  int verdict = 200;
};

// A peer of the test's own: bytes in, bytes out.
class RawPeer {
 public:
  RawPeer(MsrpRig& rig, std::uint16_t port) : rig_(rig), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(fd_, static_cast<const sockaddr*>(static_cast<const void*>(&to)), sizeof to);
    rig_.turn();
  }
  RawPeer(MsrpRig& rig, int accepted) : rig_(rig), fd_(accepted) {}
  ~RawPeer() { end(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void say(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent > 0)
        text.remove_prefix(static_cast<std::size_t>(sent));
      else if (errno != EAGAIN)
        return;
      rig_.turn();
    }
  }
  // Once, as much as the socket takes.
  std::size_t try_say(std::string_view text) {
    const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  // Everything that came until now.
  std::string& heard() {
    std::string buffer(65536, '\0');
    for (;;) {
      const auto got = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (got == 0) closed_ = true;
      if (got <= 0) break;
      heard_.append(buffer, 0, static_cast<std::size_t>(got));
    }
    return heard_;
  }
  bool hears(std::string_view text) {
    return rig_.until([&] { return heard().find(text) != std::string::npos; });
  }
  bool sees_end() {
    return rig_.until([&] {
      heard();
      return closed_ || (::send(fd_, "", 0, MSG_NOSIGNAL) < 0 && errno != EAGAIN);
    });
  }
  void end() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  MsrpRig& rig_;
  int fd_;
  std::string heard_;
  bool closed_ = false;
};

}  // namespace herald::test
