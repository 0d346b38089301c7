#include "event/notify_rules.h"

#include <array>
#include <doctest/doctest.h>
#include <string>

using namespace herald;
using namespace herald::event;
using namespace std::chrono_literals;

TEST_CASE("PS-73: which answers to a NOTIFY end the subscription") {
  for (int status = 300; status < 700; ++status) {
    constexpr std::array kEnding{404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604};
    const bool ends = std::find(kEnding.begin(), kEnding.end(), status) != kEnding.end();
    CAPTURE(status);
    CHECK(verdict_of(status, ResponseOrigin::peer) == (ends ? NotifyVerdict::remove : NotifyVerdict::keep));
  }
  CHECK(verdict_of(200, ResponseOrigin::peer) == NotifyVerdict::delivered);
  CHECK(verdict_of(202, ResponseOrigin::peer) == NotifyVerdict::delivered);
  CHECK(verdict_of(408, ResponseOrigin::timer) == NotifyVerdict::remove);  // Timer F
  for (const auto origin : {ResponseOrigin::not_resolved, ResponseOrigin::connect_failed, ResponseOrigin::connection_lost,
                            ResponseOrigin::unreachable, ResponseOrigin::tls_failed, ResponseOrigin::hop_blocked}) {
    CHECK(verdict_of(503, origin) == NotifyVerdict::keep);
  }
}

TEST_CASE("PS-73: what failed is tried again after Retry-After, else after ever longer pauses") {
  CHECK(retry_delay(0, 17s) == 17s);
  CHECK(retry_delay(0, 0s) == 1s);
  CHECK(retry_delay(0, 100000s) == 1h);
  CHECK(retry_delay(0, {}) == 5s);
  CHECK(retry_delay(1, {}) == 10s);
  CHECK(retry_delay(1000, {}) == 5min);
}

TEST_CASE("PS-64: Expires may be shortened, never lengthened; 423 only below an hour and below the least") {
  struct Row {
    std::optional<std::chrono::seconds> asked;
    std::chrono::seconds least;
    std::optional<std::chrono::seconds> granted;
  };
  const std::array rows{
      Row{std::nullopt, 60s, 3000s},
      Row{0s, 60s, 0s},
      Row{1s, 60s, std::nullopt},
      Row{59s, 60s, std::nullopt},
      Row{60s, 60s, 60s},
      Row{3599s, 60s, 3599s},
      Row{90000s, 60s, 86400s},
      Row{3599s, 7200s, std::nullopt},
      Row{3600s, 7200s, 3600s},
      Row{7200s, 7200s, 7200s},
      Row{4294967295s, 60s, 86400s},
  };
  EventRules rules;
  rules.default_expires = 3000s;
  rules.expiry_jitter = 0;
  for (const auto& row : rows) {
    rules.min_expires = row.least;
    const auto granted = granted_expires(row.asked, rules, 1);
    CAPTURE(row.asked.value_or(-1s).count());
    REQUIRE(granted.has_value() == row.granted.has_value());
    if (granted) CHECK(*granted == *row.granted);
  }
}

TEST_CASE("PS-64: jitter takes off up to its part, but nobody below the least") {
  EventRules rules;
  rules.expiry_jitter = 0.1;
  CHECK(granted_expires(3600s, rules, 0).value() == 3600s);
  CHECK(granted_expires(3600s, rules, 0.5).value() == 3420s);
  CHECK(granted_expires(3600s, rules, 1).value() == 3240s);
  CHECK(granted_expires(62s, rules, 1).value() == 60s);
  CHECK(granted_expires(0s, rules, 1).value() == 0s);
}

TEST_CASE("PS-75 AS-64: the rates that are used: raised to come before the expiry, held down by the package's own") {
  EventRates asked;
  asked.max_rate = 0.0001;
  CHECK(used_rates(asked, 100s, 0).max_rate.value() == doctest::Approx(0.01));
  asked.max_rate = 50;
  asked.min_rate = 20;
  asked.adaptive_min_rate = 30;
  auto used = used_rates(asked, 100s, 2);
  CHECK(used.max_rate.value() == 2);
  CHECK(used.min_rate.value() == 2);
  CHECK(used.adaptive_min_rate.value() == 2);
  used = used_rates(asked, 100s, 0);
  CHECK(used.max_rate.value() == 50);
  CHECK(used.min_rate.value() == 20);
  CHECK_FALSE(used_rates(EventRates(), 100s, 1).max_rate.has_value());

  CHECK(least_interval(EventRates(), 0) == 0s);
  CHECK(least_interval(EventRates(), 0.5) == 2s);
  CHECK(least_interval(used_rates(asked, 100s, 0), 0) == 20ms);
  CHECK(least_interval(used_rates(asked, 100s, 0), 4) == 250ms);
}

TEST_CASE("PS-75: min-rate sets the longest silence; adaptive-min-rate stretches it after many NOTIFYs") {
  const TimePoint now(1h);
  EventRates used;
  CHECK_FALSE(longest_interval(used, {}, now).has_value());
  used.min_rate = 0.25;
  CHECK(longest_interval(used, {}, now).value() == 4s);
  used.min_rate.reset();
  used.adaptive_min_rate = 0.1;  // period: 100 s
  CHECK(longest_interval(used, {}, now).value() == 10s);
  std::vector<TimePoint> history;
  for (int i = 0; i < 20; ++i) history.push_back(now - 100s + i * 5s);
  CHECK(longest_interval(used, history, now).value() == 20s);
  history.resize(5);
  history.front() = now - 100s;
  CHECK(longest_interval(used, history, now).value() == 5s);
}

TEST_CASE("PS-75: only a change waits for its rate; of two causes the weightier counts") {
  CHECK_FALSE(is_exempt(NotifyCause::change));
  for (const auto cause : {NotifyCause::initial, NotifyCause::refresh, NotifyCause::decision, NotifyCause::ended}) {
    CHECK(is_exempt(cause));
    CHECK(weightier(cause, NotifyCause::change) == cause);
    CHECK(weightier(NotifyCause::change, cause) == cause);
    CHECK(weightier(cause, NotifyCause::ended) == NotifyCause::ended);
  }
}
