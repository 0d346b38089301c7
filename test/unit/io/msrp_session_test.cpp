// Two sessions of one endpoint, over real sockets.
#include <algorithm>

#include "msrp_rig.h"

using namespace herald;
using namespace herald::test;

namespace {

MsrpMessage text_message(std::string bytes, bool report = false) {
  MsrpMessage message;
  message.type = "text/plain";
  message.bytes = std::move(bytes);
  message.success_report = report;
  return message;
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t state = 12345;
  for (auto& c : out) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  return out;
}

}  // namespace

TEST_CASE("PS-44: an active session connects, binds the connection with a bodiless SEND and sends a message") {
  MsrpRig rig;
  MsrpPair pair(rig);
  const auto sent = pair.send(text_message("hello"));
  REQUIRE(sent.has_value());
  CHECK(sent->status == 200);
  CHECK(sent->acknowledged == 5);
  CHECK_FALSE(sent->interrupted);
  REQUIRE(rig.until([&] { return pair.received.size() == 1; }));
  CHECK(pair.received[0].bytes == "hello");
  CHECK(pair.received[0].type == "text/plain");
}

TEST_CASE("PS-45: a message larger than one chunk arrives whole") {
  auto options = msrp_on_loopback();
  options.limits.chunk = 4096;
  MsrpRig rig(options);
  MsrpPair pair(rig);
  const auto content = pattern(50'001);
  const auto sent = pair.send(text_message(content));
  REQUIRE(sent.has_value());
  CHECK(sent->status == 200);
  CHECK(sent->acknowledged == content.size());
  REQUIRE(rig.until([&] { return pair.received.size() == 1; }));
  CHECK(pair.received[0].bytes == content);
}

TEST_CASE("SM-16: with Success-Report the send ends when the REPORT covers all bytes") {
  MsrpRig rig;
  MsrpPair pair(rig);
  const auto sent = pair.send(text_message(pattern(5000), true));
  REQUIRE(sent.has_value());
  CHECK(sent->acknowledged == 5000);
  CHECK(sent->reported == 5000);
  CHECK(pair.received.at(0).success_report);
}

TEST_CASE("a large message goes from blob to blob") {
  MsrpRig rig;
  MsrpPair pair(rig);
  const auto content = pattern(5'000'000);
  MsrpMessage message;
  message.type = "application/octet-stream";
  message.blob = rig.blobs.info(rig.blobs.add(content));
  message.success_report = true;
  const auto sent = pair.send(std::move(message));
  REQUIRE(sent.has_value());
  CHECK(sent->reported == content.size());
  REQUIRE(pair.received.size() == 1);
  REQUIRE(pair.received[0].blob);
  CHECK(rig.blobs.contents.at(pair.received[0].blob->id) == content);
}
