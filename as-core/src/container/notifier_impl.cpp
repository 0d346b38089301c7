#include "container/notifier_impl.h"

#include "container/core.h"

namespace herald::container {
namespace {

class Unready final : public NotifierImpl {
 public:
  void add_package(EventPackage&) override {}
  std::optional<SubscribeRequest> read(const SipServletRequest& request) override {
    static_cast<void>(request.respond(489));
    return std::nullopt;
  }
  Future<SubscriptionInfo> accept(SubscribeRequest, Grant, int) override {
    Promise<SubscriptionInfo> promise;
    promise.set(fail(ErrorCode::unsupported, "no notifier"));
    return promise.future();
  }
  void changed(std::string_view, std::string_view, std::string_view) override {}
  bool changed(std::string_view) override { return false; }
  bool activate(std::string_view) override { return false; }
  bool end(std::string_view, EndReason, std::optional<std::chrono::seconds>) override { return false; }
  std::optional<SubscriptionInfo> get(std::string_view) const override { return std::nullopt; }
  std::vector<SubscriptionInfo> find(std::string_view, std::string_view, std::string_view) const override { return {}; }
  bool has_active(std::string_view, std::string_view, std::string_view) const override { return false; }
  std::vector<SubscriptionInfo> list(std::string_view, std::string_view, std::size_t) const override { return {}; }
  std::size_t size() const noexcept override { return 0; }
  Task<Expected<void>> load() override { co_return Expected<void>(); }
  bool take(const std::shared_ptr<detail::RequestState>&) override { return false; }
  void drain() override {}
  void stop() override {}
  std::size_t outstanding() const noexcept override { return 0; }
};

}  // namespace

std::unique_ptr<NotifierImpl> make_notifier(Core&) { return std::make_unique<Unready>(); }

}  // namespace herald::container
