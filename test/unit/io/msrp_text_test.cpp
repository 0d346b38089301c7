// Parser, ranges, URIs and small texts of MSRP.
#include "io/msrp_text.h"

#include <doctest/doctest.h>

#include "io/msrp_parser.h"
#include "io/msrp_ranges.h"
#include "io/msrp_uri.h"

using namespace herald::io;

namespace {

constexpr std::string_view kSend =
    "MSRP d93kswow SEND\r\nTo-Path: msrp://b.example:8493/kjhd37s2s20w2a;tcp\r\nFrom-Path: "
    "msrp://a.example:7654/jshA7weztas;tcp\r\n"
    "Message-ID: 12339sdqwer\r\nByte-Range: 1-16/16\r\nContent-Type: text/plain\r\n\r\nHi, I'm "
    "Alice!\r\n\r\n-------d93kswow$\r\n";

struct Parsed {
  std::vector<MsrpHead> heads;
  std::vector<std::string> contents;
  std::string flags;
  std::string fault;
  std::string rest;
};

// As a connection does it: `step` bytes at a time, what is left comes again.
Parsed parse(std::string_view text, std::size_t step, MsrpParserLimits limits = {}) {
  MsrpParser parser(limits);
  Parsed out;
  std::string carry;
  while (!text.empty()) {
    carry += text.substr(0, step);
    text.remove_prefix(std::min(step, text.size()));
    std::string_view input = carry;
    for (auto next = parser.next(input); next != MsrpParser::Step::need_more; next = parser.next(input)) {
      if (next == MsrpParser::Step::head) {
        out.heads.push_back(parser.head());
        out.contents.emplace_back();
      }
      if (next == MsrpParser::Step::body) {
        CHECK_FALSE(parser.piece().empty());
        out.contents.back() += parser.piece();
      }
      if (next == MsrpParser::Step::end) out.flags += parser.flag();
      if (next == MsrpParser::Step::error) {
        out.fault = parser.fault();
        return out;
      }
    }
    carry = std::string(input);
  }
  out.rest = carry;
  return out;
}

std::string request(std::string_view content, std::string_view flag = "$") {
  return "MSRP abcd SEND\r\nTo-Path: x\r\nFrom-Path: y\r\nContent-Type: a/b\r\n\r\n" + std::string(content) + "\r\n-------abcd" +
         std::string(flag) + "\r\n";
}

}  // namespace

TEST_CASE("RFC 4975 9: a SEND request is understood whatever pieces it comes in") {
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}, std::size_t{10000}}) {
    const auto out = parse(kSend, step);
    REQUIRE(out.heads.size() == 1);
    const auto& head = out.heads[0];
    CHECK(head.transaction == "d93kswow");
    CHECK(head.method == "SEND");
    CHECK(head.to_path == "msrp://b.example:8493/kjhd37s2s20w2a;tcp");
    CHECK(head.from_path == "msrp://a.example:7654/jshA7weztas;tcp");
    CHECK(head.message_id == "12339sdqwer");
    CHECK(head.byte_range == "1-16/16");
    CHECK(head.content_type == "text/plain");
    CHECK(out.contents[0] == "Hi, I'm Alice!\r\n");
    CHECK(out.flags == "$");
    CHECK(out.rest.empty());
  }
}

TEST_CASE("RFC 4975 9: responses, bodiless requests and several messages in a row") {
  const std::string text =
      "MSRP d93kswow 200 OK\r\nTo-Path: a\r\nFrom-Path: b\r\n-------d93kswow$\r\n"
      "MSRP dkei38sd REPORT\r\nTo-Path: a\r\nFrom-Path: b\r\nMessage-ID: 12339sdqwer\r\nStatus: 000 200 OK\r\n"
      "-------dkei38sd$\r\n" +
      request("x", "+");
  for (const std::size_t step : {std::size_t{1}, std::size_t{5}, std::size_t{1000}}) {
    const auto out = parse(text, step);
    REQUIRE(out.heads.size() == 3);
    CHECK(out.heads[0].response());
    CHECK(out.heads[0].status == 200);
    CHECK(out.heads[0].comment == "OK");
    CHECK(out.heads[1].method == "REPORT");
    CHECK(out.heads[1].report_status == "000 200 OK");
    CHECK(out.contents[2] == "x");
    CHECK(out.flags == "$$+");
  }
}

