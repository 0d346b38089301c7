// Consent as pure rules: the matrix of sip-push.md 9, what may follow what, who may subscribe.
#include "consent/consent_rules.h"

#include <doctest/doctest.h>
#include <map>

#include "text/asserted_identities.h"

using namespace herald;
using namespace herald::push;
using namespace std::chrono_literals;

namespace {

const WallTime kNow{std::chrono::milliseconds(1795000000000)};
const std::string kAlice = "sip:alice@ims.lab";
const std::string kNews = "sip:push-news@ims.lab";

ConsentDecision decided(Consent state, std::string means = "rest") {
  ConsentDecision decision;
  decision.state = state;
  decision.means = std::move(means);
  decision.at = kNow - 1h;
  return decision;
}

ConsentEntry entry_of(ConsentDecision decision) {
  ConsentEntry entry;
  entry.user = kAlice;
  entry.application = "news.ua";
  entry.now = std::move(decision);
  return entry;
}

ServiceApplication application_with(ConsentDefault consent) {
  ServiceApplication application;
  application.id = "news.ua";
  application.consent = consent;
  return application;
}

// s send, h hold and ask, w hold without asking, r reject.
char letter(const ConsentVerdict& verdict) {
  switch (verdict.kind) {
    case ConsentVerdict::Kind::send:
      return 's';
    case ConsentVerdict::Kind::hold:
      return verdict.ask ? 'h' : 'w';
    case ConsentVerdict::Kind::reject:
      return 'r';
  }
  return '?';
}

std::map<std::string, ConsentEntry> states() {
  auto granted_until = decided(Consent::granted);
  granted_until.expires = kNow + 1h;
  auto ran_out = decided(Consent::granted);
  ran_out.expires = kNow;
  auto asked = decided(Consent::pending, "refer");
  asked.ask_again = kNow + 1h;
  auto unanswered = asked;
  unanswered.ask_again = kNow;
  auto refused = decided(Consent::denied, "refer");
  refused.ask_again = kNow + 1h;
  auto refused_long_ago = refused;
  refused_long_ago.ask_again = kNow;
  return {{"none", entry_of(decided(Consent::none))},
          {"granted", entry_of(decided(Consent::granted))},
          {"granted until later", entry_of(granted_until)},
          {"granted, ran out", entry_of(ran_out)},
          {"pending", entry_of(asked)},
          {"pending, unanswered", entry_of(unanswered)},
          {"denied", entry_of(decided(Consent::denied))},
          {"denied, asked lately", entry_of(refused)},
          {"denied, may be asked", entry_of(refused_long_ago)},
          {"revoked", entry_of(decided(Consent::revoked))}};
}

std::string verdicts(const ConsentEntry& entry, ProfileConsent profile, std::string_view sender = kNews, bool bypass = false) {
  std::string letters;
  for (const auto consent : {ConsentDefault::open, ConsentDefault::ask, ConsentDefault::closed}) {
    auto application = application_with(consent);
    application.bypass_consent = bypass;
    letters += letter(consent_verdict({entry, profile, application, sender, kNow}));
  }
  return letters;
}

}  // namespace

TEST_CASE("F-7, PR-16: the consent matrix: state by profile by the application's default (open, ask, closed)") {
  struct Row {
    std::string state;
    std::string silent, granted, denied, ask;  // what the profile at the HSS says
  };
  const std::vector<Row> rows{
      {"none", "shr", "sss", "rrr", "hhh"},
      {"granted", "sss", "sss", "rrr", "sss"},
      {"granted until later", "sss", "sss", "rrr", "sss"},
      {"granted, ran out", "shr", "sss", "rrr", "hhh"},
      {"pending", "www", "sss", "rrr", "www"},
      {"pending, unanswered", "shr", "sss", "rrr", "hhh"},
      {"denied", "rrr", "rrr", "rrr", "rrr"},
      {"denied, asked lately", "rrr", "rrr", "rrr", "rrr"},
      {"denied, may be asked", "rhr", "rhr", "rrr", "hhh"},
      {"revoked", "rrr", "rrr", "rrr", "rrr"},
  };
  const auto all = states();
  CHECK(all.size() == rows.size());
  for (const auto& row : rows) {
    CAPTURE(row.state);
    const auto& entry = all.at(row.state);
    CHECK(verdicts(entry, ProfileConsent::silent) == row.silent);
    CHECK(verdicts(entry, ProfileConsent::granted) == row.granted);
    CHECK(verdicts(entry, ProfileConsent::denied) == row.denied);
    CHECK(verdicts(entry, ProfileConsent::ask) == row.ask);
  }
}

