// The pure parts: accepts(), problem(), percent-decoding, route patterns, dates.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "doubles/manual_executor.h"
#include "herald/http.h"
#include "io/response_writer.h"
#include "io/route_table.h"
#include "io/uri_text.h"

using namespace herald;
using namespace herald::io;

TEST_CASE("accepts(): the most specific range decides, q=0 excludes") {
  struct Row {
    std::optional<std::string_view> accept;
    std::string_view type;
    bool expected;
  };
  const std::vector<Row> rows{
      {std::nullopt, "application/json", true},
      {"", "application/json", true},
      {"*/*", "application/json", true},
      {"application/*", "application/json", true},
      {"Application/JSON; charset=utf-8", "application/json", true},
      {"application/json", "application/json; charset=utf-8", true},
      {"text/html, application/json;q=0.5", "application/json", true},
      {"text/html", "application/json", false},
      {"text/*", "application/json", false},
      {"application/json;q=0", "application/json", false},
      {"application/json;q=0.000, */*", "application/json", false},
      {"*/*;q=0, application/json", "application/json", true},
      {"application/*;q=0, */*", "application/json", false},
      {"application/json;q=0.001", "application/json", true},
      {",,;;q", "application/json", false},
      {"application/js", "application/json", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.accept.value_or("(none)"));
    CHECK(accepts(row.accept, row.type) == row.expected);
  }
}

TEST_CASE("problem() is RFC 9457 with our code, whatever bytes the detail quotes") {
  const auto response = HttpResponse::problem(400, "Bad Request", "what is \xff\"this\"", 2002);
  CHECK(response.status == 400);
  CHECK(response.headers.at(0).value == "application/problem+json");
  const auto document = nlohmann::json::parse(response.body);
  CHECK(document.at("type") == "about:blank");
  CHECK(document.at("status") == 400);
  CHECK(document.at("code") == 2002);
  CHECK_FALSE(nlohmann::json::parse(HttpResponse::problem(404, "x", "").body).contains("code"));
}

TEST_CASE("header() ignores case") {
  HttpRequest request;
  request.headers = {{"Content-TYPE", "a/b"}};
  CHECK(request.header("content-type") == "a/b");
  CHECK_FALSE(request.header("content"));
}

TEST_CASE("percent_decode: strict") {
  CHECK(*percent_decode("a%20b+c") == "a b+c");
  CHECK(*percent_decode("a+b", true) == "a b");
  CHECK(*percent_decode("%e2%82%AC") == "\xe2\x82\xac");
  CHECK(*percent_decode("%F0%9F%98%80") == "\xf0\x9f\x98\x80");
  for (const char* bad : {"%", "%1", "%g0", "%0g", "%00", "%ff", "%c0%80", "%f4%90%80%80", "%f8%80", "%80", "a%", "%%20"})
    CHECK_FALSE(percent_decode(bad));
}

TEST_CASE("route patterns: malformed ones are found at start-up") {
  RouteTable table;
  test::VirtualClock clock;
  test::ManualExecutor here(clock);
  const auto add = [&](const char* pattern) { table.add("GET", pattern, here, {}); };
  for (const char* bad : {"", "x", "/{}", "/{*}", "/{a*}/b", "/a{b}", "/{a", "/a*"})
    CHECK_THROWS_AS(add(bad), std::invalid_argument);
  for (const char* good : {"/", "/a", "/{a}/b", "/{a*}", "/a/{b}/{c*}"}) CHECK_NOTHROW(add(good));
}

TEST_CASE("routes: the most literal pattern wins whatever the order they were added in") {
  test::VirtualClock clock;
  test::ManualExecutor here(clock);
  const std::vector<std::string> patterns{"/{rest*}", "/a/{x}", "/a/b", "/{x}/b", "/a/{x}/c"};
  for (int turn = 0; turn < 2; ++turn) {
    RouteTable table;
    auto order = patterns;
    if (turn == 1) std::reverse(order.begin(), order.end());
    for (const auto& pattern : order) table.add("GET", pattern, here, {});
    const auto pattern_of = [&](const char* path) { return table.find("GET", *parse_target(path, 10)).pattern; };
    CHECK(pattern_of("/a/b") == "/a/b");
    CHECK(pattern_of("/a/z") == "/a/{x}");
    CHECK(pattern_of("/z/b") == "/{x}/b");
    CHECK(pattern_of("/a/z/c") == "/a/{x}/c");
    CHECK(pattern_of("/z") == "/{rest*}");
    CHECK(pattern_of("/a/") == "/{rest*}");
  }
}

TEST_CASE("dates are IMF-fixdate") {
  CHECK(imf_fixdate(WallTime(std::chrono::milliseconds(784111777000))) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(imf_fixdate(WallTime(std::chrono::milliseconds(951782400123))) == "Tue, 29 Feb 2000 00:00:00 GMT");
}
