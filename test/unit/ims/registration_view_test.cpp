#include <doctest/doctest.h>
#include <malloc.h>

#include "doubles/manual_executor.h"
#include "doubles/virtual_clock.h"
#include "ims/registration_view_impl.h"
#include "store/memory_store.h"

using namespace herald;
using namespace herald::ims;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  explicit Fixture(std::size_t max = 1000000) {
    store::MemoryOptions options;
    options.clock = &clock;
    store = std::make_unique<store::MemoryStore>(options);
    restart(max);
  }
  // A new process on the same store.
  void restart(std::size_t max = 1000000) {
    view.reset();
    RegistrationViewImpl::Options options;
    options.max = max;
    view = RegistrationViewImpl::make(executor, store.get(), options);
    subscription = view->listen([this](RegistrationEvent event, const Registration& about) {
      const char* const names[] = {"registered", "refreshed", "deregistered", "expired"};
      events.push_back(std::string(names[static_cast<int>(event)]) + " " + about.user);
    });
  }
  static Task<void> load_view(std::shared_ptr<RegistrationViewImpl> into, bool& good) {
    auto loading = into->load();
    const auto loaded = co_await std::move(loading);
    good = loaded.has_value();
  }
  bool load() {
    bool good = false;
    executor.run([&] { spawn(load_view(view, good)); });
    executor.run_ready();
    return good;
  }
  RegistrationChange change(std::string user, Duration span, std::string instance = "one") {
    RegistrationChange made;
    auto& registration = made.registration;
    registration.user = std::move(user);
    registration.scscf = "sip:127.0.0.1:6060";
    registration.source = "third-party-register";
    registration.trace = "0af7651916cd43dd8448eb211c80319c";
    registration.updated = clock.wall();
    registration.expires = clock.wall() + std::chrono::duration_cast<std::chrono::milliseconds>(span);
    registration.associated = {"tel:+15551000001"};
    registration.path = {"<sip:127.0.0.1:6060;lr>", "<sip:127.0.0.1:6101;lr>"};
    RegisteredContact contact;
    contact.uri = "sip:alice@127.0.0.1:6101";
    contact.params.set("+sip.instance", "\"<urn:uuid:" + instance + ">\"");
    contact.applications = {"news.ua", "mms.ua"};
    contact.expires = registration.expires;
    registration.contacts.push_back(contact);
    registration.contacts_known = true;
    return made;
  }
  Expected<void> apply(RegistrationChange made) {
    auto result = executor.run([&] { return view->apply(std::move(made)); });
    executor.run_ready();
    return result;
  }

  VirtualClock clock;
  ManualExecutor executor{clock};
  std::unique_ptr<store::MemoryStore> store;
  std::shared_ptr<RegistrationViewImpl> view;
  RegistrationView::Subscription subscription;
  std::vector<std::string> events;
};

using Events = std::vector<std::string>;

}  // namespace

TEST_CASE("registered, refreshed, deregistered are told once each; aliases find the same record (AS-12, AS-17)") {
  Fixture f;
  REQUIRE(f.apply(f.change("sip:alice@ims.lab", 600s)).has_value());
  REQUIRE(f.apply(f.change("sip:alice@ims.lab", 600s)).has_value());
  CHECK(f.view->size() == 1);
  CHECK(f.view->find("tel:+15551000001") == f.view->find("sip:alice@ims.lab"));
  CHECK(f.view->find("sip:alice@ims.lab")->contacts.size() == 1);
  CHECK(f.view->find("sip:bob@ims.lab") == nullptr);
  auto gone = f.change("sip:alice@ims.lab", 0s);
  gone.deregistered = true;
  REQUIRE(f.apply(gone).has_value());
  REQUIRE(f.apply(gone).has_value());  // unknown by now: nothing to tell
  CHECK(f.view->find("tel:+15551000001") == nullptr);
  CHECK(f.events == Events{"registered sip:alice@ims.lab", "refreshed sip:alice@ims.lab", "deregistered sip:alice@ims.lab"});
  CHECK(f.executor.timer_count() == 0);
  CHECK(f.store->records() == 0);
}

TEST_CASE("a registration runs out by itself, for a real S-CSCF says nothing; a refresh prolongs it") {
  Fixture f;
  REQUIRE(f.apply(f.change("sip:alice@ims.lab", 600s)).has_value());
  REQUIRE(f.apply(f.change("sip:bob@ims.lab", 900s)).has_value());
  f.executor.advance(500s);
  REQUIRE(f.apply(f.change("sip:alice@ims.lab", 600s)).has_value());
  f.executor.advance(401s);
  CHECK(f.view->find("sip:bob@ims.lab") == nullptr);
  CHECK(f.view->find("sip:alice@ims.lab") != nullptr);
  f.executor.advance(200s);
  CHECK(f.view->size() == 0);
  CHECK(f.events == Events{"registered sip:alice@ims.lab", "registered sip:bob@ims.lab", "refreshed sip:alice@ims.lab",
                           "expired sip:bob@ims.lab", "expired sip:alice@ims.lab"});
  CHECK(f.store->records() == 0);
}

