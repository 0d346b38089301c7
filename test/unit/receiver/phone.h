// The agent in a container, a stack without a wire, virtual time.
#pragma once

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "command_line.h"
#include "container/container.h"
#include "doubles/fake_msrp.h"
#include "doubles/fake_sip_stack.h"
#include "doubles/manual_executor.h"
#include "doubles/memory_blobs.h"
#include "receiver_module.h"
#include "store/memory_store.h"

namespace herald::receiver::test_support {

using namespace herald::test;
using namespace std::chrono_literals;

inline std::vector<std::string>* lines = nullptr;  // a module's create() has no arguments

inline const herald_module_descriptor* listening_entry(std::uint32_t abi) {
  static herald_module_descriptor descriptor = *module_entry(abi);
  descriptor.create = []() -> Module* { return new ReceiverModule([](const std::string& line) { lines->push_back(line); }); };
  return &descriptor;
}

struct NoSh final : ShClient {
  Future<ShReply> user_data(ShQuery, Deadline) override { return ready<ShReply>(ShReply{}); }
  std::vector<PeerState> peers() const override { return {}; }
};
struct NoHttp final : HttpRoutes {
  void add(std::string_view, std::string_view, HttpHandler, HttpRouteOptions) override {}
};

inline Task<void> start(container::Container& container) {
  const auto started = co_await container.start();
  REQUIRE(started.has_value());
}

// The HTTP side as the test plays it.
struct FakeHttp final : HttpClient {
  struct Asked {
    HttpCall call;
    Promise<HttpResponse> promise;
    void answer(int status, std::string body = {}, std::vector<HttpField> headers = {}) {
      HttpResponse response;
      response.status = status;
      response.body = std::move(body);
      response.headers = std::move(headers);
      promise.set(std::move(response));
    }
  };
  Future<HttpResponse> send(HttpCall call, Deadline) override {
    auto& one = *asked.emplace_back(std::make_unique<Asked>(Asked{std::move(call), {}}));
    return one.promise.future();
  }
  std::vector<std::unique_ptr<Asked>> asked;
};

inline ConfigNode config_map(std::vector<std::pair<std::string, ConfigNode>> entries) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::map;
  for (auto& [key, value] : entries) config_set(node, key, std::move(value));
  return node;
}
inline ConfigNode config_items(std::vector<ConfigNode> items) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::list;
  node.items = std::move(items);
  return node;
}