TEST_CASE("RFC 4975 7.1: what looks like an end-line and is none is content") {
  for (const std::string content :
       {"-------abcd$", "\r\n-------abcd", "\r\n-------abcd?\r\n", "\r\n-------abcd$x", "\r\n-------abce$\r\n",
        "a\r\n-------abcd$\r", "\r\n\r\n\r\n", "\r\n------", "\r", "", "x\r\n-------abcd$\n", "\r\n-------abcd+\rz"}) {
    CAPTURE(content);
    if (content == "-------abcd$") continue;  // see below
    for (std::size_t step = 1; step < 40; ++step) {
      const auto out = parse(request(content), step);
      REQUIRE(out.fault.empty());
      REQUIRE(out.contents.size() == 1);
      CHECK(out.contents[0] == content);
      CHECK(out.flags == "$");
    }
  }
}

TEST_CASE("an end-line directly after the empty line is empty content") {
  const std::string text =
      "MSRP abcd SEND\r\nTo-Path: x\r\nFrom-Path: y\r\nContent-Type: a/b\r\n\r\n-------abcd#\r\n" + request("next");
  for (std::size_t step = 1; step < 60; ++step) {
    const auto out = parse(text, step);
    REQUIRE(out.contents.size() == 2);
    CHECK(out.contents[0].empty());
    CHECK(out.contents[1] == "next");
    CHECK(out.flags == "#$");
  }
}