TEST_CASE("PA-3: only the application's explicit flag bypasses consent, and it does so whatever was decided") {
  for (const auto& [name, entry] : states()) {
    CAPTURE(name);
    CHECK(verdicts(entry, ProfileConsent::denied, kNews, /*bypass=*/true) == "sss");
  }
  CHECK_FALSE(ServiceApplication().bypass_consent);
}

TEST_CASE("PA-2: a profile that names other applications says nothing about this one") {
  PushProfile profile;
  profile.consent = ConsentState::granted;
  CHECK(profile_consent(&profile, "news.ua") == ProfileConsent::granted);
  profile.applications.push_back({"mms.ua", {}, true, true, {}});
  CHECK(profile_consent(&profile, "news.ua") == ProfileConsent::silent);
  CHECK(profile_consent(&profile, "mms.ua") == ProfileConsent::granted);
  profile.consent = ConsentState::denied;
  CHECK(profile_consent(&profile, "news.ua") == ProfileConsent::denied);
  profile.consent = ConsentState::ask;
  CHECK(profile_consent(&profile, "news.ua") == ProfileConsent::ask);
  CHECK(profile_consent(nullptr, "news.ua") == ProfileConsent::silent);
}

TEST_CASE("PR-16: a refused sender is refused alone; many refused senders mean the application") {
  auto entry = entry_of(decided(Consent::granted, "subscribe"));
  auto no = decided(Consent::denied, "message");
  no.sender = kNews;
  CHECK(apply_decision(entry, no));
  CHECK_FALSE(apply_decision(entry, no));  // once is enough
  CHECK(verdicts(entry, ProfileConsent::granted) == "rrr");
  CHECK(verdicts(entry, ProfileConsent::granted, "SIP:push-news@IMS.LAB;x=y") == "rrr");  // PA-5
  CHECK(verdicts(entry, ProfileConsent::silent, "sip:push-sport@ims.lab") == "sss");
  CHECK(entry.history.size() == 1);

  SUBCASE("a new subscription does not take him back, a portal's grant does") {
    auto subscribed = decided(Consent::granted, "subscribe");
    subscribed.who = "sip:alice-2@ims.lab";
    CHECK(apply_decision(entry, subscribed));
    CHECK(verdicts(entry, ProfileConsent::silent) == "rrr");
    CHECK(apply_decision(entry, decided(Consent::granted, "rest")));
    CHECK(verdicts(entry, ProfileConsent::silent) == "sss");
  }
  SUBCASE("bounded") {
    for (int i = 0; i < 40; ++i) {
      no.sender = "sip:spam" + std::to_string(i) + "@ims.lab";
      apply_decision(entry, no);
    }
    CHECK(entry.blocked.size() == 32);
    CHECK(entry.now.state == Consent::denied);
    CHECK(verdicts(entry, ProfileConsent::silent, "sip:push-sport@ims.lab") == "rrr");
  }
}

TEST_CASE("PA-1: every decision is in the history, newest last, the oldest ones go when there are more than twenty") {
  auto entry = entry_of(decided(Consent::none));
  for (int i = 0; i < 25; ++i) {
    auto decision = decided(i % 2 == 0 ? Consent::granted : Consent::revoked);
    decision.who = "portal-" + std::to_string(i);
    decision.at = kNow + std::chrono::minutes(i);
    REQUIRE(apply_decision(entry, decision));
  }
  REQUIRE(entry.history.size() == 20);
  CHECK(entry.history.front().who == "portal-5");
  CHECK(entry.history.back().who == "portal-24");
  CHECK(entry.history.back().means == "rest");
  CHECK(entry.now.state == Consent::granted);
}

