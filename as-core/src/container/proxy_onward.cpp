// The AS as a proxy that is not interested: the request goes on along the Route that the S-CSCF gave, its original dialog
// identifier byte for byte (AS-40..AS-42), without Record-Route, so that later requests bypass us. RFC 3261 16; AS-47, AS-84.
#include "container/container_events.h"
#include "container/core.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "herald/metrics.h"

namespace herald::container {
namespace {

using detail::RequestState;
using Request = std::shared_ptr<RequestState>;

constexpr unsigned kMaxRounds = 8;  // SV-10 (6)

std::string loop_key(const SipMessage& request) {
  std::string key(request.headers.get("Call-ID").value_or(""));
  key.append("\n").append(request.headers.get("CSeq").value_or(""));
  return key.append("\n").append(dialog::tag_of(request.headers.get("From").value_or("")));
}

void leave_loop_guard(Core& core, const SipMessage& request) {
  const auto found = core.proxied_in_progress.find(loop_key(request));
  if (found != core.proxied_in_progress.end() && --found->second == 0) core.proxied_in_progress.erase(found);
}

// What goes upstream of what came from downstream: Via and the copied headers are the server transaction's business; a 503 is not
// our own overload (RFC 3261 16.7 step 6, AS-84).
SipMessage relayed(sip::ClientResult result) {
  auto response = std::move(result.response);
  for (const auto name : {"Via", "From", "Call-ID", "CSeq", "Content-Length"}) response.headers.remove(name);
  if (response.status() == 503) {
    response.start = SipStatusLine{500, std::string(sip_reason_phrase(500))};
    response.headers.remove("Retry-After");
  }
  return response;
}

void on_result(const std::weak_ptr<Core>& weak_core, const std::weak_ptr<RequestState>& weak_request, sip::ClientResult result) {
  const auto core = weak_core.lock();
  const auto request = weak_request.lock();
  if (!core || !request || !request->incoming || request->incoming->final_sent || !request->incoming->transaction) return;
  auto& incoming = *request->incoming;
  const auto status = result.response.is_request() ? 500 : result.response.status();
  if (status == 100) return;  // RFC 3261 16.7 step 5
  const auto sent = incoming.transaction->respond(relayed(std::move(result)));
  if (!sent)
    log::warn("a proxied response could not be passed on", {{"cause", sent.error().text}, {"trace", request->trace.text()}});
  if (status < 200) return;
  incoming.final_sent = true;
  leave_loop_guard(*core, request->message);
  core->destroy_later(std::move(incoming.forwarded));
  core->proxying.erase(request);
  finish_server(*core, *request);
}

}  // namespace

Expected<void> proxy_onward(Core& core, const Request& request) {
  if (!request->incoming) return fail(ErrorCode::invalid, "a request of our own is sent, not proxied");
  auto& incoming = *request->incoming;
  if (incoming.final_sent || incoming.proxied || !incoming.transaction) return fail(ErrorCode::gone, "the request is answered");
  if (!incoming.isc.has_onward_route()) {
    static_cast<void>(respond(core, *request, make_response(404)));
    return fail(ErrorCode::not_found, "no Route is left to forward along");
  }
  if (!incoming.isc.trusted) {  // we are no open relay
    static_cast<void>(respond(core, *request, make_response(403)));
    return fail(ErrorCode::forbidden, "an untrusted peer may not be routed through");
  }
  const auto hops = max_forwards(request->message);
  if (hops <= 0) {
    static_cast<void>(respond(core, *request, make_response(483)));
    return fail(ErrorCode::invalid, "Max-Forwards is 0");
  }
  if (const auto refusal = check_require(request->message, "Proxy-Require")) {
    auto response = make_response(refusal->status);
    for (const auto& header : refusal->headers) response.headers.add(header.name, header.value);
    static_cast<void>(respond(core, *request, std::move(response)));
    return fail(ErrorCode::unsupported, refusal->why);
  }
  auto& rounds = core.proxied_in_progress[loop_key(request->message)];
  if (rounds >= kMaxRounds) {
    log::event(events::kLoop, {{"method", request->message.method()}, {"trace", request->trace.text()}});
    static_cast<void>(respond(core, *request, make_response(482)));
    return fail(ErrorCode::conflict, "the request goes round in circles");
  }
  ++rounds;
  static const auto counter = metrics::counter("herald_container_requests_proxied_total", "Requests passed on along their Route");
  counter.add();

  auto message = request->message;
  message.headers.remove("Route");
  for (const auto& route : incoming.isc.onward_route) message.headers.add("Route", route);
  message.headers.set("Max-Forwards", std::to_string(hops - 1));
  incoming.proxied = true;
  core.proxying.insert(request);
  incoming.forwarded = core.parts.stack.send(std::move(message), Deadline::never(),
                                             [weak_core = core.weak_from_this(), weak = std::weak_ptr<RequestState>(request)](
                                                 sip::ClientResult result) { on_result(weak_core, weak, std::move(result)); });
  return {};
}

}  // namespace herald::container
