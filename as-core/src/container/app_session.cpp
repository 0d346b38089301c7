#include <algorithm>

#include "container/core.h"
#include "herald/sip_servlet.h"

namespace herald {
namespace {

std::shared_ptr<detail::AppSessionState> valid(const std::weak_ptr<detail::AppSessionState>& weak) {
  auto state = weak.lock();
  return state && state->valid() ? state : nullptr;
}

Unexpected ended() { return fail(ErrorCode::gone, "the application session has ended"); }

}  // namespace

SipApplicationSession::SipApplicationSession(std::weak_ptr<detail::AppSessionState> state) noexcept : state_(std::move(state)) {}

bool SipApplicationSession::valid() const noexcept { return herald::valid(state_) != nullptr; }

std::string SipApplicationSession::id() const {
  const auto state = herald::valid(state_);
  return state ? "a" + std::to_string(state->core->parts.index) + "-" + std::to_string(state->number) : std::string();
}

AttributeMap* SipApplicationSession::attributes() const noexcept {
  const auto state = herald::valid(state_);
  return state ? &state->attributes : nullptr;
}

std::vector<SipSession> SipApplicationSession::sessions() const {
  std::vector<SipSession> result;
  if (const auto state = herald::valid(state_)) {
    for (const auto& session : state->sessions) result.emplace_back(session);
  }
  return result;
}

Expected<void> SipApplicationSession::set_expires(Duration span) const {
  const auto state = herald::valid(state_);
  if (!state) return ended();
  if (span < Duration::zero()) return fail(ErrorCode::invalid, "a negative lifetime");
  state->core->sessions.set_expiry(*state, span);
  return {};
}

void SipApplicationSession::set_invalidate_when_ready(bool automatic) const {
  const auto state = herald::valid(state_);
  if (!state) return;
  state->automatic = automatic;
  if (automatic) state->core->sessions.check_later(state);
}

Expected<ServletTimer> SipApplicationSession::create_timer(Duration delay, Work work) const {
  const auto state = herald::valid(state_);
  if (!state) return ended();
  auto& executor = state->core->parts.executor;
  const auto number = ++state->last_timer;
  const auto due = executor.clock().now() + std::max(Duration::zero(), delay);
  const auto id = executor.timers().start_at(due, [state_ = state_, number, work = std::move(work)]() mutable {
    const auto alive = herald::valid(state_);
    if (!alive) return;
    std::erase_if(alive->timers, [number](const auto& timer) { return timer.number == number; });
    auto* const core = alive->core;
    core->guarded(*alive->hosted, "timer", [&work] { work(); });
    core->sessions.check_later(alive);
  });
  state->timers.push_back({number, id});
  return ServletTimer{id};
}

bool SipApplicationSession::cancel_timer(ServletTimer timer) const {
  const auto state = herald::valid(state_);
  if (!state) return false;
  const auto removed = std::erase_if(state->timers, [timer](const auto& each) { return each.id.value == timer.id.value; });
  if (removed == 0) return false;
  state->core->sessions.check_later(state);
  return state->core->parts.executor.timers().cancel(timer.id);
}

void SipApplicationSession::invalidate() const {
  if (const auto state = herald::valid(state_)) state->core->sessions.invalidate(*state);
}

}  // namespace herald
