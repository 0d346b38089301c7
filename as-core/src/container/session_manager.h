// The application sessions, sessions and dialogs of one shard: made, found, expired, released as soon as they are ready (SV-17).
// Thread: one shard. Lifetime: lives in the Core.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "container/states.h"
#include "dialog/dialog_table.h"
#include "herald/executor.h"

namespace herald::container {

class SessionManager {
 public:
  using App = std::shared_ptr<detail::AppSessionState>;
  using Session = std::shared_ptr<detail::SessionState>;

  SessionManager(Core& core, Executor& executor, Duration timeout, std::size_t max)
      : core_(core), executor_(executor), timeout_(timeout), max_(max) {}

  // Null when the limit is reached.
  App create_application(HostedServlet& hosted);
  App application_by_key(HostedServlet& hosted, std::string_view key);
  Session create_session(detail::AppSessionState& application);
  [[nodiscard]] Session find_dialog(std::string_view call_id, std::string_view local_tag, std::string_view remote_tag) const;
  // Puts the session into the dialog table under what is known of the dialog now; again after the remote tag came.
  void enter_dialog(detail::SessionState& session, std::string_view former_remote_tag = {});
  void leave_dialog(detail::SessionState& session);
  // State terminated when no usage is left; out of the table.
  void terminate(detail::SessionState& session);

  void set_expiry(detail::AppSessionState& application, Duration span);
  void invalidate(detail::AppSessionState& application);
  void invalidate(detail::SessionState& session);
  void invalidate_all();

  // Looks, after what runs now has come to rest, whether sessions can be released. Call when a transaction, hook or timer ended.
  void check_later(const std::weak_ptr<detail::AppSessionState>& application);

  [[nodiscard]] std::size_t applications() const noexcept { return applications_.size(); }
  [[nodiscard]] std::size_t sessions() const noexcept { return sessions_.size(); }
  [[nodiscard]] std::size_t dialogs() const noexcept { return dialogs_.size(); }

 private:
  void check(detail::AppSessionState& application);
  void drop(detail::SessionState& session);

  Core& core_;
  Executor& executor_;
  Duration timeout_;
  std::size_t max_;
  std::uint64_t next_ = 1;
  std::unordered_map<std::uint64_t, App> applications_;
  std::unordered_map<std::uint64_t, detail::SessionState*> sessions_;
  std::unordered_map<std::string, std::weak_ptr<detail::AppSessionState>> keys_;
  dialog::DialogTable dialogs_;
};

}  // namespace herald::container
