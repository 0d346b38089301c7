// What the node remembers about receivers: until when, for whom, and how much of it. sip-push.md 8.3, 8.6.
#include "capability/capability_book.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "capability/capability_report.h"
#include "capability/options_probe.h"
#include "capability/pidf.h"
#include "doubles/manual_executor.h"

using namespace herald;
using namespace herald::push;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

const std::string kAlice = "sip:alice@ims.lab";
const std::string kPhone = "sip:ue@127.0.0.1:6101";
const std::string kWatch = "sip:ue@127.0.0.1:6102";

struct View final : RegistrationView {
  const Registration* find(std::string_view user) const override {
    const auto found = users.find(std::string(user));
    return found == users.end() ? nullptr : &found->second;
  }
  std::size_t size() const noexcept override { return users.size(); }
  Subscription listen(Listener told) override {
    listener = std::move(told);
    return std::make_shared<int>(0);
  }
  void happens(RegistrationEvent event, Registration registration) {
    if (event == RegistrationEvent::deregistered || event == RegistrationEvent::expired) {
      users.erase(registration.user);
    } else {
      users[registration.user] = registration;
    }
    listener(event, registration);
  }
  std::map<std::string, Registration> users;
  Listener listener;
};

struct State final : EventState {
  void add_package(PublicationPackage&) override {}
  Task<void> publish(SipServletRequest, std::string) override { co_return; }
  std::vector<Publication> find(std::string_view, std::string_view) const override { return published; }
  std::size_t size() const noexcept override { return published.size(); }
  std::vector<Publication> published;
};

// The parts of a context that a book needs when it asks nobody.
struct Context final : ServletContext {
  explicit Context(VirtualClock& time) : loop(time) {}
  const NodeInfo& node() const noexcept override { return info; }
  Executor& executor() noexcept override { return loop; }
  const Clock& clock() const noexcept override { return loop.clock(); }
  unsigned shard() const noexcept override { return 0; }
  unsigned shard_count() const noexcept override { return 1; }
  unsigned home_shard(std::string_view) const noexcept override { return 0; }
  bool post(unsigned, UniqueFunction<void(SipServlet&)>) override { return false; }
  SipFactory& sip_factory() noexcept override { std::abort(); }
  RegistrationView& registrations() noexcept override { return view; }
  Future<std::optional<Registration>> find_registration(std::string) override { std::abort(); }
  ShClient& sh() noexcept override { std::abort(); }
  Notifier& notifier() noexcept override { std::abort(); }
  Subscriber& subscriber() noexcept override { std::abort(); }
  EventState& event_state() noexcept override { return state; }
  Store& store() noexcept override { std::abort(); }
  HttpRoutes& http() noexcept override { std::abort(); }
  HttpRoutes& admin_http() noexcept override { std::abort(); }
  HttpClient& http_client() noexcept override { std::abort(); }
  BlobStore& blobs() noexcept override { std::abort(); }
  MsrpEndpoint& msrp() noexcept override { std::abort(); }
  const std::vector<ServiceProfile>& services() const noexcept override { return profiles; }
  bool accepting() const noexcept override { return true; }
  std::shared_ptr<const void> config_any() const override { return config_; }

  NodeInfo info;
  ManualExecutor loop;
  View view;
  State state;
  std::vector<ServiceProfile> profiles;
  std::shared_ptr<const PushConfig> config_ = std::make_shared<const PushConfig>();
};

struct Book {
  explicit Book(CapabilityBook::Limits limits = {}) : it(std::make_shared<CapabilityBook>(context, nullptr, limits)) {
    it->start();
  }
  ~Book() { it->stop(); }

