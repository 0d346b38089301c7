// GET /v1/pushes/{id}/events: SM-1, SM-2, SM-4 as the initiator sees them while they happen.
#include <doctest/doctest.h>

#include "push_lab.h"
#include "result/push_event_text.h"

namespace herald::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Event {
  std::string id;
  json data;
  [[nodiscard]] std::string status() const { return data["recipient"]["status"]; }
};

std::vector<Event> events(std::string_view text) {
  std::vector<Event> found;
  Event event;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("id: ")) event.id = line.substr(4);
    if (line.starts_with("data: ")) event.data = json::parse(line.substr(6));
    if (line.empty() && !event.id.empty()) found.push_back(std::exchange(event, {}));
  }
  return found;
}

std::vector<std::string> statuses(const ScriptedStream& stream) {
  std::vector<std::string> list;
  for (const auto& event : events(stream.text)) list.push_back(event.status());
  return list;
}

using Words = std::vector<std::string>;

TEST_CASE("SM-2 the events of a push are its present state, then each change, and end with the last final one") {
  PushLab lab;
  const auto id = lab.push();
  const auto stream = lab.watch(id);
  CHECK(statuses(*stream) == Words{"waiting_reachable"});
  CHECK_FALSE(stream->closed);
  lab.registered("sip:alice@ims.lab");
  CHECK(statuses(*stream) == Words{"waiting_reachable", "sending"});
  lab.answer(lab.last(), 486);
  lab.advance(seconds(10));
  lab.answer(lab.last(), 200);
  CHECK(statuses(*stream) == Words{"waiting_reachable", "sending", "retrying", "sending", "delivered"});
  CHECK(stream->closed);
  const auto last = events(stream->text).back();
  CHECK(last.data["push"] == id);
  CHECK(last.data["index"] == 0);
  CHECK(last.data["recipient"]["code"] == 1000);
  CHECK(last.data["recipient"]["final"] == true);
  CHECK(last.data["recipient"]["address"] == "sip:alice@ims.lab");
}

TEST_CASE("SM-2 a client that comes back gets exactly what it missed") {
  PushLab lab;
  const auto id = lab.push();
  const auto stream = lab.watch(id);
  const auto last = events(stream->text).back().id;
  stream->reading = false;  // gone
  lab.registered("sip:alice@ims.lab");
  lab.answer(lab.last(), 486);
  const auto again = lab.watch(id, {{"Last-Event-ID", last}});
  CHECK(statuses(*again) == Words{"sending", "retrying"});
  lab.advance(seconds(10));
  CHECK(statuses(*again) == Words{"sending", "retrying", "sending"});
  const auto middle = events(again->text)[0].id;
  CHECK(statuses(*lab.watch(id, {{"Last-Event-ID", middle}})) == Words{"retrying", "sending"});
  lab.restart();  // the histories are in the store
  CHECK(statuses(*lab.watch(id, {{"Last-Event-ID", middle}})).front() == "retrying");
}

TEST_CASE("SM-2 who comes back after the end, having seen all, is told not to come again") {
  PushLab lab;
  lab.registered("sip:alice@ims.lab");
  const auto id = lab.push();
  lab.answer(lab.last(), 200);
  const auto stream = lab.watch(id);
  CHECK(statuses(*stream) == Words{"delivered"});
  CHECK(stream->closed);
  CHECK(lab.watch(id, {{"Last-Event-ID", events(stream->text).back().id}}, 204) == nullptr);
}

TEST_CASE("SM-4 the events of many recipients, homes on several shards, are each other's equals") {
  PushLab::Options options;
  options.shards = 4;
  PushLab lab(options);
  std::vector<std::string> to;
  for (int i = 0; i < 250; ++i) to.push_back("sip:user" + std::to_string(i) + "@ims.lab");
  const auto id = lab.push("sip:x@ims.lab", {{"to", to}});
  const auto stream = lab.watch(id);
  lab.advance(seconds(1));
  CHECK(events(stream->text).size() == 250);
  lab.registered("sip:user7@ims.lab");
  lab.answer(lab.last(), 200);
  CHECK(statuses(*stream).back() == "delivered");
  CHECK(events(stream->text).back().data["index"] == 7);
  lab.call("DELETE", "/v1/pushes/" + id);
  lab.settle();
  std::set<int> ended;
  for (const auto& event : events(stream->text)) {
    if (event.data["recipient"]["final"] == true) CHECK(ended.insert(event.data["index"].get<int>()).second);
  }
  CHECK(ended.size() == 250);
  CHECK(stream->closed);
}

TEST_CASE("the stream is kept alive, and forgotten when its client does not read") {
  PushLab lab;
  const auto id = lab.push();
  const auto stream = lab.watch(id);
  const auto before = stream->text.size();
  lab.advance(seconds(16));
  CHECK(stream->text.substr(before) == ": still here\n\n");
  stream->reading = false;
  lab.advance(seconds(16));
  CHECK(stream->closed);
}

TEST_CASE("a stream ends with the node, and there are only so many") {
  PushLab::Options options;
  options.config = "events: {max_streams: 2}\n";
  PushLab lab(options);
  const auto id = lab.push();
  const auto first = lab.watch(id);
  const auto second = lab.watch(id);
  lab.watch(id, {}, 503);
  lab.crash();
  CHECK(first->closed);
  CHECK(second->closed);
  lab.boot();
}

TEST_CASE("events of a push that is somebody else's, or none, do not exist") {
  PushLab lab;
  const auto id = lab.push();
  CHECK(lab.call("GET", "/v1/pushes/" + id + "/events", {}, {{"Authorization", "Bearer mail-token"}}).status == 404);
  CHECK(lab.call("GET", "/v1/pushes/nosuch/events").status == 404);
  CHECK(lab.call("GET", "/v1/pushes/" + id + "/events", {}, {}).status == 401);
  CHECK(lab.call("GET", "/v1/pushes/" + id + "/events", {}, {{"Authorization", "Bearer news-token"}, {"Last-Event-ID", "x"}})
            .status == 400);
}

TEST_CASE("the name of an event is read as it was written, and nothing else is") {
  using push::EventId;
  const EventId id{WallTime(std::chrono::milliseconds(1700000000123)), 42, push::Status::waiting_reachable, 3};
  CHECK(id.text() == "1700000000123-42-waiting_reachable-3");
  CHECK(EventId::parse(id.text()) == id);
  for (const auto* bad : {"", "x", "1", "1-2", "1-2-sending", "1-2-nothing-3", "1-2-sending-3x", "1-2-sending--3",
                          "1--2-sending-3", "99999999999999999999-1-sending-1", "1-2-sending-99999999"}) {
    CAPTURE(bad);
    CHECK_FALSE(EventId::parse(bad).has_value());
  }
}

TEST_CASE("SM-2 a history that lost its middle still gives what came after") {
  push::Delivery delivery;
  for (int i = 0; i < 100; ++i) {
    ++delivery.attempts;
    delivery.move_to(push::Status::sending, 1001, "attempt", WallTime(seconds(i)));
  }
  const push::EventId lost{WallTime(seconds(40)), 0, push::Status::sending, 41};
  const auto lines = push::unseen(delivery, lost);
  REQUIRE_FALSE(lines.empty());
  for (const auto line : lines) CHECK(delivery.history[line].at > lost.at);
  CHECK(lines.back() == delivery.history.size() - 1);
}

}  // namespace
}  // namespace herald::test