TEST_CASE("sip-push.md 9: a question never undoes an answer, but the network's own (470, PA-4) suspends a grant") {
  auto ask = decided(Consent::pending, "refer");
  ask.at = kNow;
  ask.ask_again = kNow + 1h;
  auto network = ask;
  network.means = "message";
  struct Row {
    std::string state;
    bool by_refer, by_470;
  };
  const std::vector<Row> rows{{"none", true, true},
                              {"granted", false, true},
                              {"granted until later", false, true},
                              {"granted, ran out", true, true},
                              {"pending", false, true},
                              {"pending, unanswered", true, true},
                              {"denied", false, false},
                              {"denied, asked lately", false, false},
                              {"denied, may be asked", true, true},
                              {"revoked", false, false}};
  for (const auto& row : rows) {
    CAPTURE(row.state);
    auto first = states().at(row.state);
    auto second = first;
    CHECK(apply_decision(first, ask) == row.by_refer);
    CHECK(apply_decision(second, network) == row.by_470);
  }
}

TEST_CASE("PA-1: repeating what stands writes nothing; ending what never was neither") {
  auto entry = entry_of(decided(Consent::none));
  CHECK_FALSE(apply_decision(entry, decided(Consent::none)));
  auto grant = decided(Consent::granted, "subscribe");
  grant.who = kAlice;
  CHECK(apply_decision(entry, grant));
  CHECK_FALSE(apply_decision(entry, grant));
  grant.expires = kNow + 1h;
  CHECK(apply_decision(entry, grant));  // an end is news
  CHECK(apply_decision(entry, decided(Consent::none)));
  CHECK(consent_at(entry, kNow) == Consent::none);
  CHECK(entry.history.size() == 3);
}

TEST_CASE("PA-5: the first identity of the implicit set keeps the entry; what stands under the others counts by age") {
  Registration registration;
  registration.user = "tel:+15551000001";
  registration.associated = {kAlice, "tel:+15551000001", "sip:a.smith@ims.lab"};
  const auto identities = identities_of("sip:a.smith@ims.lab", &registration);
  REQUIRE(identities.size() == 3);
  CHECK(identities.front() == kAlice);
  CHECK(identities_of(kAlice, nullptr) == std::vector<std::string>{kAlice});

  auto primary = entry_of(decided(Consent::granted, "subscribe"));
  auto alias = entry_of(decided(Consent::denied, "rest"));
  alias.user = "tel:+15551000001";
  alias.history.push_back(alias.now);
  std::vector<ConsentEntry> others{alias};
  SUBCASE("newer") {
    others.front().now.at += 1min;
    CHECK(merge_entries(primary, others).now.state == Consent::denied);
  }
  SUBCASE("older") {
    others.front().now.at -= 1min;
    CHECK(merge_entries(primary, others).now.state == Consent::granted);
  }
  SUBCASE("at the same moment the stricter one") { CHECK(merge_entries(primary, others).now.state == Consent::denied); }
  SUBCASE("nothing said under the alias") {
    others.front().now = {};
    CHECK(merge_entries(primary, others).now.state == Consent::granted);
  }
  const auto merged = merge_entries(primary, others);
  CHECK(merged.user == kAlice);
  CHECK(merged.history.size() == 1);
}