  [[nodiscard]] Registration registration(std::vector<std::pair<std::string, std::chrono::seconds>> contacts) const {
    Registration out;
    out.user = kAlice;
    out.contacts_known = true;
    out.updated = clock.wall();
    for (const auto& [uri, left] : contacts) {
      RegisteredContact contact;
      contact.uri = uri;
      contact.params = *SipParams::parse(
          ";+g.oma.pusheventapp=\"news.ua\";pub-gruu=\"sip:alice@ims.lab;gr=" + uri.substr(uri.size() - 4) + "\"");
      contact.applications = {"news.ua"};
      contact.expires = clock.wall() + left;
      out.contacts.push_back(std::move(contact));
    }
    return out;
  }
  void refuse(const std::string& contact, const std::string& type = "image/webp") const {
    CapabilityFailure failure;
    failure.status = 415;
    failure.type = type;
    it->learn(kAlice, contact, "news.ua", failure);
  }
  [[nodiscard]] Support webp(const std::string& contact = {}, const std::string& application = "news.ua") const {
    return it->capabilities(kAlice, contact, application, nullptr).takes_type("image/webp");
  }

  VirtualClock clock;
  Context context{clock};
  std::shared_ptr<CapabilityBook> it;
};

Publication publication(const VirtualClock& clock, const std::string& contact, const std::string& type) {
  Publication out;
  out.resource = kAlice;
  out.package = kPresencePackage;
  out.updated = clock.wall();
  out.expires = clock.wall() + 600s;
  out.body = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:c=\"urn:ietf:params:xml:ns:pidf:caps\" entity=\"" + kAlice +
             "\"><tuple id=\"t\"><status/><c:servcaps><c:type><c:supported><c:t>" + type +
             "</c:t></c:supported></c:type></c:servcaps>" + (contact.empty() ? "" : "<contact>" + contact + "</contact>") +
             "</tuple></presence>";
  return out;
}

}  // namespace

TEST_CASE("a refusal holds 24 h, for the application it was about (8.3 a)") {
  Book book;
  book.context.view.users[kAlice] = book.registration({{kPhone, 48h}});
  book.refuse("");
  CHECK(book.webp() == Support::no);
  CHECK(book.webp("", "mms.ua") == Support::unknown);
  book.context.loop.advance(24h - 1ms);
  CHECK(book.webp() == Support::no);
  book.context.loop.advance(1ms);
  CHECK(book.webp() == Support::unknown);
}

TEST_CASE("a re-registration clears what was learned about that contact and about the AoR, not about others (8.3 a, c)") {
  Book book;
  book.context.view.happens(RegistrationEvent::registered, book.registration({{kPhone, 600s}, {kWatch, 600s}}));
  book.refuse(kPhone);
  book.refuse(kWatch);
  book.refuse("");
  book.context.loop.advance(60s);
  // The watch refreshed; what is left of the phone's time is rounded up by the registrar.
  book.context.view.happens(RegistrationEvent::refreshed, book.registration({{kPhone, 541s}, {kWatch, 600s}}));
  CHECK(book.webp(kPhone) == Support::no);
  CHECK(book.webp(kWatch) == Support::unknown);
  book.context.loop.advance(60s);
  book.context.view.happens(RegistrationEvent::refreshed, book.registration({{kPhone, 600s}, {kWatch, 541s}}));
  CHECK(book.webp(kPhone) == Support::unknown);
  CHECK(book.it->users() == 0);
}

TEST_CASE("a single contact that is registered again is the one that refreshed, however soon (8.3)") {
  Book book;
  book.context.view.happens(RegistrationEvent::registered, book.registration({{kPhone, 600s}}));
  book.refuse(kPhone);
  book.context.view.happens(RegistrationEvent::refreshed, book.registration({{kPhone, 600s}}));
  CHECK(book.webp(kPhone) == Support::unknown);
}

TEST_CASE("the end of the registration and a new one clear everything learned, for aliases too (8.3, PS-106, PA-5)") {
  for (const auto event : {RegistrationEvent::deregistered, RegistrationEvent::expired, RegistrationEvent::registered}) {
    Book book;
    book.context.view.users[kAlice] = book.registration({{kPhone, 600s}});
    book.refuse(kPhone);
    CHECK(book.it->users() == 1);
    auto other = book.registration({{kPhone, 600s}});
    other.user = "sip:alice2@ims.lab";
    other.associated = {kAlice};
    book.context.view.listener(event, other);
    CHECK(book.it->users() == 0);
    CHECK(book.it->bytes() == 0);
  }
}

