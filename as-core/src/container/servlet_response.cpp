#include <charconv>

#include "container/core.h"
#include "container/transactions.h"
#include "dialog/dialog_state.h"
#include "herald/sip_servlet.h"

namespace herald {

SipServletResponse::SipServletResponse(std::shared_ptr<detail::ResponseState> state) noexcept : state_(std::move(state)) {}

const SipMessage& SipServletResponse::message() const noexcept { return state_->message; }

SipMessage* SipServletResponse::mutable_message() const noexcept {
  const bool ours = state_->request->incoming != nullptr;
  return ours && !state_->committed ? &state_->message : nullptr;
}

const detail::RequestState& SipServletResponse::request_state() const noexcept { return *state_->request; }

int SipServletResponse::status() const noexcept { return state_->message.status(); }

const std::string& SipServletResponse::reason() const noexcept { return state_->message.reason(); }

SipServletRequest SipServletResponse::request() const { return SipServletRequest(state_->request); }

ResponseOrigin SipServletResponse::origin() const noexcept { return state_->origin; }

std::optional<Duration> SipServletResponse::retry_after() const noexcept {
  // Retry-After = delta-seconds [ comment ] *( SEMI retry-param ), RFC 3261 20.33
  const auto value = header("Retry-After");
  if (!value) return std::nullopt;
  std::uint32_t seconds = 0;
  const auto [rest, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error != std::errc() || rest == value->data()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

Expected<void> SipServletResponse::send() const {
  if (state_->committed) return fail(ErrorCode::gone, "the response was sent");
  const auto core = state_->request->core.lock();
  if (!core || core->stopped) return fail(ErrorCode::gone, "the container has stopped");
  auto sent = container::respond(*core, *state_->request, state_->message);
  if (sent) state_->committed = true;
  return sent;
}

Expected<SipServletRequest> SipServletResponse::create_ack() {
  const auto& invite = state_->request;
  if (!invite->outgoing || invite->message.method() != "INVITE" || status() < 200 || status() > 299) {
    return fail(ErrorCode::invalid, "an ACK is made from a 2xx to our INVITE");
  }
  const auto session = invite->session.lock();
  if (!session || !session->valid()) return fail(ErrorCode::gone, "the session has ended");
  const auto cseq = dialog::CSeq::parse(invite->message.headers.get("CSeq").value_or(""));
  if (!cseq) return fail(ErrorCode::internal, "our INVITE has no CSeq");
  // RFC 3261 13.2.2.4: the number of the INVITE, not the next one of the dialog.
  auto copy = session->dialog;
  auto ack = std::make_shared<detail::RequestState>();
  ack->message = copy.make_request("ACK");
  ack->message.headers.set("CSeq", std::to_string(cseq->number) + " ACK");
  ack->core = invite->core;
  ack->session = invite->session;
  ack->application = invite->application;
  ack->trace = invite->trace;
  ack->outgoing = std::make_unique<detail::RequestState::Outgoing>();
  return SipServletRequest(std::move(ack));
}

}  // namespace herald