TEST_CASE("PS-62, PS-63, S-5, PA-2: who may subscribe, and what it grants") {
  using Kind = SubscriptionVerdict::Kind;
  const std::vector<std::string> own{kAlice, "tel:+15551000001"};
  const auto judge = [&](const ConsentEntry& entry, ConsentDefault consent, ProfileConsent profile = ProfileConsent::silent,
                         const std::vector<std::string>& subscriber = {kAlice}, bool fetch = false,
                         SubscriptionRules rules = {}) {
    const auto application = application_with(consent);
    return judge_subscription({entry, profile, application, subscriber, own, fetch, kNow}, rules);
  };
  const auto all = states();
  const auto& none = all.at("none");

  SUBCASE("the user's own word grants, also by another identity of his") {
    for (const auto consent : {ConsentDefault::open, ConsentDefault::ask}) {
      CHECK(judge(none, consent) == SubscriptionVerdict{Kind::accept, true, "own word"});
      CHECK(judge(none, consent, ProfileConsent::silent, {"tel:+15551000001"}).grants);
      CHECK(judge(none, consent, ProfileConsent::silent, {"sip:alice.work@ims.lab", "tel:+15551000001"}).grants);
    }
  }
  SUBCASE("S-5: neither an anonymous nor a foreign subscriber") {
    CHECK(judge(none, ConsentDefault::open, ProfileConsent::granted, {}).kind == Kind::refuse);
    CHECK(judge(none, ConsentDefault::open, ProfileConsent::granted, {"sip:mallory@ims.lab"}).kind == Kind::refuse);
    SubscriptionRules lenient;
    lenient.allow_anonymous = true;
    const auto verdict = judge(none, ConsentDefault::open, ProfileConsent::granted, {}, false, lenient);
    CHECK(verdict.kind == Kind::pending);
    CHECK_FALSE(verdict.grants);
  }
  SUBCASE("a closed application takes only those who were provisioned") {
    CHECK(judge(none, ConsentDefault::closed).kind == Kind::refuse);
    CHECK(judge(none, ConsentDefault::closed, ProfileConsent::granted).kind == Kind::accept);
    CHECK(judge(all.at("granted"), ConsentDefault::closed).kind == Kind::accept);
  }
  SUBCASE("who refused with his device may change his mind; a portal's refusal stands") {
    CHECK(judge(all.at("denied, asked lately"), ConsentDefault::ask) == SubscriptionVerdict{Kind::accept, true, "own word"});
    CHECK(judge(entry_of(decided(Consent::revoked, "unsubscribe")), ConsentDefault::ask).grants);
    CHECK(judge(all.at("denied"), ConsentDefault::ask).kind == Kind::refuse);
    CHECK(judge(all.at("revoked"), ConsentDefault::open).kind == Kind::refuse);
    CHECK(judge(none, ConsentDefault::open, ProfileConsent::denied).kind == Kind::refuse);
    SubscriptionRules polite;
    polite.polite_blocking = true;
    const auto verdict = judge(all.at("denied"), ConsentDefault::ask, ProfileConsent::silent, {kAlice}, false, polite);
    CHECK(verdict.kind == Kind::polite);
    CHECK_FALSE(verdict.grants);
  }
  SUBCASE("somebody else decides") {
    SubscriptionRules rules;
    rules.subscribe_grants = false;
    CHECK(judge(none, ConsentDefault::ask, ProfileConsent::silent, {kAlice}, false, rules).kind == Kind::pending);
    CHECK(judge(all.at("pending"), ConsentDefault::ask, ProfileConsent::silent, {kAlice}, false, rules).kind == Kind::pending);
    CHECK(judge(all.at("granted"), ConsentDefault::ask, ProfileConsent::silent, {kAlice}, false, rules).kind == Kind::accept);
    CHECK(judge(none, ConsentDefault::open, ProfileConsent::silent, {kAlice}, false, rules).kind == Kind::accept);
  }
  SUBCASE("a fetch grants nothing; a subscription makes a grant with an end endless") {
    CHECK(judge(none, ConsentDefault::ask, ProfileConsent::silent, {kAlice}, true) ==
          SubscriptionVerdict{Kind::accept, false, "fetch"});
    CHECK(judge(all.at("granted until later"), ConsentDefault::ask).grants);
    CHECK_FALSE(judge(all.at("granted"), ConsentDefault::ask).grants);
  }
}

