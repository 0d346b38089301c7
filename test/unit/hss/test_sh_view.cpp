#include <doctest/doctest.h>

#include "hss/sh_view.h"

namespace {

using namespace herald::lab;

Subscriber alice(ImsState state) {
  Subscriber user;
  user.profile.private_id = "alice@ims.lab";
  user.profile.public_ids = {"sip:alice@ims.lab"};
  user.state = state;
  return user;
}

TEST_CASE("authentication is no news, registration is (SH-46)") {
  const ShKey state{DataReference::user_state, "", ""};
  auto pending = alice(ImsState::auth_pending);
  const auto absent = alice(ImsState::not_registered);
  const auto present = alice(ImsState::registered);
  CHECK_FALSE(is_news(absent, pending, state));
  CHECK(is_news(pending, present, state));
  CHECK_FALSE(is_news(pending, absent, state));
  CHECK(is_news(present, absent, state));
  CHECK_FALSE(is_news(present, present, state));
  pending.before_authentication = ImsState::registered;
  CHECK_FALSE(is_news(pending, present, state));
}

TEST_CASE("a change is news only under the key it concerns") {
  auto before = alice(ImsState::registered);
  auto after = before;
  after.scscf = "sip:other";
  CHECK(is_news(before, after, {DataReference::scscf_name, "", ""}));
  CHECK_FALSE(is_news(before, after, {DataReference::user_state, "", ""}));
  CHECK_FALSE(is_news(before, after, {DataReference::repository_data, "a", ""}));
  after = before;
  after.profile.repository["a"] = {1, "<a/>"};
  CHECK(is_news(before, after, {DataReference::repository_data, "a", ""}));
  CHECK_FALSE(is_news(before, after, {DataReference::repository_data, "b", ""}));
}

TEST_CASE("a reference this HSS does not serve is refused, one without data is empty") {
  ShView view;
  CHECK_FALSE(look_up(alice(ImsState::registered), {static_cast<DataReference>(14), "", ""}, view));
  CHECK(look_up(alice(ImsState::registered), {DataReference::repository_data, "none", ""}, view));
  CHECK_FALSE(view.repository_service.has_value());
}

}  // namespace
