// MSRP over TLS: who must prove what.
#include <filesystem>

#include "certificates.h"
#include "doubles/temporary_folder.h"
#include "msrp_rig.h"

using namespace herald;
using namespace herald::test;

namespace {

struct Certificates {
  Certificates() {
    const auto ca = make_identity("ca", nullptr);
    write_identity(path, "ca", ca);
    write_identity(path, "node", make_identity("node", &ca, "IP:127.0.0.1"));
    write_identity(path, "elsewhere", make_identity("elsewhere", &ca, "IP:192.0.2.1"));
    write_identity(path, "alone", make_identity("alone", nullptr, "IP:127.0.0.1"));
    write_identity(path, "expired", make_identity("expired", &ca, "IP:127.0.0.1", -60));
  }
  io::MsrpOptions options(const std::string& name) const {
    auto out = msrp_on_loopback();
    out.tls_listen = "127.0.0.1:0";
    out.tls.certificate = folder.file(name + ".pem");
    out.tls.key = folder.file(name + ".key");
    out.tls.ca = folder.file("ca.pem");
    return out;
  }
  TemporaryFolder folder;
  std::filesystem::path path{folder.file("")};
};

// Two nodes with certificates of their own; `sender` connects.
struct TwoNodes {
  TwoNodes(const io::MsrpOptions& of_sender, const io::MsrpOptions& of_receiver) : from(of_sender), to(of_receiver) {}
  // The error of the sender's start(), or "".
  std::string connect(bool told_receiver, bool told_sender) {
    sender = from.open({{"*"}, 1 << 20, 65536}, true);
    receiver = to.open({{"*"}, 1 << 20, 65536}, true);
    receiver->on_message([this](MsrpMessage message) {
      received += message.bytes;
      return ready<int>(200);
    });
    auto of_sender = sender->local();
    auto of_receiver = receiver->local();
    CHECK(of_sender.tls);
    CHECK(of_sender.path.starts_with("msrps://"));
    CHECK(of_sender.fingerprint.starts_with("sha-256 "));
    if (!told_sender) of_sender.fingerprint.clear();
    if (!told_receiver) of_receiver.fingerprint.clear();
    const auto passive = watch(to.shard, receiver->start(of_sender, MsrpSetup::passive));
    const auto active = watch(from.shard, sender->start(of_receiver, MsrpSetup::active));
    REQUIRE(until([&] { return active->has_value(); }));
    return **active ? "" : (*active)->error().text;
  }
  bool until(const std::function<bool()>& holds) {
    return from.until([&] {
      to.turn();
      return holds();
    });
  }
  Expected<MsrpSent> send(std::string bytes) {
    MsrpMessage message;
    message.type = "text/plain";
    message.bytes = std::move(bytes);
    message.success_report = true;
    const auto sent = watch(from.shard, sender->send(std::move(message), std::chrono::seconds(60)));
    REQUIRE(until([&] { return sent->has_value(); }));
    return **sent;
  }
  MsrpRig from;
  MsrpRig to;
  std::shared_ptr<MsrpSession> sender;
  std::shared_ptr<MsrpSession> receiver;
  std::string received;
};

}  // namespace

