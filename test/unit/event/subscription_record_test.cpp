#include "event/subscription_record.h"

#include <doctest/doctest.h>

#include "herald/record.h"

using namespace herald;
using namespace herald::event;
using namespace std::chrono_literals;

namespace {

Subscription sample() {
  Subscription subscription;
  auto& info = subscription.info;
  info.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  info.package = "oma-push";
  info.event_id = "7";
  info.resource = "sip:bob@ims.lab";
  info.key = "news";
  info.subscriber = "sip:bob@ims.lab";
  info.attributes = std::string("a\0b", 3);
  info.accept = {"text/plain", "application/*"};
  info.rates.max_rate = 0.5;
  info.rates.min_rate = 1e-10;
  info.status = SubscriptionStatus::pending;
  info.created = WallTime(1767225600000ms);
  info.expires = WallTime(1767229200123ms);
  subscription.icid = "abc";
  subscription.reason = EndReason::giveup;
  subscription.retry_after = 30s;
  subscription.by_subscriber = true;
  auto& dialog = subscription.dialog;
  dialog.call_id = "c@d";
  dialog.local_tag = "ours";
  dialog.remote_tag = "theirs";
  dialog.local_address = "<sip:push@ims.lab>";
  dialog.remote_address = "<sip:bob@ims.lab>";
  dialog.remote_target = "sip:bob@127.0.0.1:6101";
  dialog.local_contact = "sip:push@127.0.0.1:5065";
  dialog.route_set = {"<sip:a;lr>", "<sip:b;lr>"};
  dialog.local_cseq = 32;
  dialog.remote_cseq = 5;
  dialog.has_remote_cseq = true;
  dialog.state = dialog::State::confirmed;
  info.contact = dialog.remote_target;
  return subscription;
}

}  // namespace

TEST_CASE("ST-40 ST-45: a subscription is written down whole: dialog, reserved CSeq, expiry, rates, state") {
  const auto before = sample();
  const auto after = decode(before.info.id, encode(before));
  REQUIRE(after.has_value());
  CHECK(after->info.id == before.info.id);
  CHECK(after->info.package == "oma-push");
  CHECK(after->info.event_id == "7");
  CHECK(after->info.resource == before.info.resource);
  CHECK(after->info.key == "news");
  CHECK(after->info.subscriber == before.info.subscriber);
  CHECK(after->info.contact == "sip:bob@127.0.0.1:6101");
  CHECK(after->info.attributes == before.info.attributes);
  CHECK(after->info.accept == before.info.accept);
  CHECK(after->info.rates.max_rate.value() == doctest::Approx(0.5));
  CHECK(after->info.rates.min_rate.value() == doctest::Approx(1e-10));
  CHECK_FALSE(after->info.rates.adaptive_min_rate.has_value());
  CHECK(after->info.status == SubscriptionStatus::pending);
  CHECK(after->info.created == before.info.created);
  CHECK(after->info.expires == before.info.expires);
  CHECK(after->icid == "abc");
  CHECK(after->reason == EndReason::giveup);
  CHECK(after->retry_after == 30s);
  CHECK(after->by_subscriber);
  CHECK(after->dialog.local_cseq == 32);
  CHECK(after->dialog.route_set == before.dialog.route_set);
}

TEST_CASE("fields of a newer version survive; a record that is cut or garbled is an error, never more") {
  auto subscription = sample();
  subscription.unknown = "\x7f\x02hi";  // tag 127, two bytes
  const auto bytes = encode(subscription);
  const auto after = decode(subscription.info.id, bytes);
  REQUIRE(after.has_value());
  CHECK(after->unknown == subscription.unknown);
  CHECK(encode(*after) == bytes);

  const auto plain = encode(sample());
  std::size_t accepted = 0;
  for (std::size_t length = 0; length < plain.size(); ++length) {
    accepted += decode("x", std::string_view(plain).substr(0, length)).has_value() ? 1 : 0;
    SubscriptionKey key;
    static_cast<void>(peek(std::string_view(plain).substr(0, length), key));
    static_cast<void>(is_dialog(std::string_view(plain).substr(0, length), "c@d", "ours", "theirs"));
  }
  CHECK(accepted < 6);  // only the optional fields at its end may be missing
  for (std::size_t at = 0; at < plain.size(); ++at) {
    auto bad = plain;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    static_cast<void>(decode("x", bad));
  }
}

TEST_CASE("a look at a record tells whose it is and of which dialog") {
  const auto bytes = encode(sample());
  SubscriptionKey key;
  REQUIRE(peek(bytes, key));
  CHECK(key.package == "oma-push");
  CHECK(key.resource == "sip:bob@ims.lab");
  CHECK(key.key == "news");
  CHECK(is_dialog(bytes, "c@d", "ours", "theirs"));
  CHECK_FALSE(is_dialog(bytes, "c@d", "ours", "other"));
  CHECK_FALSE(is_dialog(bytes, "c@d", "other", "theirs"));
  CHECK_FALSE(is_dialog(bytes, "x", "ours", "theirs"));
}
