#include "container/subscriber_impl.h"

#include "container/core.h"

namespace herald::container {
namespace {

class Unready final : public SubscriberImpl {
 public:
  Expected<WatchId> subscribe(SubscribePlan, Watcher&) override { return fail(ErrorCode::unsupported, "no subscriber"); }
  void refresh(WatchId) override {}
  Future<void> unsubscribe(WatchId) override {
    Promise<void> promise;
    promise.set(Expected<void>());
    return promise.future();
  }
  void abandon(WatchId) override {}
  Future<ReferResult> refer(ReferPlan, std::shared_ptr<ReferWatcher>) override {
    Promise<ReferResult> promise;
    promise.set(fail(ErrorCode::unsupported, "no subscriber"));
    return promise.future();
  }
  std::size_t size() const noexcept override { return 0; }
  bool take(const std::shared_ptr<detail::RequestState>&) override { return false; }
  void stop() override {}
};

}  // namespace

std::unique_ptr<SubscriberImpl> make_subscriber(Core&) { return std::make_unique<Unready>(); }

}  // namespace herald::container
