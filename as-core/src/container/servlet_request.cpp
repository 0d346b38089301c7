#include <cmath>

#include "container/core.h"
#include "container/request_checks.h"
#include "container/transactions.h"
#include "herald/sip_servlet.h"
#include "ims/isc_reader.h"

namespace herald {
namespace {

const IscContext& no_isc() {
  static const IscContext none;
  return none;
}

}  // namespace

bool SipServletMessage::committed() const noexcept { return mutable_message() == nullptr; }

SipServletRequest::SipServletRequest(std::shared_ptr<detail::RequestState> state) noexcept : state_(std::move(state)) {}

const SipMessage& SipServletRequest::message() const noexcept { return state_->message; }

SipMessage* SipServletRequest::mutable_message() const noexcept { return state_->committed() ? nullptr : &state_->message; }

bool SipServletRequest::is_initial() const noexcept { return state_->incoming && state_->incoming->initial; }

const IscContext& SipServletRequest::isc() const noexcept { return state_->incoming ? state_->incoming->isc : no_isc(); }

Deadline SipServletRequest::deadline() const noexcept { return state_->deadline; }

std::string_view SipServletRequest::trigger() const noexcept {
  return state_->incoming ? std::string_view(state_->incoming->trigger) : std::string_view();
}

std::string SipServletRequest::peer() const {
  if (!state_->incoming) return {};
  const auto& peer = state_->incoming->peer;
  const auto host = peer.host.find(':') == std::string::npos ? peer.host : "[" + peer.host + "]";
  return host + ":" + std::to_string(peer.port) + ";transport=" + std::string(sip::to_string(peer.transport));
}

bool SipServletRequest::originated_here() const {
  const auto core = state_->core.lock();
  if (!core || !state_->incoming || !state_->incoming->isc.trusted) return false;
  // Our Call-IDs end in our name (SipFactory), and nobody in between may change them (RFC 3261 8.1.1.4).
  const auto call_id = header("Call-ID").value_or("");
  const auto at = call_id.rfind('@');
  if (at != std::string_view::npos && call_id.substr(at + 1) == core->call_id_host) return true;
  return ims::is_own_request(state_->incoming->isc, core->own_identities);
}

SipServletResponse SipServletRequest::create_response(int status, std::string_view reason) const {
  auto response = std::make_shared<detail::ResponseState>();
  response->message = container::make_response(status, reason);
  response->request = state_;
  return SipServletResponse(std::move(response));
}

Expected<void> SipServletRequest::respond(int status, std::string_view reason) const {
  return create_response(status, reason).send();
}

Expected<void> SipServletRequest::refuse(const Error& error) const {
  auto response = create_response(container::status_of_error(error));
  if (error.retry_after) {
    const auto seconds = std::ceil(std::chrono::duration<double>(*error.retry_after).count());
    static_cast<void>(response.set_header("Retry-After", std::to_string(static_cast<long>(std::max(1.0, seconds)))));
  }
  return response.send();
}

bool SipServletRequest::answered() const noexcept {
  return state_->incoming && (state_->incoming->final_sent || state_->incoming->proxied);
}

bool SipServletRequest::cancelled() const noexcept {
  return state_->incoming ? state_->incoming->cancelled : state_->outgoing && state_->outgoing->cancelled;
}

Expected<void> SipServletRequest::proxy_onward() const {
  const auto core = state_->core.lock();
  if (!core || core->stopped) return fail(ErrorCode::gone, "the container has stopped");
  return container::proxy_onward(*core, state_);
}

Expected<void> SipServletRequest::set_trace(TraceId trace) {
  if (!state_->outgoing || state_->outgoing->sent) return fail(ErrorCode::gone, "the message is committed");
  state_->trace = std::move(trace);
  return {};
}

Expected<void> SipServletRequest::set_uri(std::string uri) {
  if (!state_->outgoing) return fail(ErrorCode::invalid, "an incoming request keeps its Request-URI");
  if (state_->outgoing->sent) return fail(ErrorCode::gone, "the message is committed");
  if (!SipUri::parse(uri)) return fail(ErrorCode::invalid, "no URI");
  std::get<SipRequestLine>(state_->message.start).uri = std::move(uri);
  return {};
}

Expected<void> SipServletRequest::push_route(std::string uri) {
  if (!state_->outgoing) return fail(ErrorCode::invalid, "an incoming request keeps its Route");
  if (state_->outgoing->sent) return fail(ErrorCode::gone, "the message is committed");
  const auto address = NameAddr::parse(uri);
  const auto parsed = address ? SipUri::parse(address->uri) : Expected<SipUri>(fail(ErrorCode::invalid, ""));
  if (!parsed || !parsed->is_sip() || uri.find_first_of("\r\n") != std::string::npos) {
    return fail(ErrorCode::invalid, "no SIP URI for a Route");
  }
  state_->message.headers.add_first("Route", uri.find('<') == std::string::npos ? "<" + uri + ">" : uri);
  return {};
}

Future<SipServletResponse> SipServletRequest::send(Deadline deadline) { return container::send_request(state_, deadline); }

Expected<void> SipServletRequest::cancel() {
  if (!state_->outgoing || !state_->outgoing->sent) return fail(ErrorCode::invalid, "nothing was sent");
  if (!state_->outgoing->transaction) return fail(ErrorCode::gone, "the transaction has ended");
  state_->outgoing->cancelled = true;
  state_->outgoing->transaction->cancel();
  return {};
}

}  // namespace herald