TEST_CASE("a contact may be named by its GRUU (PS-101, PS-104)") {
  Book book;
  book.context.view.users[kAlice] = book.registration({{kPhone, 600s}, {kWatch, 600s}});
  book.refuse("sip:alice@ims.lab;gr=6101");
  CHECK(book.webp(kPhone) == Support::no);
  CHECK(book.webp("sip:alice@ims.lab;gr=6101") == Support::no);
  CHECK(book.webp(kWatch) == Support::unknown);
  CHECK(book.webp("sip:alice@ims.lab;gr=6102") == Support::unknown);
}

TEST_CASE("the AoR means its one contact that serves the application; devices that do not serve it do not matter (PS-12, 8.2)") {
  Book book;
  auto two = book.registration({{kPhone, 600s}, {kWatch, 600s}});
  two.contacts[1].applications = {"mms.ua"};
  book.context.view.users[kAlice] = two;
  book.refuse(kWatch);
  CHECK(book.webp() == Support::unknown);
  book.refuse(kPhone);
  CHECK(book.webp() == Support::no);
  two.contacts[1].applications = {"news.ua"};
  book.context.view.users[kAlice] = two;
  CHECK(book.webp() == Support::no);  // either may get it
}

TEST_CASE(
    "publications are read as they are now: of the user, of a device by its URI or GRUU, of one that is not there (PS-102, "
    "PS-106)") {
  Book book;
  book.context.view.users[kAlice] = book.registration({{kPhone, 600s}, {kWatch, 600s}});
  auto& published = book.context.state.published;
  published = {publication(book.clock, "", "image/webp")};
  CHECK(book.webp(kPhone) == Support::yes);
  CHECK(book.webp(kWatch) == Support::yes);
  published = {publication(book.clock, "sip:alice@ims.lab;gr=6101", "image/webp")};
  CHECK(book.webp(kPhone) == Support::yes);
  CHECK(book.webp(kWatch) == Support::unknown);
  published = {publication(book.clock, "sip:ue@192.0.2.1", "image/webp")};
  CHECK(book.webp(kPhone) == Support::unknown);
  published = {publication(book.clock, kWatch, "image/webp")};
  CHECK(book.webp(kWatch) == Support::yes);
  book.context.loop.advance(600s);
  CHECK(book.webp(kWatch) == Support::unknown);
  published.clear();
  CHECK(book.it->facts(kAlice, nullptr).size() > 0);
}

TEST_CASE("a device's publication is about the user when nobody can tell devices apart (PS-102)") {
  Book book;
  auto blind = book.registration({});
  blind.contacts_known = false;
  book.context.view.users[kAlice] = blind;
  book.context.state.published = {publication(book.clock, "sip:ue@192.0.2.1", "image/webp")};
  CHECK(book.webp() == Support::yes);
}

TEST_CASE("a stored publication that cannot be read any more is left out (S-10)") {
  Book book;
  auto broken = publication(book.clock, "", "image/webp");
  broken.body = "<presence";
  book.context.state.published = {broken};
  CHECK(book.webp() == Support::unknown);
}

TEST_CASE("a newer refusal's list takes the place of an older one's (section 7, 8.3)") {
  Book book;
  book.context.view.users[kAlice] = book.registration({{kPhone, 600s}});
  CapabilityFailure failure;
  failure.status = 415;
  failure.type = "video/mp4";
  failure.accept = {"image/png"};
  book.it->learn(kAlice, kPhone, "news.ua", failure);
  failure.type = "video/3gpp";
  failure.accept = {"image/webp"};
  book.it->learn(kAlice, kPhone, "news.ua", failure);
  const auto known = book.it->capabilities(kAlice, kPhone, "news.ua", nullptr);
  CHECK(known.takes_type("image/webp") == Support::yes);
  CHECK(known.takes_type("image/png") == Support::no);
  CHECK(known.takes_type("video/mp4") == Support::no);
}

