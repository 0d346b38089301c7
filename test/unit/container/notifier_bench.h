// A notifier on a bench: a scripted event package behind the container's own dispatch.
#pragma once

#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench.h"
#include "dialog/dialog_state.h"
#include "herald/notifier.h"

namespace herald::test {

class ScriptedPackage final : public EventPackage {
 public:
  struct Told {
    std::string id;
    std::uint64_t batch = 0;
    NotifyOutcome outcome;
  };
  struct Ended {
    SubscriptionInfo subscription;
    EndReason reason = EndReason::none;
    bool by_subscriber = false;
  };

  ScriptedPackage() {
    the_rules.package = "oma-push";
    the_rules.body_types = {"application/vnd.oma.push", "text/plain"};
    the_rules.expiry_jitter = 0;
  }

  EventRules rules() const override { return the_rules; }
  Task<NotifyContent> content(SubscriptionInfo subscription, NotifyWish wish) override {
    asked.emplace_back(subscription, wish);
    if (on_content) co_return on_content(subscription, wish);
    co_return NotifyContent();
  }
  void notified(const SubscriptionInfo& subscription, std::uint64_t batch, const NotifyOutcome& outcome) override {
    told.push_back({subscription.id, batch, outcome});
    if (on_notified) on_notified(subscription);
  }
  void began(const SubscriptionInfo& subscription, bool restored) override {
    begun.emplace_back(subscription, restored);
    if (on_began) on_began(subscription, restored);
  }
  void ended(const SubscriptionInfo& subscription, EndReason reason, bool by_subscriber) override {
    over.push_back({subscription, reason, by_subscriber});
  }

  EventRules the_rules;
  std::function<NotifyContent(const SubscriptionInfo&, const NotifyWish&)> on_content;
  std::function<void(const SubscriptionInfo&, bool)> on_began;
  std::function<void(const SubscriptionInfo&)> on_notified;
  std::vector<std::pair<SubscriptionInfo, NotifyWish>> asked;
  std::vector<Told> told;
  std::vector<std::pair<SubscriptionInfo, bool>> begun;
  std::vector<Ended> over;
};

[[nodiscard]] inline NotifyContent text_content(std::string body, std::string etag = {}, std::uint64_t batch = 0) {
  NotifyContent content;
  content.type = "text/plain";
  content.body = std::move(body);
  content.etag = std::move(etag);
  content.batch = batch;
  return content;
}

// The subscriber of one dialog.
struct Subscriber1 {
  std::string number;  // makes it unique
  std::string to_tag{};
  unsigned cseq = 0;

  [[nodiscard]] SipMessage subscribe(std::vector<SipHeaderField> extra = {}, std::string body = {}) {
    ++cseq;
    std::vector<SipHeaderField> headers{{"From", "<sip:bob@ims.lab>;tag=from-" + number},
                                        {"Call-ID", "call-" + number},
                                        {"CSeq", std::to_string(cseq) + " SUBSCRIBE"},
                                        {"Contact", "<sip:bob@127.0.0.1:61" + number + ">"},
                                        {"Event", "oma-push"},
                                        {"P-Asserted-Identity", "<sip:bob@ims.lab>"}};
    if (to_tag.empty()) {
      headers.push_back({"Record-Route", "<sip:scscf@127.0.0.1:6060;lr>, <sip:pcscf@127.0.0.1:6061;lr>"});
    } else {
      headers.push_back({"To", "<sip:push@ims.lab>;tag=" + to_tag});
    }
    for (auto& field : extra) {
      std::erase_if(headers, [&](const auto& known) { return known.name == field.name; });
      if (field.value != "-") headers.push_back(std::move(field));
    }
    return sip_request("SUBSCRIBE", to_tag.empty() ? "sip:push@ims.lab" : "sip:push@127.0.0.1:5065", std::move(headers),
                       std::move(body));
  }
  void learn(const FakeSipStack::Call& call) { to_tag = dialog::tag_of(call.last().headers.get("To").value_or("")); }
};

class NotifierBench {
 public:
  explicit NotifierBench(Store* store = nullptr, unsigned shards = 1, bool start = true) {
    Bench::Options options;
    options.store = store;
    options.shards = shards;
    options.start = false;
    bench = std::make_unique<Bench>(std::move(options));
    bench->script.methods = {"SUBSCRIBE", "REFER", "MESSAGE"};
    bench->script.on_init = [this](ServletContext& context) {
      contexts.push_back(&context);
      context.notifier().add_package(package);
      for (auto* more : more_packages) context.notifier().add_package(*more);
    };
    bench->script.hooks["SUBSCRIBE"] = [this](SipServletRequest request) { return accept(std::move(request)); };
    bench->script.hooks["REFER"] = [this](SipServletRequest request) { return accept(std::move(request)); };
    if (start) this->start();
  }
  void start() {
    for (unsigned i = 0; i < bench->containers.size(); ++i) {
      bench->executors[i]->run([&] { spawn(run(*bench->containers[i], start_error)); });
    }
    settle();
    REQUIRE_FALSE(start_error.has_value());
  }

