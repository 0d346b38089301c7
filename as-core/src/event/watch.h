// One subscription of our own: its wish, its dialog, its timers. Only WatchClient's files use it.
// Thread: the shard of its client.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event/watch_client.h"

namespace herald::event {

inline constexpr std::chrono::seconds kLongestWatch = std::chrono::hours(24 * 30);  // of what a Min-Expires may ask

struct WatchClient::Watch : std::enable_shared_from_this<Watch> {
  WatchId id = 0;
  SubscribePlan plan;
  Watcher* watcher = nullptr;
  EventValue event;
  std::chrono::seconds wanted{};
  dialog::DialogState dialog;
  std::string key;        // in dialogs_; empty: in none
  bool answered = false;  // 2xx in this dialog
  bool ending = false;    // a fetch, or to be un-subscribed
  bool ending_sent = false;
  bool refresh_wanted = false;
  bool gone = false;
  std::unique_ptr<sip::ClientTransaction> transaction;
  std::uint32_t attempt = 0;  // of the transaction
  std::optional<SubscriptionStatus> status;
  int last_status = 0;
  std::chrono::seconds span{};  // granted
  unsigned raises = 0;
  unsigned failures = 0;
  unsigned short_lives = 0;
  TimePoint began{};
  TimePoint expires{};
  TimerId timer_n, refresh, expiry, again;
  std::vector<Promise<void>> done;

  [[nodiscard]] bool has_dialog() const noexcept { return dialog.state == dialog::State::confirmed; }
  // For log lines: of whom the state is.
  [[nodiscard]] std::string whom() const {
    const auto parsed = NameAddr::parse(plan.to);
    return parsed ? parsed->uri : plan.to;
  }
  [[nodiscard]] bool fetch() const noexcept { return plan.expires.count() == 0; }
};

}  // namespace herald::event
