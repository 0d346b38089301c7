// The reg event of users who register: who is asked, and what the answers do to the registration view.
#include <doctest/doctest.h>

#include "bench.h"

using namespace herald;
using namespace herald::test;
using namespace std::chrono_literals;

namespace {

const std::string kAlice = "sip:alice@ims.lab";

SipMessage bare_register(const std::string& expires = "720", std::vector<SipHeaderField> extra = {}, std::string body = {}) {
  std::vector<SipHeaderField> headers{
      {"To", "<" + kAlice + ">"}, {"From", "<sip:127.0.0.1:6060>;tag=x"}, {"CSeq", "10 REGISTER"},
      {"Expires", expires},       {"Contact", "<sip:127.0.0.1:6060>"},    {"Event", "registration"}};
  for (auto& field : extra) headers.push_back(std::move(field));
  return sip_request("REGISTER", "sip:127.0.0.1:5065", std::move(headers), std::move(body));
}

SipMessage telling_register() {
  return bare_register("720", {{"Content-Type", "message/sip"}},
                       "REGISTER sip:ims.lab SIP/2.0\r\nFrom: <sip:alice@ims.lab>;tag=1\r\nTo: <sip:alice@ims.lab>\r\n"
                       "Call-ID: ue\r\nCSeq: 2 REGISTER\r\nContact: <sip:alice@127.0.0.1:6101>\r\nExpires: 600\r\n\r\n");
}

std::string reginfo(const std::string& contacts, const std::string& version = "0", const std::string& state = "full",
                    const std::string& registration = "active") {
  return "<?xml version=\"1.0\"?><reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"" + version + "\" state=\"" + state +
         "\"><registration aor=\"sip:alice@ims.lab\" id=\"a\" state=\"" + registration + "\">" + contacts +
         "</registration></reginfo>";
}

std::string contact(const std::string& uri, const std::string& event = "registered", const std::string& state = "active") {
  return "<contact id=\"" + uri + "\" state=\"" + state + "\" event=\"" + event + "\" expires=\"600\"><uri>" + uri +
         "</uri><unknown-param name=\"+g.oma.pusheventapp\">\"news.ua\"</unknown-param></contact>";
}

struct RegBench : Bench {
  explicit RegBench(RegEventUse use = RegEventUse::automatic)
      : Bench([use] {
          Options options;
          options.reg_event = use;
          return options;
        }()) {}
  void registers(SipMessage request = bare_register()) {
    const auto call = stack().receive(std::move(request));
    settle();
    CHECK(call->final() == 200);
  }
  int notify(std::string body, const std::string& state = "active;expires=600000",
             const std::string& type = "application/reginfo+xml") {
    const auto& request = stack().sent().at(subscribe_index)->request;
    std::vector<SipHeaderField> headers{{"From", std::string(*request.headers.get("To")) + ";tag=scscf"},
                                        {"To", std::string(*request.headers.get("From"))},
                                        {"Call-ID", std::string(*request.headers.get("Call-ID"))},
                                        {"CSeq", std::to_string(++cseq) + " NOTIFY"},
                                        {"Contact", "<sip:127.0.0.1:6060>"},
                                        {"Event", "reg"},
                                        {"Subscription-State", state}};
    if (!body.empty()) headers.push_back({"Content-Type", type});
    const auto call = stack().receive(sip_request("NOTIFY", "sip:127.0.0.1:5065", std::move(headers), std::move(body)));
    settle();
    return call->final();
  }
  void accept() {
    stack().sent().back()->answer(200, {{"Expires", "600000"}, {"Contact", "<sip:127.0.0.1:6060>"}});
    settle();
  }
  [[nodiscard]] std::vector<std::string> contacts() {
    std::vector<std::string> result;
    const auto* const found = registered(kAlice);
    if (found == nullptr) return {"not registered"};
    for (const auto& each : found->contacts) result.push_back(each.uri);
    return result;
  }
  [[nodiscard]] std::size_t watches() { return script.context->subscriber().size(); }
  std::size_t subscribe_index = 0;
  unsigned cseq = 0;
};

using List = std::vector<std::string>;

}  // namespace

TEST_CASE("a third-party REGISTER without contacts makes a subscription to reg at its S-CSCF (PS-101, AS-20)") {
  RegBench bench;
  bench.registers();
  REQUIRE(bench.stack().sent().size() == 1);
  const auto& request = bench.stack().sent()[0]->request;
  const auto header = [&](std::string_view name) { return std::string(request.headers.get(name).value_or("")); };
  CHECK(request.method() == "SUBSCRIBE");
  CHECK(request.uri() == kAlice);
  CHECK(header("To") == "<sip:alice@ims.lab>");
  CHECK(header("From").starts_with("<sip:127.0.0.1:5065>;tag="));
  CHECK(header("P-Asserted-Identity") == "<sip:127.0.0.1:5065>");
  CHECK(header("Event") == "reg");
  CHECK(header("Accept") == "application/reginfo+xml");
  CHECK(header("Expires") == "600000");
  CHECK(header("Route") == "<sip:127.0.0.1:6060;lr>");
  CHECK(header("P-Charging-Vector").starts_with("icid-value="));
  // The second REGISTER refreshes, for not every S-CSCF notifies a plain refresh.
  bench.accept();
  CHECK(bench.notify(reginfo(contact("sip:ue@10.0.0.1"))) == 200);
  bench.registers();
  REQUIRE(bench.stack().sent().size() == 2);
  CHECK(bench.stack().sent()[1]->request.headers.get("CSeq") == "2 SUBSCRIBE");
}