  Task<void> accept(SipServletRequest request) {
    auto wish = contexts[request_shard]->notifier().read(request);
    if (!wish) co_return;
    wishes.push_back(*wish);
    auto copy = grant;
    auto accepting = contexts[request_shard]->notifier().accept(std::move(*wish), std::move(copy), status);
    result = co_await accepting;
  }

  std::shared_ptr<FakeSipStack::Call> send(SipMessage request, unsigned shard = 0) {
    request_shard = shard;
    auto call = bench->stack(shard).receive(std::move(request));
    settle();
    return call;
  }
  // Subscribes and answers the first NOTIFY.
  Subscriber1 subscribed(const std::string& number, std::vector<SipHeaderField> extra = {}) {
    Subscriber1 bob{number};
    const auto call = send(bob.subscribe(std::move(extra)));
    REQUIRE(call->final() == 200);
    bob.learn(*call);
    answer(200);
    return bob;
  }
  void settle() { bench->settle(); }
  void advance(Duration span) { bench->advance(span); }
  [[nodiscard]] Notifier& notifier(unsigned shard = 0) { return contexts[shard]->notifier(); }
  void run_here(const std::function<void()>& work, unsigned shard = 0) {
    bench->executors[shard]->run(work);
    settle();
  }
  void changed(const std::string& key = "news") {
    run_here([&] { notifier().changed("oma-push", "sip:bob@ims.lab", key); });
  }
  [[nodiscard]] const std::vector<std::shared_ptr<FakeSipStack::Sent>>& sent(unsigned shard = 0) {
    return bench->stack(shard).sent();
  }
  [[nodiscard]] const SipMessage& notify(unsigned shard = 0) { return sent(shard).back()->request; }
  [[nodiscard]] std::string header(std::string_view name) { return std::string(notify().headers.get(name).value_or("")); }
  void answer(int code, std::vector<SipHeaderField> headers = {}) {
    REQUIRE_FALSE(sent().empty());
    REQUIRE_FALSE(sent().back()->done);
    sent().back()->answer(code, std::move(headers));
    settle();
  }
  [[nodiscard]] std::size_t stored() {
    std::size_t count = 0;
    bench->spawn_here(count_records(bench->store, count));
    return count;
  }

  static Task<void> run(container::Container& container, std::optional<Error>& error) {
    auto starting = container.start();
    const auto started = co_await std::move(starting);
    if (!started) error = started.error();
  }
  static Task<void> count_records(Store& store, std::size_t& count) {
    Scan scan;
    scan.table = "subscription";
    scan.limit = 1000;
    auto reading = store.scan(std::move(scan));
    const auto page = co_await reading;
    if (page) count = page->records.size();
  }

  ScriptedPackage package;
  std::vector<EventPackage*> more_packages;
  Grant grant{"sip:bob@ims.lab", "news", SubscriptionStatus::active, {}};
  int status = 200;
  unsigned request_shard = 0;
  std::vector<SubscribeRequest> wishes;
  Expected<SubscriptionInfo> result = fail(ErrorCode::internal, "not called");
  std::optional<Error> start_error;
  std::vector<ServletContext*> contexts;
  std::unique_ptr<Bench> bench;  // last: it stops first
};

}  // namespace herald::test
