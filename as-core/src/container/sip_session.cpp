#include "container/core.h"
#include "herald/sip_servlet.h"

namespace herald {
namespace {

std::shared_ptr<detail::SessionState> valid(const std::weak_ptr<detail::SessionState>& weak) {
  auto state = weak.lock();
  return state && state->valid() ? state : nullptr;
}

}  // namespace

SipSession::SipSession(std::weak_ptr<detail::SessionState> state) noexcept : state_(std::move(state)) {}

bool SipSession::valid() const noexcept { return herald::valid(state_) != nullptr; }

std::string SipSession::id() const {
  const auto state = herald::valid(state_);
  return state ? "s" + std::to_string(state->application->core->parts.index) + "-" + std::to_string(state->number)
               : std::string();
}

SipSession::State SipSession::state() const noexcept {
  const auto state = herald::valid(state_);
  if (!state) return State::terminated;
  switch (state->dialog.state) {
    case dialog::State::initial:
      return State::initial;
    case dialog::State::early:
      return State::early;
    case dialog::State::confirmed:
      return State::confirmed;
    case dialog::State::terminated:
      return State::terminated;
  }
  return State::terminated;
}

std::string SipSession::call_id() const {
  const auto state = herald::valid(state_);
  return state ? state->dialog.call_id : std::string();
}

AttributeMap* SipSession::attributes() const noexcept {
  const auto state = herald::valid(state_);
  return state ? &state->attributes : nullptr;
}

SipApplicationSession SipSession::application_session() const {
  const auto state = herald::valid(state_);
  return SipApplicationSession(state ? state->application->weak_from_this() : std::weak_ptr<detail::AppSessionState>());
}

Expected<SipServletRequest> SipSession::create_request(std::string_view method) const {
  const auto state = herald::valid(state_);
  if (!state) return fail(ErrorCode::gone, "the session has ended");
  if (state->dialog.state == dialog::State::terminated) return fail(ErrorCode::gone, "the dialog has ended");
  if (method.empty() || method == "ACK" || method == "CANCEL") return fail(ErrorCode::invalid, "ACK and CANCEL are not made so");
  if (state->dialog.local_tag.empty()) return fail(ErrorCode::invalid, "the session has no dialog to send in");
  auto request = std::make_shared<detail::RequestState>();
  request->message = state->dialog.make_request(method);
  request->core = state->application->core->weak_from_this();
  request->session = state;
  request->application = state->application->weak_from_this();
  request->trace = TraceId::create();
  request->outgoing = std::make_unique<detail::RequestState::Outgoing>();
  return SipServletRequest(std::move(request));
}

void SipSession::invalidate() const {
  if (const auto state = herald::valid(state_)) state->application->core->sessions.invalidate(*state);
}

}  // namespace herald
