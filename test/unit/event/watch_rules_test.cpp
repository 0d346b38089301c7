#include "event/watch_rules.h"

#include <doctest/doctest.h>

using namespace herald;
using namespace herald::event;
using namespace std::chrono_literals;
using std::chrono::seconds;

TEST_CASE("Event is read as package and id, other parameters apart (PR-4)") {
  CHECK(EventValue::parse("presence") == EventValue{"presence", ""});
  CHECK(EventValue::parse(" oma-push ;appid=news.ua;id=7") == EventValue{"oma-push", "7"});
  CHECK_FALSE(EventValue::parse("").has_value());
  CHECK_FALSE(EventValue::parse(";id=3").has_value());
  CHECK_FALSE(EventValue::parse("two words").has_value());
  CHECK_FALSE(EventValue::parse(std::string(1000, 'x')).has_value());
}

TEST_CASE("Subscription-State is read with reason, retry-after and expires (PR-5)") {
  const auto state = StateValue::parse("Terminated;reason=GiveUp;retry-after=20");
  REQUIRE(state.has_value());
  CHECK(state->status == SubscriptionStatus::terminated);
  CHECK(state->reason == EndReason::giveup);
  CHECK(state->retry_after == 20s);
  CHECK(StateValue::parse("pending;expires=3")->expires == 3s);
  CHECK(StateValue::parse("active")->status == SubscriptionStatus::active);
  CHECK(StateValue::parse("later-state")->status == SubscriptionStatus::active);
  CHECK(StateValue::parse("terminated;reason=nonsense")->reason == EndReason::none);
  CHECK_FALSE(StateValue::parse("").has_value());
}

TEST_CASE("numbers of seconds are read with their comments and never overflow (PR-2)") {
  CHECK(delta_seconds("120") == 120s);
  CHECK(delta_seconds(" 18000 ;duration=3600") == 18000s);
  CHECK(delta_seconds("5 (maintenance)") == 5s);
  CHECK(delta_seconds("99999999999999") == seconds(0xffffffffU));
  CHECK_FALSE(delta_seconds("-1").has_value());
  CHECK_FALSE(delta_seconds("soon").has_value());
  CHECK_FALSE(delta_seconds(std::nullopt).has_value());
}

TEST_CASE("a refresh goes out well before the end, some earlier than others (PR-2, AS-22)") {
  CHECK(refresh_after(3600s, 0.0) == 3000s);
  CHECK(refresh_after(3600s, 1.0) == 2700s);
  CHECK(refresh_after(1200s, 0.0) == 600s);
  CHECK(refresh_after(1201s, 0.0) == 601s);
  CHECK(refresh_after(60s, 0.0) == 30s);
  CHECK(refresh_after(0s, 0.5) == 0s);
}

TEST_CASE("pauses between attempts double up to five minutes (PR-3)") {
  CHECK(back_off(1, 1.0) == 5s);
  CHECK(back_off(2, 1.0) == 10s);
  CHECK(back_off(6, 1.0) == 160s);
  CHECK(back_off(7, 1.0) == 300s);
  CHECK(back_off(4000000000U, 1.0) == 300s);
  CHECK(back_off(1, 0.0) == 4s);
}

TEST_CASE("what ended a subscription decides whether there is a new one (PR-5, PS-72)") {
  struct Row {
    const char* state;
    std::optional<Duration> again;
  };
  const Row rows[] = {
      {"terminated;reason=deactivated", 0s},
      {"terminated;reason=deactivated;retry-after=60", 0s},
      {"terminated;reason=timeout", 0s},
      {"terminated;reason=probation", 5s},
      {"terminated;reason=probation;retry-after=30", 30s},
      {"terminated;reason=giveup", 5s},
      {"terminated;reason=giveup;retry-after=7", 7s},
      {"terminated", 5s},
      {"terminated;retry-after=11", 11s},
      {"terminated;reason=rejected", std::nullopt},
      {"terminated;reason=rejected;retry-after=5", std::nullopt},
      {"terminated;reason=noresource", std::nullopt},
      {"terminated;reason=invariant", std::nullopt},
  };
  for (const auto& row : rows) {
    CAPTURE(row.state);
    CHECK(again_after_end(*StateValue::parse(row.state), 0, 1.0) == row.again);
  }
  // Again and again within seconds: not in circles.
  CHECK(again_after_end(*StateValue::parse("terminated;reason=deactivated"), 3, 1.0) == Duration(20s));
}

TEST_CASE("what refuses a SUBSCRIBE decides whether it is tried again (PR-2, PR-3)") {
  struct Row {
    int status;
    bool local;
    std::optional<seconds> retry_after;
    std::optional<Duration> again;
  };
  const Row rows[] = {
      {408, true, {}, 5s},    {503, true, {}, 5s},  {500, false, {}, 5s}, {503, false, 60s, 60s}, {503, false, 1s, 5s},
      {480, false, {}, 5s},   {486, false, {}, 5s}, {408, false, {}, 5s}, {404, false, {}, {}},   {404, false, 30s, 30s},
      {603, false, 90s, 90s}, {603, false, {}, {}}, {403, false, 9s, {}}, {489, false, {}, {}},   {401, false, {}, {}},
      {407, false, {}, {}},   {423, false, {}, {}}, {501, false, {}, {}}, {400, false, {}, {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.status);
    CHECK(again_after_refusal(row.status, row.local, row.retry_after, 1, 1.0) == row.again);
  }
}

TEST_CASE("a refused refresh ends the subscription, begins a new one or is tried again (PR-2)") {
  CHECK(refresh_refused(481, false) == RefreshVerdict::new_dialog);
  for (const int status : {404, 405, 410, 416, 480, 482, 485, 489, 501, 604, 403, 401}) {
    CAPTURE(status);
    CHECK(refresh_refused(status, false) == RefreshVerdict::lost);
  }
  for (const int status : {408, 491, 500, 503, 504}) {
    CAPTURE(status);
    CHECK(refresh_refused(status, false) == RefreshVerdict::later);
  }
  CHECK(refresh_refused(481, true) == RefreshVerdict::later);
}