inline ConfigNode phone_section(const std::vector<const char*>& more) {
  std::vector<const char*> arguments{"herald-receiver",    "--user", "sip:alice@ims.lab", "--password", "secret", "--registrar",
                                     "sip:127.0.0.1:6060", "--apps", "news.ua,mms.ua"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto parsed = parse_command_line(static_cast<int>(arguments.size()), arguments.data());
  REQUIRE(parsed.run);
  auto section = std::move(parsed.run->section);
  config_set(section, "contact", config_scalar("127.0.0.1:5065"));
  return section;
}

inline store::MemoryOptions memory_on(const Clock& clock) {
  store::MemoryOptions options;
  options.clock = &clock;
  return options;
}

struct Phone {
  std::vector<std::string> told;
  VirtualClock clock;
  ManualExecutor executor{clock};
  FakeSipStack stack{executor};
  store::MemoryStore own_store{memory_on(clock)};
  store::MemoryStore& store;
  FakeHttp web;
  FakeMsrp msrp;
  MemoryBlobs blobs;
  bool trusted = true;
  NoSh sh;
  NoHttp http;
  container::ModuleHost host;
  container::Shards shards;
  std::unique_ptr<container::Container> container;
  ReceiverAgent* agent = nullptr;

  explicit Phone(const std::vector<const char*>& more = {}) : Phone(phone_section(more), nullptr) {}
  // `kept`: a store that an earlier one has left behind.
  Phone(ConfigNode section, store::MemoryStore* kept) : store(kept != nullptr ? *kept : own_store) {
    lines = &told;
    host.add_builtin("receiver", listening_entry);
    container::ModuleSpec spec;
    spec.name = "receiver";
    spec.section = std::move(section);
    ConfigIssues issues;
    auto snapshot = host.load({spec}, {receiver_profile()}, issues);
    REQUIRE(snapshot);
    container = std::make_unique<container::Container>(
        container::ShardParts{.index = 0,
                              .count = 1,
                              .executor = executor,
                              .stack = stack,
                              .store = store,
                              .sh = sh,
                              .http = http,
                              .admin_http = http,
                              .node = {"as", "ims.lab", "sip:127.0.0.1:6060"},
                              .trusted = [this](const sip::PeerAddress&) { return trusted; },
                              .own_hosts = {},
                              .own_identities = {},
                              .limits = {},
                              .http_client = &web,
                              .blobs = &blobs,
                              .msrp = &msrp},
        shards, host, *snapshot);
    executor.run([&] { spawn(start(*container)); });
    executor.run_ready();
    agent = static_cast<ReceiverModule*>(host.modules().front().module)->agent();
  }
  ~Phone() {
    executor.run([&] { container->stop(); });
    web.asked.clear();  // as a node's HTTP client ends: who waits for an answer gets Error{gone}
    executor.run_ready();
  }

  FakeSipStack::Sent& last() { return *stack.sent().back(); }
  std::size_t sent() const { return stack.sent().size(); }
  void challenge(const std::string& nonce) {
    last().answer(401, {{"WWW-Authenticate", "Digest realm=\"ims.lab\", nonce=\"" + nonce + "\", algorithm=MD5, qop=\"auth\""}});
    executor.advance(100ms);
  }
  void accept(const std::string& expires = "600") {
    last().answer(200, {{"Contact", std::string(*last().request.headers.get("Contact")) + ";expires=" + expires}});
    executor.run_ready();
  }
  void registered() {
    challenge("n1");
    accept();
  }
  std::shared_ptr<FakeSipStack::Call> push(std::vector<SipHeaderField> headers = {}, std::string body = "Goal!",
                                           std::string uri = "sip:alice@127.0.0.1:5065") {
    headers.push_back({"Call-ID", "call-" + std::to_string(++calls)});
    auto call = stack.receive(sip_request("MESSAGE", uri, std::move(headers), std::move(body)));
    executor.run_ready();
    return call;
  }
  // The last thing told of that kind.
  nlohmann::json event(std::string_view kind) const {
    for (auto line = told.rbegin(); line != told.rend(); ++line)
      if (auto json = nlohmann::json::parse(*line); json["event"] == kind) return json;
    return {};
  }
  std::size_t count(std::string_view kind) const {
    std::size_t number = 0;
    for (const auto& line : told) number += nlohmann::json::parse(line)["event"] == kind ? 1 : 0;
    return number;
  }
  std::shared_ptr<FakeSipStack::Call> receive(std::string_view method, std::vector<SipHeaderField> headers, std::string body = {},
                                              std::string uri = "sip:alice@127.0.0.1:5065") {
    headers.push_back({"Call-ID", "call-" + std::to_string(++calls)});
    auto call = stack.receive(sip_request(method, uri, std::move(headers), std::move(body)));
    executor.run_ready();
    return call;
  }
  // The last request of that method.
  FakeSipStack::Sent& last(std::string_view method) {
    for (auto sent = stack.sent().rbegin(); sent != stack.sent().rend(); ++sent)
      if ((*sent)->request.method() == method) return **sent;
    FAIL("no " << std::string(method) << " was sent");
    throw std::runtime_error("unreachable");
  }
  std::size_t sent(std::string_view method) const {
    std::size_t number = 0;
    for (const auto& each : stack.sent()) number += each->request.method() == method ? 1 : 0;
    return number;
  }
  void reply(FakeSipStack::Sent& request, int status, std::vector<SipHeaderField> headers = {}) {
    request.answer(status, std::move(headers));
    executor.run_ready();
  }
  // A NOTIFY in the dialog of the last SUBSCRIBE.
  std::shared_ptr<FakeSipStack::Call> notify(const std::string& state, std::vector<SipHeaderField> headers = {},
                                             std::string body = {}) {
    auto& subscribe = last("SUBSCRIBE").request.headers;
    const auto from = std::string(*subscribe.get("To"));
    headers.push_back({"From", from.substr(0, from.find(";tag")) + ";tag=peer-tag"});
    headers.push_back({"To", std::string(*subscribe.get("From"))});
    headers.push_back({"CSeq", std::to_string(++notifies) + " NOTIFY"});
    headers.push_back({"Contact", "<sip:push@127.0.0.1:7000>"});
    headers.push_back({"Subscription-State", state});
    bool named = false;
    for (const auto& header : headers) named = named || header.name == "Event";
    if (!named) headers.push_back({"Event", std::string(*subscribe.get("Event"))});
    headers.push_back({"Call-ID", std::string(*subscribe.get("Call-ID"))});
    const auto contact = NameAddr::parse(*subscribe.get("Contact"));
    auto call = stack.receive(sip_request("NOTIFY", contact->uri, std::move(headers), std::move(body)));
    executor.run_ready();
    return call;
  }
  nlohmann::json event() const { return nlohmann::json::parse(told.at(told.size() - 1)); }
  std::string header(const char* name) { return std::string(last().request.headers.get(name).value_or("")); }
  int calls = 0;
  int notifies = 0;
};

inline Task<void> end(ReceiverAgent& agent, const Clock& clock, bool* done) {
  const auto deadline = Deadline::after(clock, 5s);
  co_await agent.shut_down(deadline);
  *done = true;
}

}  // namespace herald::receiver::test_support
