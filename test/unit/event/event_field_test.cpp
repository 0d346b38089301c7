#include "event/event_field.h"

#include <doctest/doctest.h>

using namespace herald;
using namespace herald::event;
using namespace std::chrono_literals;

TEST_CASE("PS-61: Event is read into package, id and parameters, and what is none is refused") {
  const auto field = parse_event(" oma-push ;appid=news.ua;id=ab12;max-rate=0.5;x");
  REQUIRE(field.has_value());
  CHECK(field->package == "oma-push");
  CHECK(field->id == "ab12");
  CHECK(field->params.get("appid") == "news.ua");
  CHECK(field->params.has("x"));
  CHECK_FALSE(field->params.has("id"));
  CHECK_FALSE(field->params.has("max-rate"));
  CHECK(field->rates.max_rate.value() == doctest::Approx(0.5));

  for (const auto* text : {"", " ", ";id=1", "oma push", "oma-push;id=", "oma-push;id=\"a b\"", "a/b"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_event(text).has_value());
  }
  CHECK_FALSE(parse_event("oma-push;id=" + std::string(200, 'a')).has_value());
  CHECK_FALSE(parse_event("oma-push;a=" + std::string(2000, 'a')).has_value());
  std::string many = "oma-push";
  for (int i = 0; i < 20; ++i) many += ";p" + std::to_string(i);
  CHECK_FALSE(parse_event(many).has_value());
}

TEST_CASE("PS-75: rates are 1*2DIGIT [.1*10DIGIT] without zero; others are not asked for") {
  CHECK(parse_rate("1").value() == 1);
  CHECK(parse_rate("99.9999999999").value() == doctest::Approx(99.9999999999));
  CHECK(parse_rate("0.0000000001").value() == doctest::Approx(1e-10));
  for (const auto* text : {"0", "00", "0.0", "100", "1.", ".5", "-1", "1e1", "0.00000000001", "", "a", "1,5"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rate(text).has_value());
  }
  CHECK(rate_text(1) == "1");
  CHECK(rate_text(0.05) == "0.05");
  CHECK(rate_text(99.9999999999) == "99.9999999999");
  CHECK(rate_text(1e-10) == "0.0000000001");
  CHECK(rate_text(1e-15) == "0.0000000001");
  CHECK(rate_text(500) == "99.9999999999");
  const auto field = parse_event("p;max-rate=0;min-rate=200;adaptive-min-rate=x");
  REQUIRE(field.has_value());
  CHECK(field->rates == EventRates());
}

TEST_CASE("PS-70 PS-72: Subscription-State says state, expiry, reason, retry-after and the rates in use") {
  StateField state;
  state.expires = 599s;
  CHECK(state_text(state) == "active;expires=599");
  state.status = SubscriptionStatus::pending;
  state.expires = -3s;
  CHECK(state_text(state) == "pending;expires=0");
  state.rates.max_rate = 0.5;
  state.rates.min_rate = 0.1;
  state.rates.adaptive_min_rate = 0.25;
  CHECK(state_text(state) == "pending;expires=0;max-rate=0.5;min-rate=0.1;adaptive-min-rate=0.25");
  state.status = SubscriptionStatus::terminated;
  CHECK(state_text(state) == "terminated");
  const std::array<std::pair<EndReason, const char*>, 7> reasons{{{EndReason::deactivated, "deactivated"},
                                                                  {EndReason::probation, "probation"},
                                                                  {EndReason::rejected, "rejected"},
                                                                  {EndReason::timeout, "timeout"},
                                                                  {EndReason::giveup, "giveup"},
                                                                  {EndReason::noresource, "noresource"},
                                                                  {EndReason::invariant, "invariant"}}};
  for (const auto& [reason, text] : reasons) {
    state.reason = reason;
    CHECK(state_text(state) == "terminated;reason=" + std::string(text));
  }
  state.retry_after = 30s;
  CHECK(state_text(state) == "terminated;reason=invariant;retry-after=30");
}

TEST_CASE("PS-67: Accept is read as media ranges, bounded in number and size") {
  SipHeaders headers;
  CHECK(accept_ranges(headers).empty());
  headers.add("Accept", "application/vnd.oma.push, text/*;q=0.5");
  headers.add("Accept", std::string(500, 'x'));
  CHECK(accept_ranges(headers) == std::vector<std::string>{"application/vnd.oma.push", "text/*;q=0.5"});
  for (int i = 0; i < 100; ++i) headers.add("Accept", "a/b" + std::to_string(i));
  CHECK(accept_ranges(headers).size() == 32);
}

TEST_CASE("PS-64: Expires is delta-seconds; what is above 2**32-1 counts as that") {
  const auto read = [](std::string value) {
    SipHeaders headers;
    headers.add("Expires", std::move(value));
    return expires_of(headers);
  };
  CHECK(expires_of(SipHeaders()).value() == std::nullopt);
  CHECK(read("0").value() == 0s);
  CHECK(read(" 3600 ").value() == 3600s);
  CHECK(read("99999999999999999999").value() == 4294967295s);
  for (const auto* text : {"", "-1", "1s", "abc", "1 2"}) CHECK_FALSE(read(text).has_value());
}

TEST_CASE("a body of a SUBSCRIBE must be understood unless its handling is optional (RFC 3261 20.11)") {
  SipMessage message;
  CHECK_FALSE(body_must_be_understood(message));
  message.body = "<filter/>";
  CHECK(body_must_be_understood(message));
  message.headers.set("Content-Disposition", "render");
  CHECK(body_must_be_understood(message));
  message.headers.set("Content-Disposition", "render;handling=required");
  CHECK(body_must_be_understood(message));
  message.headers.set("Content-Disposition", "render;handling=optional");
  CHECK_FALSE(body_must_be_understood(message));
}

TEST_CASE("PS-77: Suppress-If-Match is one token") {
  SipHeaders headers;
  CHECK_FALSE(suppress_if_match(headers).has_value());
  headers.set("Suppress-If-Match", " ab12 ");
  CHECK(suppress_if_match(headers) == "ab12");
  headers.set("Suppress-If-Match", "*");
  CHECK(suppress_if_match(headers) == "*");
  headers.set("Suppress-If-Match", "a b");
  CHECK_FALSE(suppress_if_match(headers).has_value());
}
