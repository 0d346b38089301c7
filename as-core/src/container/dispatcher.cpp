#include "container/dispatcher.h"

#include "container/core.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "dialog/dialog_state.h"
#include "herald/log.h"
#include "herald/metrics.h"
#include "ims/isc_reader.h"

namespace herald::container {
namespace {

void count_request(const SipMessage& request) {
  // Only known methods become labels.
  static const auto counters = [] {
    std::unordered_map<std::string_view, metrics::Counter> all;
    const auto make = [](std::string_view method) {
      return metrics::counter("herald_container_requests_total", "Incoming requests", {{"method", method}});
    };
    for (const auto method : known_methods()) all.emplace(method, make(method));
    all.emplace("other", make("other"));
    return all;
  }();
  const auto found = counters.find(request.method());
  (found == counters.end() ? counters.at("other") : found->second).add();
}

void count_refusal(int status) {
  metrics::counter("herald_container_requests_refused_total", "Requests refused before any module saw them",
                   {{"status", std::to_string(status)}})
      .add();
}

}  // namespace

void refuse(Core& core, detail::RequestState& request, const Refusal& refusal) {
  count_refusal(refusal.status);
  log::debug("request refused", {{"status", refusal.status},
                                 {"method", request.message.method()},
                                 {"cause", refusal.why},
                                 {"trace", request.trace.text()}});
  auto response = make_response(refusal.status, refusal.reason);
  for (const auto& header : refusal.headers) response.headers.add(header.name, header.value);
  static_cast<void>(respond(core, request, std::move(response)));
}

void bind_to_session(Core& core, const std::shared_ptr<detail::RequestState>& request, detail::SessionState& session) {
  request->session = session.weak_from_this();
  request->application = session.application->weak_from_this();
  ++session.servers;
  if (!request->incoming->in_progress) {
    request->incoming->in_progress = true;
    ++core.server_transactions;
  }
}

void dispatch(Core& core, std::unique_ptr<sip::ServerTransaction> transaction) {
  if (!transaction->request().is_request()) return;
  auto request = std::make_shared<detail::RequestState>();
  request->core = core.weak_from_this();
  request->message = transaction->request();
  request->trace = TraceId::create();
  request->incoming = std::make_unique<detail::RequestState::Incoming>();
  auto& incoming = *request->incoming;
  incoming.peer = transaction->peer();
  incoming.transaction = std::move(transaction);
  incoming.in_progress = true;
  ++core.server_transactions;
  count_request(request->message);

  // AS-2, S-2: before anything looks at the request, what an untrusted peer asserts is gone.
  const bool trusted = core.parts.trusted && core.parts.trusted(incoming.peer);
  incoming.isc = ims::read_isc_context(request->message, trusted, [&core](const SipUri& uri) { return core.own.contains(uri); });

  if (const auto refusal = check_request(request->message)) return refuse(core, *request, *refusal);
  if (!dialog::tag_of(request->message.headers.get("To").value_or("")).empty()) return dispatch_in_dialog(core, request);
  dispatch_initial(core, request);
}

}  // namespace herald::container
