// Log lines, metrics text, trace ids.
#include <doctest/doctest.h>
#include <set>
#include <string>

#include "base/log_setup.h"
#include "herald/log.h"
#include "herald/metrics.h"
#include "herald/trace.h"

using namespace herald;

namespace {
struct Captured {
  std::string text;
  Captured() {
    log::capture([this](std::string_view line) { text += line; });
  }
  ~Captured() { log::capture({}); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
};
}  // namespace

TEST_CASE("a log line is one JSON object whatever the values hold") {
  const Captured captured;
  log::warn("odd \"peer\"", {{"header", "a\r\nb\\\x01\xff"}, {"count", 3}});
  CHECK(captured.text.find("\"msg\":\"odd \\\"peer\\\"\"") != std::string::npos);
  CHECK(captured.text.find("\"header\":\"a\\u000d\\nb\\\\\\u0001\\u00ff\"") != std::string::npos);
  CHECK(captured.text.find("\"count\":\"3\"") != std::string::npos);
  CHECK(captured.text.find('\n') == std::string::npos);
}

TEST_CASE("an operator event carries its number, cause, effect and action") {
  const Captured captured;
  constexpr log::OperatorEvent kEvent{"XX0001", log::Level::warn, "it broke", "a cause", "an effect", "an action"};
  log::event(kEvent, {{"peer", "hss"}});
  for (const auto* part :
       {"\"event\":\"XX0001\"", "\"cause\":\"a cause\"", "\"effect\":\"an effect\"", "\"action\":\"an action\""})
    CHECK(captured.text.find(part) != std::string::npos);
}

TEST_CASE("lines below the level are not made") {
  const Captured captured;
  log::debug("hidden");
  CHECK(captured.text.empty());
  CHECK_FALSE(log::enabled(log::Level::debug));
}

TEST_CASE("identities are hashed in logs, equal ones equally") {
  const auto alice = log::identity("sip:alice@ims.lab");
  CHECK(alice.find("alice") == std::string::npos);
  CHECK(alice == log::identity("sip:alice@ims.lab"));
  CHECK(alice != log::identity("sip:bob@ims.lab"));
}

TEST_CASE("metrics of one name and labels are one instrument") {
  const auto a = metrics::counter("herald_test_things_total", "Things", {{"kind", "x"}});
  const auto b = metrics::counter("herald_test_things_total", "Things", {{"kind", "x"}});
  a.add();
  b.add(2);
  CHECK(metrics::text().find("herald_test_things_total{kind=\"x\"} 3") != std::string::npos);
}

TEST_CASE("trace ids come from a traceparent or are made, 32 hex digits") {
  CHECK(TraceId::create().text().size() == 32);
  CHECK(TraceId::create().text() != TraceId::create().text());
  const auto given = TraceId::from_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  REQUIRE(given);
  CHECK(given->text() == "0af7651916cd43dd8448eb211c80319c");
  for (const auto* bad :
       {"", "00", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01"})
    CHECK_FALSE(TraceId::from_traceparent(bad));
}

TEST_CASE("tokens are long, of the right letters, and do not repeat") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto token = random_token(16);
    CHECK(token.size() == 16);
    CHECK(token.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == std::string::npos);
    seen.insert(token);
  }
  CHECK(seen.size() == 1000);
}
