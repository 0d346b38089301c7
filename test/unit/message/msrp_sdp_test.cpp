#include <doctest/doctest.h>

#include "herald/msrp.h"

using namespace herald;

namespace {

MsrpDescription example() {
  MsrpDescription description;
  description.address = "192.0.2.7";
  description.port = 7654;
  description.path = "msrp://192.0.2.7:7654/jshA7weztas;tcp";
  description.accept_types = {"text/plain", "message/cpim"};
  description.accept_wrapped_types = {"*"};
  description.max_size = 100'000'000;
  description.setup = MsrpSetup::actpass;
  description.direction = MsrpDirection::sendonly;
  return description;
}

constexpr const char* kHead = "v=0\r\no=bob 1 1 IN IP4 b.example\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n";

Expected<MsrpDescription> parse(const std::string& media) { return parse_msrp_sdp(kHead + media); }

}  // namespace

TEST_CASE("PS-40: an offer has one m=message line with path, types, size and direction") {
  CHECK(to_sdp(example(), 1234, 5) ==
        "v=0\r\no=- 1234 5 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=message 7654 TCP/MSRP "
        "*\r\na=setup:actpass\r\n"
        "a=accept-types:text/plain message/cpim\r\na=accept-wrapped-types:*\r\na=max-size:100000000\r\n"
        "a=path:msrp://192.0.2.7:7654/jshA7weztas;tcp\r\na=sendonly\r\n");
}

TEST_CASE("PS-40: what is written is read again") {
  auto description = example();
  for (const bool tls : {false, true}) {
    description.tls = tls;
    description.path = tls ? "msrps://[2001:db8::1]:1/s;tcp" : "msrp://[2001:db8::1]:1/s;tcp";
    description.address = "2001:db8::1";
    description.fingerprint = tls ? "sha-256 AB:CD" : "";
    const auto read = parse_msrp_sdp(to_sdp(description, 1, 1));
    REQUIRE(read.has_value());
    CHECK(read->address == description.address);
    CHECK(read->port == description.port);
    CHECK(read->tls == tls);
    CHECK(read->path == description.path);
    CHECK(read->accept_types == description.accept_types);
    CHECK(read->accept_wrapped_types == description.accept_wrapped_types);
    CHECK(read->max_size == description.max_size);
    CHECK(read->setup == description.setup);
    CHECK(read->direction == description.direction);
    CHECK(read->fingerprint == description.fingerprint);
  }
}

TEST_CASE("PS-41: a=setup is told, and its absence too") {
  const std::string rest = "a=accept-types:*\r\na=path:msrp://h:1/s;tcp\r\n";
  CHECK(parse("m=message 1 TCP/MSRP *\r\na=setup:active\r\n" + rest)->setup == MsrpSetup::active);
  CHECK(parse("m=message 1 TCP/MSRP *\r\na=setup:passive\r\n" + rest)->setup == MsrpSetup::passive);
  CHECK_FALSE(parse("m=message 1 TCP/MSRP *\r\n" + rest)->setup);
  CHECK_FALSE(parse("m=message 1 TCP/MSRP *\r\na=setup:holdconn\r\n" + rest).has_value());
}

TEST_CASE("PS-40: the first m=message line that is not refused counts, with what the session says for all") {
  const auto read = parse_msrp_sdp(
      "v=0\no=- 1 1 IN IP4 h\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\na=recvonly\na=setup:passive\nm=audio 9 RTP/AVP "
      "0\na=path:msrp://no:1/x;tcp\n"
      "m=message 0 TCP/MSRP *\na=path:msrp://no:2/x;tcp\nm=message 5000 TCP/MSRP *\nc=IN IP4 192.0.2.2\na=accept-types: text/* "
      "Message/CPIM \n"
      "a=path:msrp://relay:1/r;tcp  msrp://192.0.2.2:5000/s;tcp\nm=message 6000 TCP/MSRP *\na=path:msrp://no:3/x;tcp\n");
  REQUIRE(read.has_value());
  CHECK(read->address == "192.0.2.2");
  CHECK(read->port == 5000);
  CHECK(read->path == "msrp://relay:1/r;tcp msrp://192.0.2.2:5000/s;tcp");  // PS-49: relays stand before the peer
  CHECK(read->setup == MsrpSetup::passive);
  CHECK(read->direction == MsrpDirection::recvonly);
  CHECK(read->accept_types == std::vector<std::string>{"text/*", "message/cpim"});
  CHECK_FALSE(read->max_size);
}

TEST_CASE("PS-42: SDP that cannot be used is refused with its reason") {
  const std::string good = "m=message 1 TCP/MSRP *\r\na=accept-types:*\r\na=path:msrp://h:1/s;tcp\r\n";
  REQUIRE(parse(good).has_value());
  const auto reason = [](const std::string& media) {
    const auto read = parse(media);
    return read ? std::string("taken") : read.error().text;
  };
  CHECK(reason("") == "there is no m=message line of MSRP");
  CHECK(reason("m=audio 9 RTP/AVP 0\r\n") == "there is no m=message line of MSRP");
  CHECK(reason("m=message 0 TCP/MSRP *\r\n") == "the m=message line is refused: port 0");
  CHECK(reason("m=message 1\r\n") == "the m=message line is not complete");
  CHECK(reason("m=message 99999 TCP/MSRP *\r\n") == "the port of m=message is not a port");
  CHECK(reason("m=message 1 TCP/MSRP *\r\na=accept-types:*\r\n") == "a=path is missing");
  CHECK(reason("m=message 1 TCP/MSRP *\r\na=path:msrp://h:1/s;tcp\r\n") == "a=accept-types is missing");
  CHECK(reason("m=message 1 TCP/MSRP *\r\na=accept-types:*\r\na=path:msrps://h:1/s;tcp\r\n") ==
        "a=path does not fit the transport: msrp:// is needed");
  CHECK(reason(good + "a=max-size:many\r\n") == "a=max-size is not a number");
  CHECK(reason(good + "a=setup:maybe\r\n") == "a=setup is neither active, passive nor actpass");
  CHECK(reason("m=message 1 TCP/MSRP *\r\na=accept-types:*\r\na=path:msrp://h:1/s\rTo-Path:x;tcp\r\n") ==
        "the SDP has control characters");
  CHECK_FALSE(parse_msrp_sdp("").has_value());
  CHECK_FALSE(parse_msrp_sdp("hello").has_value());
  CHECK_FALSE(parse_msrp_sdp(kHead + std::string(100'000, 'x')).has_value());
  std::string lines = kHead;
  for (int i = 0; i < 2000; ++i) lines += "a=b\r\n";
  CHECK_FALSE(parse_msrp_sdp(lines).has_value());
}

TEST_CASE("PS-42: types are accepted exactly, by main type or all of them") {
  CHECK(msrp_accepts({"*"}, "a/b"));
  CHECK(msrp_accepts({"text/plain"}, "Text/Plain; charset=utf-8"));
  CHECK(msrp_accepts({"a/b", "text/*"}, "text/html"));
  CHECK_FALSE(msrp_accepts({"text/*"}, "textual/html"));
  CHECK_FALSE(msrp_accepts({"text/*"}, "text"));
  CHECK_FALSE(msrp_accepts({"text/plain"}, "text/html"));
  CHECK_FALSE(msrp_accepts({}, "text/html"));
}

TEST_CASE("text from elsewhere cannot add lines to an SDP") {
  auto description = example();
  description.path = "msrp://h:1/s;tcp\r\na=evil:1";
  CHECK(to_sdp(description, 1, 1).find("\r\na=evil") == std::string::npos);
}
