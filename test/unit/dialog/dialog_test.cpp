#include <doctest/doctest.h>

#include "dialog/dialog_state.h"
#include "dialog/dialog_table.h"
#include "herald/record.h"

using namespace herald;
using namespace herald::dialog;

namespace {

DialogState sample() {
  DialogState state;
  state.call_id = "a84b4c76e66710@as1";
  state.local_tag = "314159";
  state.remote_tag = "8321234356";
  state.local_address = "\"Push\" <sip:push@ims.lab>";
  state.remote_address = "<sip:alice@ims.lab>";
  state.remote_target = "sip:alice@127.0.0.1:6101";
  state.local_contact = "sip:push@127.0.0.1:5065";
  state.route_set = {"<sip:p1.ims.lab;lr>", "<sip:p2.ims.lab;lr>"};
  state.local_cseq = 7;
  state.remote_cseq = 0;
  state.has_remote_cseq = true;
  state.secure = true;
  state.state = State::confirmed;
  return state;
}

}  // namespace

TEST_CASE("requests in a dialog are built by loose and by strict routing (RFC 3261 12.2.1.1)") {
  auto state = sample();
  SUBCASE("loose") {
    const auto request = state.make_request("NOTIFY");
    CHECK(request.uri() == "sip:alice@127.0.0.1:6101");
    CHECK(request.headers.list("Route") == std::vector<std::string_view>{"<sip:p1.ims.lab;lr>", "<sip:p2.ims.lab;lr>"});
    CHECK(request.headers.get("Contact") == "<sip:push@127.0.0.1:5065>");
  }
  SUBCASE("strict") {
    state.route_set[0] = "<sip:p1.ims.lab>";
    const auto request = state.make_request("INFO");
    CHECK(request.uri() == "sip:p1.ims.lab");
    CHECK(request.headers.list("Route") == std::vector<std::string_view>{"<sip:p2.ims.lab;lr>", "<sip:alice@127.0.0.1:6101>"});
    CHECK_FALSE(request.headers.has("Contact"));
  }
  CHECK(state.local_cseq == 8);
  const auto next = state.make_request("INFO");
  CHECK(next.headers.get("CSeq") == "9 INFO");
  CHECK(next.headers.get("From") == "\"Push\" <sip:push@ims.lab>;tag=314159");
  CHECK(next.headers.get("To") == "<sip:alice@ims.lab>;tag=8321234356");
}

TEST_CASE("a remote CSeq must grow; none seen differs from zero (RFC 3261 12.2.2)") {
  DialogState state;
  CHECK(state.take_remote_cseq(0, "NOTIFY").has_value());
  CHECK(state.take_remote_cseq(0, "NOTIFY").error().code == ErrorCode::conflict);
  CHECK(state.take_remote_cseq(5, "INVITE").has_value());
  CHECK(state.take_remote_cseq(5, "ACK").has_value());
  CHECK(state.take_remote_cseq(4, "BYE").error().code == ErrorCode::conflict);
  CHECK(state.take_remote_cseq(6, "BYE").has_value());
}

TEST_CASE("CSeq values") {
  CHECK(CSeq::parse("1 INVITE")->number == 1);
  CHECK(CSeq::parse("4711   X-METHOD ")->method == "X-METHOD");
  for (const auto bad : {"", "INVITE", "1", "1INVITE", "-1 INVITE", "2147483648 INVITE", "99999999999999 INVITE"}) {
    CAPTURE(bad);
    CHECK_FALSE(CSeq::parse(bad).has_value());
  }
}

TEST_CASE("the record of a dialog reads back what was written, unknown fields of a newer version included") {
  const auto state = sample();
  auto bytes = encode(state);
  MESSAGE("dialog record: " << bytes.size() << " bytes");
  CHECK(bytes.size() < 400);
  RecordWriter newer(2);
  newer.text(900, "from the future");
  auto reader = RecordReader::parse(bytes);
  REQUIRE(reader.has_value());
  auto copy = decode(bytes);
  REQUIRE(copy.has_value());
  CHECK(copy->call_id == state.call_id);
  CHECK(copy->remote_tag == state.remote_tag);
  CHECK(copy->local_address == state.local_address);
  CHECK(copy->remote_target == state.remote_target);
  CHECK(copy->route_set == state.route_set);
  CHECK(copy->local_cseq == 7);
  CHECK(copy->has_remote_cseq);
  CHECK(copy->secure);
  CHECK_FALSE(copy->uas);
  CHECK(copy->state == State::confirmed);

  RecordWriter with_more(1);
  with_more.text(1, "call").text(2, "tag").number(13, 1).text(900, "from the future");
  const auto old_reader = decode(with_more.take());
  REQUIRE(old_reader.has_value());
  const auto written = encode(*old_reader);
  CHECK(RecordReader::parse(written)->text(900) == "from the future");
  CHECK_FALSE(old_reader->has_remote_cseq);
}

TEST_CASE("damaged dialog records are Error{corrupt}") {
  const auto bytes = encode(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(decode(bytes.substr(0, length)).has_value());
  }
  RecordWriter bad_state(1);
  bad_state.text(1, "call").text(2, "tag").number(13, 77);
  CHECK(decode(bad_state.take()).error().code == ErrorCode::corrupt);
  RecordWriter no_identity(1);
  no_identity.number(9, 1);
  CHECK(decode(no_identity.take()).error().code == ErrorCode::corrupt);
}

TEST_CASE("the table finds by all three parts, or by our half while the peer's tag is unknown") {
  DialogTable table;
  table.insert("call", "mine", "", 1);
  CHECK(table.find("call", "mine", "theirs") == 1);
  table.insert("call", "mine", "theirs", 2);
  CHECK(table.find("call", "mine", "theirs") == 2);
  CHECK_FALSE(table.find("call", "other", "theirs").has_value());
  table.erase("call", "mine", "");
  CHECK_FALSE(table.find("call", "mine", "someone").has_value());
  CHECK(table.size() == 1);
}