TEST_CASE("what is remembered is bounded: users, bytes and facts of one user; the least lately learned goes (S-10)") {
  CapabilityBook::Limits limits;
  limits.max_users = 3;
  limits.max_facts_of_user = 5;
  Book book(limits);
  CapabilityFailure failure;
  failure.status = 415;
  failure.type = "image/webp";
  for (int i = 0; i < 10; ++i) book.it->learn("sip:u" + std::to_string(i) + "@ims.lab", "", "news.ua", failure);
  CHECK(book.it->users() == 3);
  const auto takes = [&](const std::string& user) {
    return book.it->capabilities(user, "", "news.ua", nullptr).takes_type("image/webp");
  };
  CHECK(takes("sip:u9@ims.lab") == Support::no);
  CHECK(takes("sip:u6@ims.lab") == Support::unknown);
  const auto before = book.it->bytes();
  for (int i = 0; i < 100; ++i) {
    failure.type = "image/x" + std::to_string(i);
    book.context.loop.advance(1ms);
    book.it->learn("sip:u9@ims.lab", "", "news.ua", failure);
  }
  CHECK(book.it->bytes() < before + 5 * 500);
  CHECK(book.it->capabilities("sip:u9@ims.lab", "", "news.ua", nullptr).takes_type("image/x99") == Support::no);
  CHECK(book.it->capabilities("sip:u9@ims.lab", "", "news.ua", nullptr).takes_type("image/x1") == Support::unknown);

  limits.max_users = 1000;
  limits.max_bytes = 10000;
  Book small(limits);
  for (int i = 0; i < 1000; ++i) small.it->learn("sip:u" + std::to_string(i) + "@ims.lab", "", "news.ua", failure);
  CHECK(small.it->bytes() <= 10000);
  CHECK(small.it->users() > 5);
}

TEST_CASE("OPTIONS is worth a question when nothing is known about types and the content is more than short text (8.6, PS-104)") {
  PushJob job;
  job.contents = {{"text/plain;charset=utf-8", "short"}, {"image/png", "x"}, {"text/plain", std::string(2000, 'x')}};
  Attempt wish;
  const auto nothing = merge_facts(default_facts(1300), {}, "news.ua", WallTime{});
  CHECK_FALSE(worth_asking(job, wish, nothing));
  wish.content = 1;
  CHECK(worth_asking(job, wish, nothing));
  wish.content = 2;
  CHECK(worth_asking(job, wish, nothing));
  wish.mode = Mode::notify;  // the subscription's Accept says it
  CHECK_FALSE(worth_asking(job, wish, nothing));
  wish.mode = Mode::pager;
  CapabilityFact told;
  told.value = "image/gif";
  told.source = FactSource::published;
  CHECK_FALSE(worth_asking(job, wish, merge_facts({told}, {}, "news.ua", WallTime{})));
}

TEST_CASE("the report shows every fact with source and expiry, which of them win, and what they come to (PS-104, F-9)") {
  Book book;
  book.context.view.users[kAlice] = book.registration({{kPhone, 600s}});
  book.refuse(kPhone, "image/png");
  CapabilityReport report;
  report.user = kAlice;
  report.application = "news.ua";
  report.registration = book.context.view.users[kAlice];
  book.context.state.published = {publication(book.clock, "", "image/png")};
  report.facts = book.it->facts(kAlice, nullptr);
  report.now = book.clock.wall();
  const auto text = to_json(report);
  CHECK(text.find(R"("kind":"type","value":"image/png","supported":false,"source":"failure","contact":"sip:ue@127.0.0.1:6101",)"
                  R"("application":"news.ua","learned":"2026-01-01T00:00:00.000Z","valid_until":"2026-01-02T00:00:00.000Z",)"
                  R"("wins":true)") != std::string::npos);
  CHECK(text.find(R"("refused_types":["image/png")") != std::string::npos);
  CHECK(text.find(R"("source":"default")") != std::string::npos);
}