TEST_CASE("whether the reg event is watched is configuration: auto, always, never (PS-101, AS-20)") {
  SUBCASE("auto leaves it when the REGISTER tells the contacts") {
    RegBench bench;
    bench.registers(telling_register());
    CHECK(bench.stack().sent().empty());
  }
  SUBCASE("always") {
    RegBench bench(RegEventUse::always);
    bench.registers(telling_register());
    CHECK(bench.stack().sent().size() == 1);
  }
  SUBCASE("never") {
    RegBench bench(RegEventUse::never);
    bench.registers();
    CHECK(bench.stack().sent().empty());
  }
}

TEST_CASE("documents of the reg event become the user's contacts, as they come and go (PS-101, AS-23)") {
  RegBench bench;
  bench.registers();
  bench.accept();
  CHECK(bench.contacts().empty());
  CHECK(bench.notify(reginfo(contact("sip:one@10.0.0.1"))) == 200);
  CHECK(bench.contacts() == List{"sip:one@10.0.0.1"});
  const auto* const alice = bench.registered(kAlice);
  REQUIRE(alice != nullptr);
  CHECK(alice->source == "reg-event");
  CHECK(alice->contacts_known);
  CHECK(alice->scscf == "sip:127.0.0.1:6060");
  CHECK(alice->contacts[0].applications == List{"news.ua"});
  bench.settle();
  CHECK(bench.notify(reginfo(contact("sip:two@10.0.0.2", "created"), "1", "partial")) == 200);
  CHECK(bench.contacts().size() == 2);
  CHECK(bench.notify(reginfo(contact("sip:one@10.0.0.1", "unregistered", "terminated"), "2", "partial")) == 200);
  CHECK(bench.contacts() == List{"sip:two@10.0.0.2"});
  // An old one changes nothing, a gap asks for the full state.
  CHECK(bench.notify(reginfo(contact("sip:old@10.0.0.9"), "2", "partial")) == 200);
  CHECK(bench.contacts() == List{"sip:two@10.0.0.2"});
  CHECK(bench.stack().sent().size() == 1);
  CHECK(bench.notify(reginfo(contact("sip:late@10.0.0.9"), "7", "partial")) == 200);
  CHECK(bench.contacts() == List{"sip:two@10.0.0.2"});
  CHECK(bench.stack().sent().size() == 2);
  CHECK(bench.notify(reginfo(contact("sip:three@10.0.0.3"), "8")) == 200);
  CHECK(bench.contacts() == List{"sip:three@10.0.0.3"});
}

TEST_CASE("a document that says terminated, or a last NOTIFY without one, de-registers the user and ends the watch (AS-25)") {
  RegBench bench;
  bench.registers();
  bench.accept();
  CHECK(bench.notify(reginfo(contact("sip:one@10.0.0.1"))) == 200);
  SUBCASE("document") {
    CHECK(bench.notify(reginfo("", "1", "full", "terminated")) == 200);
    // The user is gone, so nobody needs to be told more.
    REQUIRE(bench.stack().sent().size() == 2);
    CHECK(bench.stack().sent()[1]->request.headers.get("Expires") == "0");
    bench.stack().sent()[1]->answer(200);
    bench.settle();
    CHECK(bench.notify("", "terminated;reason=timeout") == 200);
  }
  SUBCASE("last NOTIFY") { CHECK(bench.notify("", "terminated;reason=noresource") == 200); }
  bench.settle();
  CHECK(bench.contacts() == List{"not registered"});
  CHECK(bench.watches() == 0);
  // And a new registration begins anew.
  bench.registers();
  CHECK(bench.watches() == 1);
}

TEST_CASE("a user who de-registers or expires is not watched any more, unless he comes back (PS-101)") {
  for (const bool expires : {false, true}) {
    for (const bool returns : {false, true}) {
      CAPTURE(expires);
      CAPTURE(returns);
      RegBench bench;
      bench.registers();
      bench.accept();
      CHECK(bench.notify(reginfo(contact("sip:one@10.0.0.1"))) == 200);
      if (expires) {
        bench.advance(721s);
      } else {
        bench.registers(bare_register("0"));
      }
      REQUIRE(bench.stack().sent().size() == 2);
      CHECK(bench.stack().sent()[1]->request.headers.get("Expires") == "0");
      if (returns) bench.registers();
      bench.stack().sent()[1]->answer(200);
      bench.settle();
      CHECK(bench.notify("", "terminated;reason=timeout") == 200);
      CHECK(bench.stack().sent().size() == (returns ? 3 : 2));
      CHECK(bench.watches() == (returns ? 1 : 0));
    }
  }
}

TEST_CASE("an S-CSCF that refuses is left alone for ten minutes; REGISTERs go on to count (AS-21)") {
  RegBench bench;
  bench.registers();
  bench.stack().sent()[0]->answer(403);
  bench.settle();
  CHECK(bench.watches() == 0);
  CHECK(bench.contacts().empty());
  bench.registers();
  CHECK(bench.stack().sent().size() == 1);
  bench.advance(601s);
  bench.registers();
  CHECK(bench.stack().sent().size() == 2);
}

TEST_CASE("other types get 415, unreadable documents are answered and change nothing (PS-101)") {
  RegBench bench;
  bench.registers();
  bench.accept();
  CHECK(bench.notify(reginfo(contact("sip:one@10.0.0.1"))) == 200);
  CHECK(bench.notify("x", "active", "text/plain") == 415);
  CHECK(bench.notify("<reginfo") == 200);
  CHECK(bench.notify("<!DOCTYPE a><reginfo/>") == 200);
  CHECK(bench.contacts() == List{"sip:one@10.0.0.1"});
}
