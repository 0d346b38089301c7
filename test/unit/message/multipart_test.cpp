#include <doctest/doctest.h>

#include "herald/sip_message.h"

using namespace herald;
using namespace std::string_literals;

TEST_CASE("a media type is read in lower case with its parameters") {
  const auto type = MediaType::parse(" Text / Plain ; Charset=UTF-8;x=\"a;b\"");
  REQUIRE(type);
  CHECK(type->type == "text/plain");
  CHECK(type->params.get("charset") == "UTF-8");
  CHECK(type->params.get("x") == "\"a;b\"");
  for (const char* bad : {"", "text", "/plain", "text/", "text/pl ain", "text/plain;=", "a/b/c", "text/plain, text/html"}) {
    INFO(bad);
    CHECK_FALSE(MediaType::parse(bad));
  }
}

TEST_CASE("the parts of a multipart body. RFC 2046 5.1") {
  const auto parts = parse_multipart("multipart/mixed; boundary=\"b 1\"",
                                     "preamble\r\n"
                                     "--b 1 \t\r\n"
                                     "c: text/plain\r\nContent-Disposition: a;\r\n b\r\n\r\n"
                                     "one\r\n--b 12\r\n --b 1\r\n\r\n"
                                     "\r\n--b 1\r\n"
                                     "\r\n"
                                     "two\n"
                                     "\r\n--b 1\r\n"
                                     "\r\n--b 1\r\n"
                                     "X: y\r\n"
                                     "\r\n--b 1--\r\nepilogue\r\n--b 1\r\n");
  REQUIRE(parts);
  REQUIRE(parts->size() == 4);
  CHECK(parts->at(0).headers.get("Content-Type") == "text/plain");
  CHECK(parts->at(0).headers.get("Content-Disposition") == "a; b");
  CHECK(parts->at(0).body == "one\r\n--b 12\r\n --b 1\r\n\r\n");
  CHECK(parts->at(1).headers.fields().empty());
  CHECK(parts->at(1).body == "two\n");
  CHECK(parts->at(2).body.empty());
  CHECK(parts->at(3).headers.get("x") == "y");
  CHECK(parts->at(3).body.empty());
}

TEST_CASE("multipart with lone line feeds, binary content and no line end after the last delimiter") {
  const auto parts = parse_multipart("multipart/related;boundary=x", "--x\n\n\0\xff\n--x\nA: b\n\nc\n--x--"s);
  REQUIRE(parts);
  REQUIRE(parts->size() == 2);
  CHECK(parts->at(0).body == std::string("\0\xff", 2));
  CHECK(parts->at(1).body == "c");
}

TEST_CASE("delimiters that touch make empty parts, not underflows") {
  const auto parts = parse_multipart("multipart/mixed;boundary=x", "--x\r\n--x\r\n--x--");
  REQUIRE(parts);
  CHECK(parts->size() == 2);
  CHECK(parts->at(0).body.empty());
  const auto bare = parse_multipart("multipart/mixed;boundary=x", "--x\n\n--x--");
  REQUIRE(bare);
  CHECK(bare->at(0).body.empty());
}

TEST_CASE("malformed multipart is an error") {
  const auto code = [](std::string_view type, std::string_view body) {
    const auto parts = parse_multipart(type, body);
    REQUIRE_FALSE(parts);
    return parts.error().code;
  };
  CHECK(code("text/plain;boundary=x", "--x\r\n\r\n--x--") == ErrorCode::invalid);
  CHECK(code("multipart/mixed", "--x\r\n\r\n--x--") == ErrorCode::invalid);
  CHECK(code("multipart/mixed;boundary=\"\"", "--\r\n\r\n----") == ErrorCode::invalid);
  CHECK(code("multipart/mixed;boundary=" + std::string(71, 'b'), "") == ErrorCode::invalid);
  CHECK(code("multipart/mixed;boundary=x", "") == ErrorCode::invalid);
  CHECK(code("multipart/mixed;boundary=x", "--x--") == ErrorCode::invalid);
  CHECK(code("multipart/mixed;boundary=x", "--x\r\n\r\nabc") == ErrorCode::invalid);
  CHECK(code("multipart/mixed;boundary=x", "--x\r\n\r\nabc\r\n--x") == ErrorCode::invalid);
  CHECK(code("multipart/mixed;boundary=x", "--x\r\nno header\r\n\r\nabc\r\n--x--") == ErrorCode::invalid);
  std::string many;
  for (int i = 0; i < 33; ++i) many += "--x\r\n\r\na\r\n";
  CHECK(code("multipart/mixed;boundary=x", many + "--x--") == ErrorCode::too_large);
}
