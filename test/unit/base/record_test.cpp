#include "herald/record.h"

#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <set>
#include <string>

using namespace herald;

TEST_CASE("a record gives back what was written") {
  const auto bytes = RecordWriter(7)
                         .text(1, "sip:alice@ims.lab")
                         .number(2, -1)
                         .time(3, WallTime(std::chrono::milliseconds(1767225600123)))
                         .flag(4, true)
                         .flag(5, false)
                         .text(300, std::string("\0\x80\xff", 3))
                         .text(6, "")
                         .take();
  const auto record = RecordReader::parse(bytes);
  REQUIRE(record);
  CHECK(record->schema() == 7);
  CHECK(record->text(1) == "sip:alice@ims.lab");
  CHECK(record->number(2) == -1);
  CHECK(record->time(3) == WallTime(std::chrono::milliseconds(1767225600123)));
  CHECK(record->flag(4));
  CHECK_FALSE(record->flag(5));
  CHECK(record->text(300) == std::string_view("\0\x80\xff", 3));
  CHECK(record->text(6) == "");
  CHECK_FALSE(record->text(9).has_value());
  CHECK_FALSE(record->number(9).has_value());
  CHECK_FALSE(record->flag(9));
}

TEST_CASE("numbers keep value and sign in as few bytes as they need") {
  struct Row {
    std::int64_t value;
    std::size_t bytes;
  };
  for (const auto& row : {Row{0, 0}, Row{1, 1}, Row{-1, 1}, Row{127, 1}, Row{128, 2}, Row{-128, 1}, Row{-129, 2}, Row{65535, 3},
                          Row{std::numeric_limits<std::int64_t>::max(), 8}, Row{std::numeric_limits<std::int64_t>::min(), 8}}) {
    CAPTURE(row.value);
    const auto bytes = RecordWriter(1).number(1, row.value).take();
    const auto record = RecordReader::parse(bytes);
    REQUIRE(record);
    CHECK(record->number(1) == row.value);
    CHECK(record->text(1)->size() == row.bytes);
  }
}

TEST_CASE("repeated fields come back in order") {
  const auto bytes = RecordWriter(1).text(1, "a").text(2, "x").text(1, "b").take();
  const auto record = RecordReader::parse(bytes);
  REQUIRE(record);
  CHECK(record->texts(1) == std::vector<std::string_view>{"a", "b"});
  CHECK(record->texts(3).empty());
}

TEST_CASE("fields of a newer version survive being written back by an older one") {
  const auto newer = RecordWriter(2).text(1, "known").text(90, "later").number(91, 5).take();
  const auto seen = RecordReader::parse(newer);
  REQUIRE(seen);
  const auto written = RecordWriter(2).text(1, "changed").raw(seen->unknown(10)).take();
  const auto again = RecordReader::parse(written);
  REQUIRE(again);
  CHECK(again->text(1) == "changed");
  CHECK(again->text(90) == "later");
  CHECK(again->number(91) == 5);
}

TEST_CASE("every truncation is refused or ends between two fields") {
  const auto bytes = RecordWriter(1).text(1, std::string(200, 'x')).number(2, 1234567).text(500, "end").take();
  const auto whole = RecordReader::parse(bytes);
  REQUIRE(whole);
  std::size_t accepted = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto part = RecordReader::parse(std::string_view(bytes).substr(0, length));
    if (!part) {
      CHECK(part.error().code == ErrorCode::corrupt);
      continue;
    }
    ++accepted;
    CHECK_FALSE(part->text(500).has_value());
  }
  CHECK(accepted == 3);  // after the header, the first and the second field
}

TEST_CASE("hostile bytes are corrupt, not a crash") {
  const auto refused = [](std::string_view bytes) {
    const auto record = RecordReader::parse(bytes);
    return !record && record.error().code == ErrorCode::corrupt;
  };
  using namespace std::string_view_literals;
  CHECK(refused(""));
  CHECK(refused("\x02\x00\x00"sv));                                      // another format
  CHECK(refused("\x01\x00\x00\x01"sv));                                  // tag without length
  CHECK(refused("\x01\x00\x00\x01\xff\xff\xff\xff\x0f"sv));              // length far beyond the end
  CHECK(refused("\x01\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\x01"sv));  // length of more than 32 bits
  CHECK(refused("\x01\x00\x00\xff\xff\x7f\x00"sv));                      // tag of more than 16 bits
  std::string many("\x01\x00\x00", 3);
  for (int i = 0; i < 10'001; ++i) many.append("\x01\x00", 2);
  CHECK(refused(many));
  const auto long_number = RecordReader::parse(
      "\x01\x00\x00\x01\x09"
      "123456789"sv);
  REQUIRE(long_number);
  CHECK_FALSE(long_number->number(1).has_value());

  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes("\x01\x00\x00", 3);
    for (auto left = random() % 40; left > 0; --left) bytes.push_back(static_cast<char>(random() & 0xff));
    if (const auto record = RecordReader::parse(bytes)) (void)(record->unknown(0).size() + record->texts(1).size());
  }
}

TEST_CASE("ids sort by time of creation and do not repeat") {
  const WallTime start(std::chrono::milliseconds(1767225600000));
  std::set<std::string> ids;
  std::string before;
  for (int i = 0; i < 1000; ++i) {
    const auto id = make_id(start + std::chrono::milliseconds(i));
    CHECK(id.size() == 26);
    CHECK(id > before);
    before = id;
    ids.insert(id);
    ids.insert(make_id(start));
  }
  CHECK(ids.size() == 2000);
  CHECK(make_id(WallTime{}).substr(0, 10) == "0000000000");
  CHECK(make_id(WallTime(std::chrono::milliseconds(0xffff'ffff'ffff))).substr(0, 10) == "7ZZZZZZZZZ");
}
