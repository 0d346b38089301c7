// CANCEL: the stack matched it and answered 200; the INVITE gets 487 and the application is told (SV-5). RFC 3261 9.2.
#include "container/core.h"
#include "container/dispatcher.h"
#include "container/hook_runner.h"
#include "container/request_checks.h"
#include "container/transactions.h"

namespace herald::container {

void dispatch_cancel(Core& core, const std::shared_ptr<detail::RequestState>& request) {
  auto& incoming = *request->incoming;
  if (incoming.final_sent || incoming.cancelled) return;
  incoming.cancelled = true;
  if (incoming.proxied) {
    if (incoming.forwarded) incoming.forwarded->cancel();  // its 487 is relayed
    return;
  }
  static_cast<void>(respond(core, *request, make_response(487)));
  const auto session = request->session.lock();
  if (session && session->valid()) run_cancel_hook(core, *session->application->hosted, request);
}

}  // namespace herald::container
