#include "container/event_state_impl.h"

#include "container/core.h"

namespace herald::container {
namespace {

class Unready final : public EventStateImpl {
 public:
  void add_package(PublicationPackage&) override {}
  Task<void> publish(SipServletRequest request, std::string) override {
    static_cast<void>(request.respond(489));
    co_return;
  }
  std::vector<Publication> find(std::string_view, std::string_view) const override { return {}; }
  std::size_t size() const noexcept override { return 0; }
  Task<Expected<void>> load() override { co_return Expected<void>(); }
  void stop() override {}
};

}  // namespace

std::unique_ptr<EventStateImpl> make_event_state(Core&) { return std::make_unique<Unready>(); }

}  // namespace herald::container
