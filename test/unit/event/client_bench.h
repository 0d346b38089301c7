// A peer played by the test for subscriptions and REFERs of our own: a stack without a wire, virtual time, a watcher that notes.
#pragma once

#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "doubles/fake_sip_stack.h"
#include "doubles/manual_executor.h"
#include "doubles/virtual_clock.h"
#include "event/refer_client.h"
#include "event/watch_client.h"

namespace herald::test {

struct NotingWatcher final : Watcher {
  struct Note {
    SubscriptionStatus status;
    EndReason reason;
    std::string body;
  };
  int on_notify(WatchId id, const Notification& notification, std::vector<SipHeaderField>& headers) override {
    notes.push_back({notification.status, notification.reason, notification.message.body});
    if (during_notify) during_notify(id);
    if (answer == 415) headers.push_back({"Accept", "text/plain"});
    return answer;
  }
  void on_progress(WatchId id, const WatchProgress& progress) override {
    stages.push_back(progress);
    if (during_progress) during_progress(id, progress);
  }
  [[nodiscard]] std::size_t count(WatchProgress::Stage stage) const {
    std::size_t result = 0;
    for (const auto& each : stages) result += each.stage == stage ? 1 : 0;
    return result;
  }
  std::vector<Note> notes;
  std::vector<WatchProgress> stages;
  int answer = 200;
  std::function<void(WatchId)> during_notify;
  std::function<void(WatchId, const WatchProgress&)> during_progress;
};

struct NotingReferWatcher final : ReferWatcher {
  void on_report(const ReferReport& report) override { reports.push_back(report); }
  std::vector<ReferReport> reports;
};

class ClientBench {
 public:
  using Sent = std::shared_ptr<FakeSipStack::Sent>;

  ClientBench() : ClientBench(0.0) {}
  explicit ClientBench(double jitter, std::size_t max = 1000)
      : executor(clock),
        stack(executor),
        watches(event::WatchClient::make(side(jitter, max))),
        refers(event::ReferClient::make(side(jitter, max), watches)) {}
  ~ClientBench() {
    executor.run([&] {
      watches->stop();
      refers->stop();
    });
    executor.run_ready();
  }
  ClientBench(const ClientBench&) = delete;
  ClientBench& operator=(const ClientBench&) = delete;

  event::ClientSide side(double jitter, std::size_t max) {
    return event::ClientSide{.executor = executor,
                             .stack = stack,
                             .call_id_host = "as1.ims.lab",
                             .timer_n = std::chrono::seconds(32),
                             .max = max,
                             .random = [jitter] { return jitter; }};
  }
  static SubscribePlan plan() {
    SubscribePlan made;
    made.from = "<sip:alice@ims.lab>";
    made.to = "<sip:push@ims.lab>";
    made.routes = {"sip:127.0.0.1:6060;lr"};
    made.event = "oma-push;appid=news.ua";
    made.accept = {"text/plain", "multipart/mixed"};
    made.expires = std::chrono::seconds(600);
    return made;
  }
  WatchId subscribe(SubscribePlan wish, Watcher& watcher) {
    const auto id = executor.run([&] { return watches->subscribe(std::move(wish), watcher); });
    REQUIRE(id.has_value());
    settle();
    return *id;
  }
  WatchId subscribe(Watcher& watcher) { return subscribe(plan(), watcher); }
  // A live subscription: 200, then the first NOTIFY.
  WatchId live(Watcher& watcher, SubscribePlan wish = plan()) {
    const auto id = subscribe(std::move(wish), watcher);
    last()->answer(200,
                   {{"Expires", std::string(*last()->request.headers.get("Expires"))}, {"Contact", "<sip:push@10.0.0.9:5070>"}});
    settle();
    CHECK(notify(*last(), "active;expires=600").status == 200);
    return id;
  }
  void settle() { executor.run_ready(); }
  void advance(Duration span) { executor.advance(span); }
  [[nodiscard]] Sent last() const { return stack.sent().back(); }
  [[nodiscard]] std::size_t sent() const { return stack.sent().size(); }

  // A NOTIFY in the dialog of that request of ours.
  SipMessage make_notify(const FakeSipStack::Sent& to, const std::string& state, std::vector<SipHeaderField> extra = {},
                         std::string body = {}) {
    const auto& request = to.request;
    std::vector<SipHeaderField> headers{
        {"From", std::string(*request.headers.get("To")) +
                     (request.headers.get("To")->find("tag=") == std::string_view::npos ? ";tag=" + to.remote_tag : "")},
        {"To", std::string(*request.headers.get("From"))},
        {"Call-ID", std::string(*request.headers.get("Call-ID"))},
        {"CSeq", std::to_string(++notify_cseq) + " NOTIFY"},
        {"Contact", "<sip:push@10.0.0.9:5070>"},
        {"Event", std::string(request.headers.get("Event").value_or("refer"))},
        {"Subscription-State", state}};
    for (auto& field : extra) {
      std::erase_if(headers, [&](const auto& known) { return same_header_name(known.name, field.name); });
      if (!field.value.empty()) headers.push_back(std::move(field));
    }
    const auto contact = request.headers.list("Contact");
    return sip_request("NOTIFY", NameAddr::parse(contact.at(0))->uri, std::move(headers), std::move(body));
  }
  // Status 0: it is no subscription of ours.
  event::NotifyAnswer deliver(const SipMessage& message) {
    auto answer = executor.run([&] { return watches->take(message); });
    if (!answer) answer = executor.run([&] { return refers->take(message); });
    settle();
    return answer.value_or(event::NotifyAnswer{0});
  }
  event::NotifyAnswer notify(const FakeSipStack::Sent& to, const std::string& state, std::vector<SipHeaderField> extra = {},
                             std::string body = {}) {
    return deliver(make_notify(to, state, std::move(extra), std::move(body)));
  }

  VirtualClock clock;
  ManualExecutor executor;
  FakeSipStack stack;
  std::shared_ptr<event::WatchClient> watches;
  std::shared_ptr<event::ReferClient> refers;
  unsigned notify_cseq = 0;
};

}  // namespace herald::test