TEST_CASE("garbage ends the connection, and never-ending lines and heads do") {
  CHECK(parse("GET / HTTP/1.1\r\n", 100).fault == "this is not MSRP");
  CHECK(parse("\x16\x03\x01", 1).fault == "this is not MSRP");
  CHECK(parse("MSRP \r\n", 100).fault == "the transaction id is malformed");
  CHECK(parse("MSRP ab SEND\r\n", 100).fault == "the transaction id is malformed");
  CHECK(parse("MSRP abcd\r\n", 100).fault == "the transaction id is malformed");
  CHECK(parse("MSRP " + std::string(65, 'a') + " SEND\r\n", 100).fault == "the transaction id is malformed");
  CHECK(parse("MSRP abcd se nd\r\n", 100).fault == "the start line has neither a method nor a status");
  CHECK(parse("MSRP abcd " + std::string(10000, 'A'), 100).fault == "a line is too long");
  CHECK(parse("MSRP abcd SEND\r\nTo-Path" + std::string(10000, 'a'), 100).fault == "a line is too long");
  CHECK(parse("MSRP abcd SEND\r\nno colon\r\n", 100).fault == "a header is malformed");
  CHECK(parse("MSRP abcd SEND\r\nTo-Path: a\r\nTo-Path: b\r\n", 100).fault == "a header is malformed");
  CHECK(parse("MSRP abcd 200 OK\r\nTo-Path: a\r\n\r\nx", 100).fault == "a response has content");
  CHECK(parse(std::string("MSRP abcd SEND\r\nX: a\0b\r\n", 25), 100).fault == "a line has control characters");
  std::string many = "MSRP abcd SEND\r\n";
  for (int i = 0; i < 100; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  CHECK(parse(many, 100).fault == "too many headers");
  std::string wide = "MSRP abcd SEND\r\n";
  for (int i = 0; i < 10; ++i) wide += "X-" + std::to_string(i) + ": " + std::string(3000, 'y') + "\r\n";
  CHECK(parse(wide, 1000).fault == "too many headers");
}

TEST_CASE("PS-45: Byte-Range is read and written; what contradicts itself is refused") {
  const auto range = MsrpByteRange::parse("1-200/1000");
  REQUIRE(range);
  CHECK(range->start == 1);
  CHECK(range->end == 200);
  CHECK(range->total == 1000);
  CHECK(range->text() == "1-200/1000");
  CHECK(MsrpByteRange::parse("201-*/*")->text() == "201-*/*");
  CHECK(MsrpByteRange::parse("1-0/0"));
  CHECK(MsrpByteRange::parse("1-*/0"));
  for (const auto* bad : {"", "1", "1-", "1-2", "0-2/3", "a-2/3", "1-b/3", "1-2/c", "5-3/10", "1-11/10", "12-*/10", "-1-2/3",
                          "1-2/3/4", "1/2-3", "18446744073709551616-*/*", "1-18446744073709551615/*", "1 -2/3"})
    CHECK_MESSAGE(!MsrpByteRange::parse(bad), bad);
}

TEST_CASE("PS-55: the Status of a REPORT is read") {
  const auto status = MsrpStatus::parse("000 413 too much");
  REQUIRE(status);
  CHECK(status->code == 413);
  CHECK(status->comment == "too much");
  CHECK(MsrpStatus::parse("000 200")->code == 200);
  for (const auto* bad : {"", "000", "000 ", "001 200 OK", "000 20", "000 2000 OK", "000 abc"})
    CHECK_MESSAGE(!MsrpStatus::parse(bad), bad);
}

TEST_CASE("SM-16: intervals merge whatever order they come in") {
  MsrpRanges ranges;
  CHECK(ranges.covers(0, 0));
  CHECK_FALSE(ranges.covers(0, 1));
  CHECK(ranges.add(10, 20));
  CHECK(ranges.add(30, 40));
  CHECK(ranges.pieces() == 2);
  CHECK_FALSE(ranges.covers(10, 40));
  CHECK(ranges.add(15, 35));
  CHECK(ranges.pieces() == 1);
  CHECK(ranges.covers(10, 40));
  CHECK(ranges.bytes() == 30);
  CHECK(ranges.add(0, 10));  // touches
  CHECK(ranges.pieces() == 1);
  CHECK(ranges.covers(0, 40));
  CHECK(ranges.add(5, 6));  // within
  CHECK(ranges.bytes() == 40);
  CHECK(ranges.end() == 40);
  CHECK(ranges.add(7, 7));
  CHECK(ranges.add(100, 101));
  CHECK(ranges.add(0, 200));
  CHECK(ranges.pieces() == 1);
  CHECK(ranges.bytes() == 200);
}

TEST_CASE("SM-16: scattered intervals are bounded") {
  MsrpRanges ranges;
  std::size_t taken = 0;
  for (std::uint64_t i = 0; i < 5000; ++i) taken += ranges.add(i * 2, i * 2 + 1) ? 1U : 0U;
  CHECK(taken == MsrpRanges::kMost);
  CHECK(ranges.pieces() == MsrpRanges::kMost);
}

TEST_CASE("RFC 4975 6: MSRP URIs are read, written and compared") {
  const auto uri = MsrpUri::parse("msrp://User@Host.Example:1234/aBc;TCP;x=y");
  REQUIRE(uri);
  CHECK_FALSE(uri->secure);
  CHECK(uri->host == "host.example");
  CHECK(uri->port == 1234);
  CHECK(uri->session == "aBc");
  CHECK(uri->transport == "tcp");
  CHECK(*uri == *MsrpUri::parse("MSRP://host.example:1234/aBc;tcp"));
  CHECK_FALSE(*uri == *MsrpUri::parse("msrp://host.example:1234/abc;tcp"));
  CHECK_FALSE(*uri == *MsrpUri::parse("msrps://host.example:1234/aBc;tcp"));
  CHECK(MsrpUri::parse("msrps://[2001:db8::1]:5/s;tcp")->host == "2001:db8::1");
  CHECK(MsrpUri::parse("msrps://[2001:db8::1]:5/s;tcp")->text() == "msrps://[2001:db8::1]:5/s;tcp");
  CHECK(MsrpUri::parse("msrp://h;tcp")->port == 2855);
  for (const auto* bad : {"", "msrp", "http://h/s;tcp", "msrp:///s;tcp", "msrp://h:x/s;tcp", "msrp://h:99999/s;tcp", "msrp://h/s",
                          "msrp://h/s;", "msrp://[::1/s;tcp", "msrp://h /s;tcp"})
    CHECK_MESSAGE(!MsrpUri::parse(bad), bad);
  CHECK(same_end("msrp://relay:1/r;tcp msrp://a:2/s;tcp", "msrp://A:2/s;tcp"));
  CHECK_FALSE(same_end("msrp://a:2/s;tcp", "msrp://a:2/t;tcp"));
  CHECK_FALSE(same_end("", ""));
}

TEST_CASE("identifiers differ and are words of RFC 4975") {
  const auto one = random_ident();
  CHECK(one.size() == 24);
  CHECK(one != random_ident());
  CHECK(one.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == std::string::npos);
}
