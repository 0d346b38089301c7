#include "container/session_manager.h"

#include <algorithm>

#include "container/core.h"
#include "herald/metrics.h"

namespace herald::container {

using detail::AppSessionState;
using detail::SessionState;

SessionManager::App SessionManager::create_application(HostedServlet& hosted) {
  if (applications_.size() >= max_) return nullptr;
  auto application = std::make_shared<AppSessionState>(core_, next_++, hosted);
  applications_.emplace(application->number, application);
  set_expiry(*application, timeout_);
  return application;
}

SessionManager::App SessionManager::application_by_key(HostedServlet& hosted, std::string_view key) {
  // One application never sees another's sessions (SV-2): the key belongs to the module.
  auto full = hosted.name + '\n' + std::string(key);
  if (const auto found = keys_.find(full); found != keys_.end()) {
    if (auto application = found->second.lock(); application && application->valid()) return application;
  }
  auto application = create_application(hosted);
  if (!application) return nullptr;
  application->key = std::make_unique<std::string>(full);
  keys_.insert_or_assign(std::move(full), application);
  return application;
}

SessionManager::Session SessionManager::create_session(AppSessionState& application) {
  auto session = std::make_shared<SessionState>(next_++, application);
  application.sessions.push_back(session);
  sessions_.emplace(session->number, session.get());
  return session;
}

SessionManager::Session SessionManager::find_dialog(std::string_view call_id, std::string_view local_tag,
                                                    std::string_view remote_tag) const {
  const auto number = dialogs_.find(call_id, local_tag, remote_tag);
  if (!number) return nullptr;
  const auto found = sessions_.find(*number);
  return found == sessions_.end() ? nullptr : found->second->shared_from_this();
}

void SessionManager::enter_dialog(SessionState& session, std::string_view former_remote_tag) {
  const auto& dialog = session.dialog;
  if (session.in_table) dialogs_.erase(dialog.call_id, dialog.local_tag, former_remote_tag);
  dialogs_.insert(dialog.call_id, dialog.local_tag, dialog.remote_tag, session.number);
  session.in_table = true;
}

void SessionManager::leave_dialog(SessionState& session) {
  if (!session.in_table) return;
  dialogs_.erase(session.dialog.call_id, session.dialog.local_tag, session.dialog.remote_tag);
  session.in_table = false;
}

void SessionManager::terminate(SessionState& session) {
  if (session.invite_usage || session.subscriptions > 0) return;
  session.dialog.state = dialog::State::terminated;
  leave_dialog(session);
}

void SessionManager::set_expiry(AppSessionState& application, Duration span) {
  auto& timers = executor_.timers();
  if (application.expiry) timers.cancel(application.expiry);
  application.expiry = {};
  if (span == Duration::zero()) return;
  application.expiry = timers.start_at(executor_.clock().now() + span, [this, weak = application.weak_from_this()] {
    // `this` is there as long as the application session is: both live in the Core.
    const auto expired = weak.lock();
    if (!expired || !expired->valid()) return;
    static const auto counter =
        metrics::counter("herald_container_application_sessions_expired_total", "Application sessions that ended by time");
    counter.add();
    expired->expiry = {};
    invalidate(*expired);
  });
}

void SessionManager::drop(SessionState& session) {
  leave_dialog(session);
  sessions_.erase(session.number);
  session.application = nullptr;
  // Ends the transactions silently; whoever awaits an answer gets Error{gone}. After this turn, for one of them may be the
  // caller.
  if (!session.clients.empty()) core_.abandon_later(std::move(session.clients));
  session.clients.clear();
}

void SessionManager::invalidate(SessionState& session) {
  if (!session.valid()) return;
  const auto keep = session.shared_from_this();
  auto& application = *session.application;
  std::erase_if(application.sessions, [&](const auto& each) { return each.get() == &session; });
  drop(session);
  check_later(application.weak_from_this());
}

void SessionManager::invalidate(AppSessionState& application) {
  if (!application.valid()) return;
  const auto keep = application.shared_from_this();
  auto& timers = executor_.timers();
  if (application.expiry) timers.cancel(application.expiry);
  for (const auto& timer : application.timers) timers.cancel(timer.id);
  application.timers.clear();
  for (const auto& session : application.sessions) drop(*session);
  application.sessions.clear();
  if (application.key) keys_.erase(*application.key);
  application.core = nullptr;
  applications_.erase(application.number);
}

void SessionManager::invalidate_all() {
  while (!applications_.empty()) invalidate(*applications_.begin()->second);
}

void SessionManager::check_later(const std::weak_ptr<AppSessionState>& application) {
  // Posted, so that an awaiter which has just been woken runs first and may go on using the session.
  executor_.complete([weak = application] {
    const auto state = weak.lock();
    if (state && state->valid()) state->core->sessions.check(*state);
  });
}

void SessionManager::check(AppSessionState& application) {
  if (!application.automatic || application.hooks > 0) return;
  auto& sessions = application.sessions;
  for (std::size_t i = sessions.size(); i-- > 0;) {
    if (!sessions[i]->ready()) continue;
    const auto session = sessions[i];
    sessions.erase(sessions.begin() + static_cast<std::ptrdiff_t>(i));
    drop(*session);
  }
  if (sessions.empty() && application.timers.empty()) invalidate(application);
}

}  // namespace herald::container