TEST_CASE("S-2, S-5: a subscriber goes by every name that a trusted peer asserts, and by no other") {
  using Names = std::vector<std::string>;
  IscContext isc;
  isc.trusted = true;
  isc.session_case = SessionCase::originating;
  isc.served_user = "sip:bob@ims.lab";
  CHECK(asserted_identities(isc).empty());  // served, but nobody says that he asks
  for (const auto* const uri : {"sip:Alice@IMS.lab;user=phone", "tel:+1-555-100-0001"}) {
    isc.asserted_identity.push_back({"", uri, {}, ""});
  }
  CHECK(asserted_identities(isc) == Names{canonical_identity("sip:Alice@IMS.lab;user=phone"), "tel:+15551000001"});
  isc.trusted = false;
  CHECK(asserted_identities(isc).empty());
}

TEST_CASE("PR-16, PA-4: 603 and 607 to a push refuse its sender, 470 asks for consent, nothing else says anything") {
  const auto decision = [](int status, ResponseOrigin origin = ResponseOrigin::peer, std::optional<Duration> after = {}) {
    Outcome outcome;
    outcome.sip = status;
    outcome.origin = origin;
    outcome.retry_after = after;
    outcome.trigger_consent = "<https://consent.ims.lab/7>";
    return decision_of_push(outcome, "sip:Push-News@IMS.lab", kAlice, 720h, kNow);
  };
  for (const int status : {603, 607}) {
    const auto no = decision(status);
    REQUIRE(no.has_value());
    CHECK(no->state == Consent::denied);
    CHECK(no->sender == "sip:Push-News@ims.lab");
    CHECK(no->who == kAlice);
    CHECK(no->ask_again == kNow + 720h);
  }
  CHECK_FALSE(decision(603, ResponseOrigin::peer, Duration(60s)).has_value());  // later, not never
  const auto asked = decision(470);
  REQUIRE(asked.has_value());
  CHECK(asked->state == Consent::pending);
  CHECK(asked->detail == "sip:470; Trigger-Consent <https://consent.ims.lab/7>");
  for (const int status : {200, 202, 403, 404, 480, 486, 488, 503, 600, 604, 606}) CHECK_FALSE(decision(status).has_value());
  CHECK_FALSE(decision(603, ResponseOrigin::timer).has_value());
}

TEST_CASE("PS-97: 603, 403 and 607 to a REFER are a no to the application") {
  for (const int status : {403, 603, 607}) CHECK(refuses_invitation(status));
  for (const int status : {200, 202, 404, 408, 420, 480, 486, 503, 600}) CHECK_FALSE(refuses_invitation(status));
}

TEST_CASE("PA-1: an entry survives its record, and a record of the future is refused rather than guessed") {
  auto entry = entry_of(decided(Consent::none));
  auto grant = decided(Consent::granted, "subscribe");
  grant.who = kAlice;
  grant.expires = kNow + 1h;
  REQUIRE(apply_decision(entry, grant));
  auto no = decided(Consent::denied, "message");
  no.sender = kNews;
  no.ask_again = kNow + 2h;
  no.detail = "sip:607";
  REQUIRE(apply_decision(entry, no));
  Record record;
  record.key = consent_key(kAlice, "News.UA");
  record.value = encode(entry);
  record.version = 7;
  const auto read = decode_consent(record);
  REQUIRE(read.has_value());
  CHECK(read->application == "news.ua");
  CHECK(read->version == 7);
  CHECK(read->now.expires == kNow + 1h);
  CHECK(read->now.who == kAlice);
  REQUIRE(read->blocked.size() == 1);
  CHECK(read->blocked.front().detail == "sip:607");
  CHECK(read->blocked.front().ask_again == kNow + 2h);
  CHECK(read->history.size() == 2);

  auto future = decided(Consent::granted);
  future.state = static_cast<Consent>(9);
  record.value = encode(entry_of(future));
  CHECK_FALSE(decode_consent(record).has_value());
  record.value = "rubbish";
  CHECK_FALSE(decode_consent(record).has_value());
}