TEST_CASE("two devices: one leaves or runs out, the other stays (AS-14)") {
  Fixture f;
  REQUIRE(f.apply(f.change("sip:alice@ims.lab", 600s, "one")).has_value());
  REQUIRE(f.apply(f.change("sip:alice@ims.lab", 300s, "two")).has_value());
  CHECK(f.view->find("sip:alice@ims.lab")->contacts.size() == 2);
  SUBCASE("runs out") {
    f.executor.advance(301s);
    REQUIRE(f.view->find("sip:alice@ims.lab") != nullptr);
    CHECK(f.view->find("sip:alice@ims.lab")->contacts.size() == 1);
    CHECK(f.view->find("sip:alice@ims.lab")->contacts_known);
    f.executor.advance(300s);
    CHECK(f.view->size() == 0);
  }
  SUBCASE("leaves") {
    auto leaving = f.change("sip:alice@ims.lab", 600s, "two");
    leaving.removed.push_back(contact_key(leaving.registration.contacts[0]));
    leaving.registration.contacts.clear();
    REQUIRE(f.apply(leaving).has_value());
    REQUIRE(f.view->find("sip:alice@ims.lab")->contacts.size() == 1);
    CHECK(f.view->find("sip:alice@ims.lab")->contacts[0].params.get("+sip.instance") == "\"<urn:uuid:one>\"");
  }
  SUBCASE("Contact: * of one of them: who is left cannot be told") {
    auto star = f.change("sip:alice@ims.lab", 600s);
    star.registration.contacts.clear();
    star.all_contacts_unsure = true;
    REQUIRE(f.apply(star).has_value());
    CHECK_FALSE(f.view->find("sip:alice@ims.lab")->contacts_known);
  }
}

TEST_CASE("after a restart the view knows who is registered, and not who ran out meanwhile") {
  Fixture f;
  auto made = f.change("sip:alice@ims.lab", 600s);
  made.registration.service_info = "v=3";
  REQUIRE(f.apply(made).has_value());
  REQUIRE(f.apply(f.change("sip:bob@ims.lab", 60s)).has_value());
  f.restart();
  f.events.clear();
  f.executor.advance(100s);  // down for a while
  REQUIRE(f.load());
  const auto* const alice = f.view->find("sip:alice@ims.lab");
  REQUIRE(alice != nullptr);
  CHECK(alice->contacts.size() == 1);
  CHECK(alice->contacts[0].applications == std::vector<std::string>{"news.ua", "mms.ua"});
  CHECK(alice->contacts[0].params.has("+sip.instance"));
  CHECK(alice->service_info == "v=3");
  CHECK(alice->path.size() == 2);
  CHECK(f.view->find("tel:+15551000001") == alice);
  CHECK(f.view->find("sip:bob@ims.lab") == nullptr);
  CHECK(f.store->records() == 1);
  f.executor.advance(501s);
  CHECK(f.events == Events{"expired sip:alice@ims.lab"});
}

TEST_CASE("beyond the limit nobody new is taken up, but who is known may refresh") {
  Fixture f(1);
  REQUIRE(f.apply(f.change("sip:alice@ims.lab", 600s)).has_value());
  CHECK(f.apply(f.change("sip:bob@ims.lab", 600s)).error().code == ErrorCode::too_large);
  CHECK(f.apply(f.change("sip:alice@ims.lab", 600s)).has_value());
}

TEST_CASE("a listener that throws does no harm to the others; a dropped subscription ends") {
  Fixture f;
  int told = 0;
  const auto bad = f.view->listen([](RegistrationEvent, const Registration&) { throw std::runtime_error("fault"); });
  auto counted = f.view->listen([&](RegistrationEvent, const Registration&) { ++told; });
  REQUIRE(f.apply(f.change("sip:alice@ims.lab", 600s)).has_value());
  CHECK(told == 1);
  counted.reset();
  REQUIRE(f.apply(f.change("sip:alice@ims.lab", 600s)).has_value());
  CHECK(told == 1);
}

TEST_CASE("10 000 registrations that run out together go in turns") {
  Fixture f;
  for (int i = 0; i < 10000; ++i) {
    auto made = f.change("sip:u" + std::to_string(i) + "@ims.lab", 600s);
    made.registration.associated.clear();
    REQUIRE(f.executor.run([&] { return f.view->apply(std::move(made)); }).has_value());
  }
  f.executor.advance(601s);
  CHECK(f.view->size() == 0);
  CHECK(f.events.size() == 20000);
}

TEST_CASE("a registration with one contact takes at most 1 KiB") {
  constexpr std::size_t kCount = 2000;
  VirtualClock clock;
  ManualExecutor executor(clock);
  const auto view = RegistrationViewImpl::make(executor, nullptr, {});
  Fixture f;
  std::vector<RegistrationChange> changes;
  for (std::size_t i = 0; i < kCount; ++i) {
    auto made = f.change("sip:subscriber" + std::to_string(i) + "@ims.lab", 600s, "0c67446e-0000-4000-8000-000000000001");
    made.registration.associated = {"tel:+1555" + std::to_string(1000000 + i)};
    auto& params = made.registration.contacts[0].params;
    params.set("reg-id", "1");
    params.set("+g.oma.pusheventapp", "\"news.ua,mms.ua\"");
    changes.push_back(std::move(made));
  }
  const auto before = mallinfo2().uordblks;
  for (const auto& made : changes) REQUIRE(executor.run([&] { return view->apply(made); }).has_value());
  executor.run_ready();
  const auto each = (mallinfo2().uordblks - before) / kCount;
  MESSAGE("one registration: " << each << " bytes");
#if !defined(__SANITIZE_ADDRESS__)
  CHECK(each <= 1024);
#endif
}
