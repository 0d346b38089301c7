// Ranges and conditions as RFC 9110 13 and 14 have them.
#include "io/http_range.h"

#include <doctest/doctest.h>

using namespace herald;
using namespace herald::io;

namespace {

std::string shown(const HttpRange& range) {
  if (range.kind == HttpRange::Kind::ignored) return "whole";
  if (range.kind == HttpRange::Kind::unsatisfiable) return "416";
  return std::to_string(range.offset) + "+" + std::to_string(range.length);
}

std::string shown(const HttpPart& part) {
  return std::to_string(part.status) + " " + std::to_string(part.offset) + "+" + std::to_string(part.length);
}

}  // namespace

TEST_CASE("Range: one range is read, everything else that is allowed to be ignored is") {
  struct Row {
    std::string_view field;
    std::string_view result;
  };
  for (const auto& [field, result] : std::initializer_list<Row>{
           {"bytes=0-0", "0+1"},
           {"bytes=0-99", "0+100"},
           {"bytes=0-100", "0+100"},
           {"bytes=0-", "0+100"},
           {"bytes=99-", "99+1"},
           {"bytes=10-19", "10+10"},
           {"bytes=-1", "99+1"},
           {"bytes=-100", "0+100"},
           {"bytes=-1000", "0+100"},
           {"BYTES=5-6", "5+2"},
           {"bytes = 5-6", "5+2"},
           {"bytes=5-99999999999999999999999999", "5+95"},
           {"bytes=-99999999999999999999999999", "0+100"},
           {"bytes=100-", "416"},
           {"bytes=100-200", "416"},
           {"bytes=18446744073709551615-", "416"},
           {"bytes=99999999999999999999999999-", "416"},
           {"bytes=99999999999999999999999999-99999999999999999999999999", "416"},
           {"bytes=-0", "416"},
           {"bytes=6-5", "whole"},
           {"bytes=--5", "whole"},
           {"bytes=-", "whole"},
           {"bytes=", "whole"},
           {"bytes", "whole"},
           {"", "whole"},
           {"bytes=-5-", "whole"},
           {"bytes=1--5", "whole"},
           {"bytes=+1-5", "whole"},
           {"bytes=1-+5", "whole"},
           {"bytes=0x1-5", "whole"},
           {"bytes=1 -5", "whole"},
           {"bytes=0-0,2-3", "whole"},
           {"bytes=0-0,", "whole"},
           {"lines=0-5", "whole"},
           {"bytes=a-b", "whole"},
           {"bytes=-1-2", "whole"},
       }) {
    CAPTURE(field);
    CHECK(shown(parse_range(field, 100)) == result);
  }
  CHECK(shown(parse_range("bytes=0-", 0)) == "416");
  CHECK(shown(parse_range("bytes=-5", 0)) == "whole");
  std::string thousands = "bytes=0-0";
  for (int i = 1; i < 5000; ++i) thousands += ",0-0";
  CHECK(shown(parse_range(thousands, 100)) == "whole");
}

TEST_CASE("conditions are weighed in the order of RFC 9110 13.2.2") {
  const std::string_view tag = "\"abc\"";
  HttpConditions none;
  CHECK(shown(choose_part(none, false, tag, 100)) == "200 0+100");
  HttpConditions match;
  for (const auto* same : {"\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\"", "\"a,b\",W/\"abc\"", "  \"abc\"  "}) {
    CAPTURE(same);
    match.if_none_match = same;
    match.range = "bytes=0-1";
    CHECK(shown(choose_part(match, false, tag, 100)) == "304 0+0");
    CHECK(shown(choose_part(match, true, tag, 100)) == "304 0+0");
  }
  for (const auto* other : {"\"ab\"", "abc", "\"abc", "\"\"", "\"x\", \"y\"", "garbage"}) {
    CAPTURE(other);
    HttpConditions different;
    different.if_none_match = other;
    CHECK(shown(choose_part(different, false, tag, 100)) == "200 0+100");
  }
  HttpConditions if_match;
  if_match.if_match = "\"other\"";
  CHECK(shown(choose_part(if_match, false, tag, 100)) == "412 0+0");
  if_match.if_match = "W/\"abc\"";  // strong comparison
  CHECK(shown(choose_part(if_match, false, tag, 100)) == "412 0+0");
  if_match.if_match = "\"abc\"";
  CHECK(shown(choose_part(if_match, false, tag, 100)) == "200 0+100");
  HttpConditions part;
  part.range = "bytes=10-19";
  CHECK(shown(choose_part(part, false, tag, 100)) == "206 10+10");
  CHECK(shown(choose_part(part, true, tag, 100)) == "200 0+100");
  part.if_range = "\"abc\"";
  CHECK(shown(choose_part(part, false, tag, 100)) == "206 10+10");
  for (const auto* other : {"\"other\"", "W/\"abc\"", "Sun, 06 Nov 1994 08:49:37 GMT"}) {
    part.if_range = other;
    CHECK(shown(choose_part(part, false, tag, 100)) == "200 0+100");
  }
  part.if_range.clear();
  part.range = "bytes=100-";
  CHECK(shown(choose_part(part, false, tag, 100)) == "416 0+0");
}

TEST_CASE("fields that came twice are read as one list") {
  const auto conditions = HttpConditions::of(
      {{"If-None-Match", "\"a\""}, {"if-none-match", "\"abc\""}, {"Range", "bytes=0-0"}, {"range", "bytes=1-1"}});
  CHECK(shown(choose_part(conditions, false, "\"abc\"", 100)) == "304 0+0");
  CHECK(shown(parse_range(conditions.range, 100)) == "whole");
}
