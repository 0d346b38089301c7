// How fast pushes go to a domain, and in which order. PS-11, PS-17.
#include <doctest/doctest.h>

#include "push_lab.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

PushLab::Options paced(const std::string& paces) {
  PushLab::Options options;
  options.config = "domain_pace: " + paces + "\n";
  return options;
}

std::string user(int i, const std::string& domain = "ims.lab") { return "sip:u" + std::to_string(i) + "@" + domain; }

// Answers what is out until nothing more comes at this moment.
void answer_all(PushLab& lab) {
  for (bool more = true; more;) {
    more = false;
    for (const auto& sent : lab.messages()) {
      if (sent->done) continue;
      lab.answer(sent, 200);
      more = true;
    }
  }
}

}  // namespace

TEST_CASE("domain_pace: so many requests a second to the users of a domain, none to others is held up, and every push arrives") {
  PushLab lab(paced("[{domain: ims.lab, rate: 10/s}]"));
  std::vector<std::string> ids;
  for (int i = 0; i < 30; ++i) lab.registered(user(i), 86400);
  lab.registered(user(1, "other.lab"), 86400);
  for (int i = 0; i < 30; ++i) ids.push_back(lab.push(user(i)));
  lab.push(user(1, "other.lab"));
  answer_all(lab);
  CHECK(lab.messages().size() == 2);  // the first of each domain
  for (int second = 0; second < 3; ++second) {
    const auto before = lab.messages().size();
    for (int tick = 0; tick < 20; ++tick) {
      lab.advance(50ms);
      answer_all(lab);
    }
    CHECK(lab.messages().size() - before <= 11);
    CHECK(lab.messages().size() - before >= 9);
  }
  for (const auto& id : ids) CHECK(lab.status(id) == "delivered");
}

TEST_CASE("PS-17, PS-11: in the line of a paced domain urgent pushes go first and those of one user in their order") {
  PushLab lab(paced("[{domain: \"*\", rate: 1/s}]"));
  for (int i = 0; i < 3; ++i) lab.registered(user(i), 86400);
  const auto content = [](const std::string& text) { return json{{"content", {{"type", "text/plain"}, {"text", text}}}}; };
  lab.push(user(0), content("at once"));
  lab.push(user(1), content("first"));
  lab.push(user(1), content("second"));
  auto urgent = content("urgent");
  urgent["priority"] = "high";
  lab.push(user(2), urgent);
  std::vector<std::string> order;
  for (int i = 0; i < 60; ++i) {
    answer_all(lab);
    lab.advance(100ms);
  }
  for (const auto& sent : lab.messages()) order.push_back(sent->request.body);
  CHECK(order == std::vector<std::string>{"at once", "urgent", "first", "second"});
}

TEST_CASE("a paced push that is cancelled or expires in line does not go, and a reload lifts the pace") {
  PushLab lab(paced("[{domain: ims.lab, rate: 1/s}]"));
  for (int i = 0; i < 5; ++i) lab.registered(user(i), 86400);
  lab.push(user(0));
  const auto cancelled = lab.push(user(1));
  const auto late = lab.push(user(2), {{"deliver_before", "2026-01-01T00:00:01Z"}});
  const auto last = lab.push(user(3));
  CHECK(lab.call("DELETE", "/v1/pushes/" + cancelled).status == 200);
  answer_all(lab);
  CHECK(lab.status(late) != "delivered");
  lab.reload("");
  lab.advance(1s);
  answer_all(lab);
  CHECK(lab.status(last) == "delivered");
  CHECK(lab.status(cancelled) == "cancelled");
  CHECK(lab.messages().size() <= 3);
}

TEST_CASE("the recipients of a large push that expire at one moment all expire") {
  PushLab lab;
  json to = json::array();
  for (int i = 0; i < 1700; ++i) to.push_back(user(i));
  const auto id = lab.push("", {{"to", to}, {"deliver_before", "2026-01-01T00:01:00Z"}});
  lab.advance(1s);
  lab.advance(60s);
  std::string cursor;
  std::size_t expired = 0;
  do {
    const auto page = lab.call("GET", "/v1/pushes/" + id + "?limit=1000" + (cursor.empty() ? "" : "&cursor=" + cursor));
    for (const auto& one : page.body["recipients"]) expired += one["status"] == "expired" ? 1 : 0;
    cursor = page.body.value("next", "");
  } while (!cursor.empty());
  CHECK(expired == 1700);
}
