#include "diameter/diameter_stack.h"

#include <atomic>
#include <utility>

#include "sh_core.h"
#include "stack_config.h"
#include "stack_core.h"
//
#include "dictionary/library.h"

namespace herald::diameter {

Expected<std::unique_ptr<DiameterStack>> DiameterStack::start(const DiameterOptions& options) {
  if (auto checked = check_options(options); !checked) return fail(checked.error());
  if (auto listen = parse_listen(options.listen); !listen) return fail(listen.error());
  static std::atomic_flag started;
  if (started.test_and_set()) return fail(ErrorCode::unsupported, "the Diameter stack was started before in this process");
  auto core = std::make_shared<StackCore>(options);
  // Never freed: callbacks of the library find it even if they come after everything else.
  static auto* const kept = new std::shared_ptr<StackCore>;
  *kept = core;
  if (auto done = core->start(options); !done) return fail(done.error());
  return std::unique_ptr<DiameterStack>(new DiameterStack(options, core));
}

DiameterStack::DiameterStack(DiameterOptions options, std::shared_ptr<StackCore> core)
    : options_(std::move(options)), core_(std::move(core)) {}

DiameterStack::~DiameterStack() { shutdown(); }

void DiameterStack::shutdown() { core_->stop(); }

std::vector<ShClient::PeerState> DiameterStack::peers() const { return core_->peers(); }

std::uint32_t DiameterStack::library_sessions() const {
  std::uint32_t count = 0;
  return fd_sess_getcount(&count) == 0 ? count : 0;
}

std::unique_ptr<ShClient> make_sh_client(DiameterStack& stack, ShOptions options) {
  if (options.destination_realm.empty()) options.destination_realm = stack.options().destination_realm;
  if (options.destination_realm.empty()) options.destination_realm = stack.options().realm;
  return make_client(std::make_shared<ShCore>(stack.core(), std::move(options)));
}

}  // namespace herald::diameter
