#include "container/event_state_impl.h"

#include "container/container.h"
#include "container/core.h"
#include "event/publication_table.h"
#include "herald/log.h"

namespace herald::container {
namespace {

using event::PublicationTable;
using event::PublishAnswer;
using event::PublishOrder;

Task<void> run(std::shared_ptr<PublicationTable> table, PublishOrder order, std::shared_ptr<Promise<PublishAnswer>> promise) {
  auto publishing = PublicationTable::publish(std::move(table), std::move(order));
  auto answer = co_await std::move(publishing);
  promise->set(std::move(answer));
}

void answer(const SipServletRequest& request, const PublishAnswer& what) {
  auto response = request.create_response(what.status);
  for (const auto& header : what.headers) static_cast<void>(response.set_header(header.name, header.value));
  if (what.status >= 300) {
    log::info("PUBLISH refused", {{"status", what.status}, {"cause", what.why}, {"trace", request.trace().text()}});
  }
  static_cast<void>(response.send());
}

class ShardEventState final : public EventStateImpl {
 public:
  explicit ShardEventState(Core& core) : core_(core) {
    PublicationTable::Options options;
    options.is_home = [index = core.parts.index, count = core.parts.count](std::string_view resource) {
      return home_shard_of(resource, count) == index;
    };
    table_ = PublicationTable::make(core.parts.executor, core.parts.store, std::move(options));
  }

  void add_package(PublicationPackage& package) override { table_->add_package(package); }

  Task<void> publish(SipServletRequest request, std::string resource) override {
    auto order = event::read_publish(request.message());
    if (!order) {
      static_cast<void>(request.refuse(order.error()));
      co_return;
    }
    const auto& asserted = request.isc().asserted_identity;
    if (!asserted.empty()) order->publisher = canonical_identity(asserted.front().uri);
    order->resource = std::move(resource);
    const auto pending = hand_over(std::move(*order));
    const auto result = co_await pending;  // the container may be gone by now: only the request is used
    if (result) {
      answer(request, *result);
    } else {
      static_cast<void>(request.refuse(result.error()));
    }
  }

  std::vector<Publication> find(std::string_view package, std::string_view resource) const override {
    return table_->find(package, resource);
  }
  std::size_t size() const noexcept override { return table_->size(); }
  Task<Expected<void>> load() override { return PublicationTable::load(table_); }
  void stop() override { table_->stop(); }

 private:
  // To the shard that is the resource's home.
  Future<PublishAnswer> hand_over(PublishOrder order) {
    auto promise = std::make_shared<Promise<PublishAnswer>>();
    auto future = promise->future();
    auto* const home = core_.shards.core(home_shard_of(order.resource, core_.parts.count));
    if (home == &core_) {
      spawn(run(table_, std::move(order), std::move(promise)));
      return future;
    }
    const bool posted = home != nullptr && home->parts.executor.execute(
                                               [weak = home->weak_from_this(), order = std::move(order), promise]() mutable {
                                                 const auto core = weak.lock();
                                                 if (!core || core->stopped) return;
                                                 auto& state = static_cast<ShardEventState&>(*core->event_state);
                                                 spawn(run(state.table_, std::move(order), std::move(promise)));
                                               });
    if (!posted) {
      promise->set(fail(Error{ErrorCode::busy, "the resource's shard is overloaded", std::chrono::seconds(5)}));
    }
    return future;
  }

  Core& core_;
  std::shared_ptr<PublicationTable> table_;
};

}  // namespace

std::unique_ptr<EventStateImpl> make_event_state(Core& core) { return std::make_unique<ShardEventState>(core); }

}  // namespace herald::container