TEST_CASE("PS-40: TCP/TLS/MSRP between two nodes that know each other's authority") {
  const Certificates made;
  TwoNodes nodes(made.options("node"), made.options("node"));
  REQUIRE(nodes.connect(false, false) == "");
  CHECK(nodes.from.endpoint->has_tls());
  const std::string content(700'000, 'x');
  const auto sent = nodes.send(content);
  REQUIRE(sent.has_value());
  CHECK(sent->reported == content.size());
}

TEST_CASE("RFC 4975 14.4: self-signed certificates are proven by a=fingerprint") {
  const Certificates made;
  TwoNodes nodes(made.options("alone"), made.options("alone"));
  REQUIRE(nodes.connect(true, true) == "");
  REQUIRE(nodes.send("hello").has_value());
  CHECK(nodes.received == "hello");
}

TEST_CASE("without its fingerprint a self-signed, expired or foreign certificate is refused by the side that connects") {
  const Certificates made;
  for (const auto* name : {"alone", "expired", "elsewhere"}) {
    CAPTURE(name);
    TwoNodes nodes(made.options("node"), made.options(name));
    CHECK(nodes.connect(false, true).find("certificate") != std::string::npos);
  }
}

TEST_CASE("without its fingerprint a self-signed or expired certificate is refused by the side that listens") {
  const Certificates made;
  for (const auto* name : {"alone", "expired"}) {
    CAPTURE(name);
    TwoNodes nodes(made.options(name), made.options("node"));
    CHECK_FALSE(nodes.connect(true, false).empty());
    CHECK(nodes.received.empty());
  }
  auto lenient = made.options("node");
  lenient.tls.verify_peer = false;
  TwoNodes nodes(made.options("alone"), lenient);
  CHECK(nodes.connect(true, false).empty());
}

TEST_CASE("a certificate that is good and not the one of a=fingerprint is refused") {
  const Certificates made;
  TwoNodes nodes(made.options("node"), made.options("node"));
  nodes.sender = nodes.from.open({}, true);
  auto peer = nodes.to.open({}, true)->local();
  peer.fingerprint.back() = peer.fingerprint.back() == '0' ? '1' : '0';
  const auto active = watch(nodes.from.shard, nodes.sender->start(peer, MsrpSetup::active));
  REQUIRE(nodes.until([&] { return active->has_value(); }));
  REQUIRE_FALSE((*active)->has_value());
  CHECK((*active)->error().code == ErrorCode::forbidden);
}

TEST_CASE("the side that listens says at once that the certificate is not the one of a=fingerprint") {
  const Certificates made;
  TwoNodes nodes(made.options("node"), made.options("node"));
  nodes.sender = nodes.from.open({}, true);
  nodes.receiver = nodes.to.open({}, true);
  auto peer = nodes.sender->local();
  peer.fingerprint.back() = peer.fingerprint.back() == '0' ? '1' : '0';
  const auto passive = watch(nodes.to.shard, nodes.receiver->start(peer, MsrpSetup::passive));
  const auto active = watch(nodes.from.shard, nodes.sender->start(nodes.receiver->local(), MsrpSetup::active));
  REQUIRE(nodes.until([&] { return active->has_value() && passive->has_value(); }));
  REQUIRE_FALSE((*passive)->has_value());
  CHECK((*passive)->error().code == ErrorCode::forbidden);
  CHECK_FALSE((*active)->has_value());
}

TEST_CASE("a TLS session cannot be had over plain TCP, nor with something that is not TLS") {
  const Certificates made;
  MsrpRig rig(made.options("node"));
  const auto session = rig.open({{"*"}, 100, 100}, true);
  MsrpDescription peer;
  peer.path = "msrps://127.0.0.1:9/peer;tcp";
  const auto started = watch(rig.shard, session->start(peer, MsrpSetup::passive));
  RawPeer plain(rig, rig.endpoint->port(false));
  plain.say("MSRP tid1 SEND\r\nTo-Path: " + session->local().path +
            "\r\nFrom-Path: msrps://127.0.0.1:9/peer;tcp\r\nMessage-ID: mess\r\n-------tid1$\r\n");
  CHECK(plain.hears("MSRP tid1 481"));
  RawPeer talker(rig, rig.endpoint->port(true));
  talker.say("MSRP tid1 SEND\r\n");
  CHECK(talker.sees_end());
  RawPeer silent(rig, rig.endpoint->port(true));
  rig.advance(std::chrono::seconds(11));  // no handshake
  CHECK(silent.sees_end());
  CHECK_FALSE(started->has_value());
}

TEST_CASE("an endpoint says what it cannot offer") {
  MsrpRig rig;
  CHECK_FALSE(rig.endpoint->has_tls());
  const auto session = rig.shard.run([&] { return rig.endpoint->open(true, {}); });
  REQUIRE_FALSE(session.has_value());
  CHECK(session.error().code == ErrorCode::unavailable);
  io::IoLoop loop;
  ScriptedBlobs blobs;
  io::MsrpOptions options;
  options.listen = "0.0.0.0:0";
  CHECK_FALSE(io::MsrpEndpointService::make(loop, blobs, options).has_value());
  options.advertised_address = "192.0.2.1";
  auto made = io::MsrpEndpointService::make(loop, blobs, options);
  REQUIRE(made.has_value());
  options.tls_listen = "127.0.0.1:0";
  options.tls.certificate = "/nowhere.pem";
  const auto refused = io::MsrpEndpointService::make(loop, blobs, options);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().text.find("/nowhere.pem") != std::string::npos);
}
