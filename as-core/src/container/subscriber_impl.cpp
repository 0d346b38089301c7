#include "container/subscriber_impl.h"

#include "container/core.h"
#include "container/dispatcher.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "event/refer_client.h"
#include "event/watch_client.h"

namespace herald::container {
namespace {

event::ClientSide side_of(Core& core) {
  return event::ClientSide{
      .executor = core.parts.executor, .stack = core.parts.stack, .call_id_host = core.call_id_host, .random = {}};
}

// A NOTIFY whose watcher wants to see what it brought safe before it is answered.
class LateAnswer final : public NotifyAnswerer {
 public:
  LateAnswer(Core& core, std::shared_ptr<detail::RequestState> request)
      : core_(core.weak_from_this()), request_(std::move(request)) {}
  LateAnswer(const LateAnswer&) = delete;
  LateAnswer& operator=(const LateAnswer&) = delete;
  ~LateAnswer() override { answer(500, {}); }
  void answer(int status, std::vector<SipHeaderField> headers) override {
    const auto core = core_.lock();
    const auto request = std::exchange(request_, nullptr);
    if (!core || !request) return;
    auto response = make_response(status);
    for (auto& header : headers) response.headers.add(std::move(header.name), std::move(header.value));
    static_cast<void>(respond(*core, *request, std::move(response)));
  }

 private:
  std::weak_ptr<Core> core_;
  std::shared_ptr<detail::RequestState> request_;
};

class ShardSubscriber final : public SubscriberImpl {
 public:
  explicit ShardSubscriber(Core& core)
      : core_(core),
        watches_(event::WatchClient::make(side_of(core))),
        refers_(event::ReferClient::make(side_of(core), watches_)) {}

  Expected<WatchId> subscribe(SubscribePlan plan, Watcher& watcher) override {
    return watches_->subscribe(std::move(plan), watcher);
  }
  void refresh(WatchId id) override { watches_->refresh(id); }
  Future<void> unsubscribe(WatchId id) override { return watches_->unsubscribe(id); }
  void abandon(WatchId id) override { watches_->abandon(id); }
  Future<ReferResult> refer(ReferPlan plan, std::shared_ptr<ReferWatcher> watcher) override {
    return refers_->refer(std::move(plan), std::move(watcher));
  }
  std::size_t size() const noexcept override { return watches_->size(); }

  bool take(const std::shared_ptr<detail::RequestState>& request) override {
    const auto& message = request->message;
    if (message.method() != "NOTIFY") return false;
    const auto key = event::usage_key(message);
    if (!watches_->knows(key) && !refers_->knows(key)) return false;
    if (const auto refusal = check_require(message, "Require")) {
      refuse(core_, *request, *refusal);
      return true;
    }
    auto answer = watches_->take(
        message, [&]() -> std::shared_ptr<NotifyAnswerer> { return std::make_shared<LateAnswer>(core_, request); });
    if (!answer) answer = refers_->take(message);
    if (!answer) return false;
    if (answer->status == 0) return true;
    auto response = make_response(answer->status);
    for (auto& header : answer->headers) response.headers.add(std::move(header.name), std::move(header.value));
    static_cast<void>(respond(core_, *request, std::move(response)));
    return true;
  }
  void stop() override {
    watches_->stop();
    refers_->stop();
  }

 private:
  Core& core_;
  std::shared_ptr<event::WatchClient> watches_;
  std::shared_ptr<event::ReferClient> refers_;
};

}  // namespace

std::unique_ptr<SubscriberImpl> make_subscriber(Core& core) { return std::make_unique<ShardSubscriber>(core); }

}  // namespace herald::container
