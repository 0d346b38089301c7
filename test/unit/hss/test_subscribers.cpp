#include <doctest/doctest.h>

#include "hss/subscribers.h"
#include "hss/uri.h"

namespace {

using namespace herald::lab;

Subscriber in_state(ImsState state) {
  Subscriber user;
  user.state = state;
  user.before_authentication = ImsState::unregistered_services;
  user.scscf = "sip:scscf";
  return user;
}

SubscriberConfig alice() {
  SubscriberConfig user;
  user.private_id = "alice@ims.lab";
  user.public_ids = {"sip:alice@ims.lab", "tel:+15551000001"};
  return user;
}

TEST_CASE("Server-Assignment moves a subscriber as the state table says (cx-lab-hss 5)") {
  struct Row {
    AssignmentType type;
    ImsState after;
    bool keep_scscf;
    bool send_profile;
  };
  using enum AssignmentType;
  const Row rows[] = {
      {no_assignment, ImsState::auth_pending, true, true},
      {registration, ImsState::registered, true, true},
      {re_registration, ImsState::registered, true, true},
      {unregistered_user, ImsState::unregistered_services, true, true},
      {timeout_deregistration, ImsState::not_registered, false, false},
      {user_deregistration, ImsState::not_registered, false, false},
      {timeout_deregistration_store_server_name, ImsState::unregistered_services, true, false},
      {user_deregistration_store_server_name, ImsState::unregistered_services, true, false},
      {administrative_deregistration, ImsState::not_registered, false, false},
      {authentication_failure, ImsState::unregistered_services, true, false},
      {authentication_timeout, ImsState::unregistered_services, true, false},
      {deregistration_too_much_data, ImsState::not_registered, false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(static_cast<int>(row.type));
    const auto result = assign(in_state(ImsState::auth_pending), row.type);
    REQUIRE(result.has_value());
    CHECK(result->state == row.after);
    CHECK(result->keep_scscf == row.keep_scscf);
    CHECK(result->send_profile == row.send_profile);
  }
  CHECK_FALSE(assign(in_state(ImsState::registered), static_cast<AssignmentType>(99)).has_value());
}

TEST_CASE("a repository update needs the next sequence number (sh-interface 6, SH-31)") {
  const RepositoryEntry seven{7, "<a/>"};
  const RepositoryEntry last{65535, "<a/>"};
  CHECK(judge_update(nullptr, 0, false) == UpdateVerdict::apply);
  CHECK(judge_update(nullptr, 1, false) == UpdateVerdict::out_of_sync);
  CHECK(judge_update(nullptr, 0, true) == UpdateVerdict::not_allowed);
  CHECK(judge_update(&seven, 8, false) == UpdateVerdict::apply);
  CHECK(judge_update(&seven, 8, true) == UpdateVerdict::apply);
  CHECK(judge_update(&seven, 7, false) == UpdateVerdict::out_of_sync);
  CHECK(judge_update(&seven, 0, false) == UpdateVerdict::out_of_sync);
  CHECK(judge_update(&last, 1, false) == UpdateVerdict::apply);
  CHECK(judge_update(&last, 0, false) == UpdateVerdict::out_of_sync);
}

TEST_CASE("identities are found in any spelling (SH-51)") {
  CHECK(canonical_identity("sip:alice@IMS.Lab:5060;user=phone") == "sip:alice@ims.lab");
  CHECK(canonical_identity("SIP:Alice@ims.lab") == "sip:Alice@ims.lab");
  CHECK(canonical_identity("tel:+1-555-100-0001;phone-context=x") == "tel:+15551000001");
  CHECK(canonical_identity("sip:ims.lab") == "sip:ims.lab");
  CHECK(msisdn_digits("\x53\x48\x10\x32\x54\xF6") == "35840123456");
  CHECK(msisdn_digits("\x53\x48\x10\x32\x54\x76") == "358401234567");

  SubscriberStore store;
  store.load({alice()});
  CHECK(store.by_public("sip:alice@IMS.LAB;transport=tcp").has_value());
  CHECK(store.by_public("tel:+1(555)1000001").has_value());
  CHECK_FALSE(store.by_public("sip:bob@ims.lab").has_value());
}

TEST_CASE("rereading keeps the registration state and names whose repository data changed") {
  SubscriberStore store;
  auto bob = alice();
  bob.private_id = "bob@ims.lab";
  bob.public_ids = {"sip:bob@ims.lab"};
  store.load({alice(), bob});
  REQUIRE(store.change("alice@ims.lab", [](Subscriber& user) { user.state = ImsState::registered; }));
  auto changed = alice();
  changed.repository["push-profile"] = {8, "<a/>"};
  CHECK(store.load({changed, bob}) == std::vector<std::string>{"sip:alice@ims.lab"});
  CHECK(store.by_private("alice@ims.lab")->state == ImsState::registered);
  CHECK(store.load({bob}).empty());
  CHECK_FALSE(store.change("alice@ims.lab", [](Subscriber&) {}));
}

}  // namespace
