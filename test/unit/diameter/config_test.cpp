#include <doctest/doctest.h>
#include <functional>

#include "stack_config.h"

using namespace herald;
using namespace herald::diameter;

namespace {
DiameterOptions good() {
  DiameterOptions options;
  options.identity = "as1.ims.lab";
  options.realm = "ims.lab";
  options.peers.push_back({"hss.ims.lab", "ims.lab", "127.0.0.1", 3868, false});
  return options;
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("options become the library's configuration") {
  const auto options = good();
  REQUIRE(check_options(options));
  const auto text = configuration_text(options, {"127.0.0.1", 3868}, "");
  CHECK(has(text, "Identity = \"as1.ims.lab\";"));
  CHECK(has(text, "Port = 3868;"));
  CHECK(has(text, "SecPort = 0;"));  // with no TLS_Cred: TLS is off
  CHECK(has(text, "NoRelay;"));
  CHECK(has(text, "No_SCTP;"));
  CHECK_FALSE(has(text, "TLS_"));
}

TEST_CASE("with TLS the listening port is the secure one") {
  auto options = good();
  options.tls = DiameterTls{"cert.pem", "key.pem", "ca.pem", "SECURE128"};
  options.peers[0].tls = true;
  REQUIRE(check_options(options));
  const auto text = configuration_text(options, {"127.0.0.1", 5868}, "/proc/self/fd/9");
  CHECK(has(text, "Port = 0;"));
  CHECK(has(text, "SecPort = 5868;"));
  CHECK(has(text, "TLS_Cred = \"cert.pem\", \"key.pem\";"));
  CHECK(has(text, "TLS_CA = \"ca.pem\";"));
  CHECK(has(text, "TLS_DH_File = \"/proc/self/fd/9\";"));
}

TEST_CASE("listen addresses") {
  CHECK(parse_listen("127.0.0.1:0")->port == 0);
  CHECK(parse_listen("[::1]:3868")->address == "::1");
  CHECK(parse_listen("0.0.0.0:3868")->port == 3868);
  for (const std::string text : {"", "127.0.0.1", "host:1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:1 "}) {
    CAPTURE(text);
    REQUIRE_FALSE(parse_listen(text));
    CHECK(parse_listen(text).error().code == ErrorCode::invalid);
  }
}

TEST_CASE("options that cannot work are named, and nothing gets into the configuration text unchecked") {
  const std::function<void(DiameterOptions&)> wrong[] = {
      [](auto& o) { o.identity = ""; },
      [](auto& o) { o.identity = "a\"; LoadExtension = \"x"; },
      [](auto& o) { o.realm = "a b"; },
      [](auto& o) { o.destination_realm = "a;b"; },
      [](auto& o) { o.watchdog = std::chrono::seconds(5); },
      [](auto& o) { o.reconnect = std::chrono::milliseconds(10); },
      [](auto& o) { o.app_threads = 0; },
      [](auto& o) { o.app_threads = 256; },
      [](auto& o) { o.peers.push_back(o.peers[0]); },
      [](auto& o) { o.peers[0].identity = o.identity; },
      [](auto& o) { o.peers[0].address = "hss.ims.lab"; },
      [](auto& o) { o.peers[0].port = 0; },
      [](auto& o) { o.peers[0].tls = true; },
      [](auto& o) {
        o.tls = DiameterTls{"cert.pem", "", "ca.pem", ""};
      },
      [](auto& o) {
        o.tls = DiameterTls{"cert\".pem", "k", "ca.pem", ""};
      },
  };
  int row = 0;
  for (const auto& spoil : wrong) {
    CAPTURE(row++);
    auto options = good();
    spoil(options);
    const auto checked = check_options(options);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == ErrorCode::invalid);
    CHECK(checked.error().text.starts_with("diameter."));
  }
}
