// The running library: sender thread, callbacks, pending requests. One object per process, kept to its end, because callbacks of
// the library may come late.
// Thread: send(), pending(), peers() from any; start() and stop() on the main thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "diameter/diameter_stack.h"
#include "limited_log.h"
#include "message_guard.h"
#include "peer_guard.h"
#include "sh_codec.h"
#include "sh_metrics.h"
#include "sh_transport.h"

namespace herald::diameter {

class StackCore final : public ShTransport {
 public:
  explicit StackCore(const DiameterOptions& options);
  ~StackCore() override;

  [[nodiscard]] Expected<> start(const DiameterOptions& options);
  void stop();

  void send(PendingHandle handle, ShRequest request, Duration timeout) override;
  [[nodiscard]] PendingTable& pending() noexcept override { return pending_; }
  [[nodiscard]] std::vector<ShClient::PeerState> peers() const override;

  // From the library's threads, see stack_callbacks.cpp. None throws.
  void on_answer(PendingHandle handle, ShAnswer answer) noexcept;
  void on_data(std::uint8_t* octets, std::size_t length) noexcept;
  void on_dropped_answer(std::uint32_t end_to_end, std::string_view why) noexcept;
  void on_parse_error(std::string_view why) noexcept;
  void on_peer(std::string_view identity, bool connected, std::string_view reason) noexcept;
  void on_notification() noexcept { metrics_.notifications_refused.add(); }
  void on_library_log(int level, std::string_view line) noexcept;

 private:
  struct Item {
    PendingHandle handle;
    ShRequest request;
    TimePoint until{};
  };
  void run();  // sender thread
  void send_now(Item& item);
  [[nodiscard]] Expected<> configure(const DiameterOptions& options);
  void refuse(PendingHandle handle);

  const ShMetrics& metrics_ = ShMetrics::instance();
  PendingTable pending_;
  PeerGuard guard_;
  MessageModels models_;
  SessionIds session_ids_;
  const std::size_t queue_limit_;

  std::mutex mutex_;  // queue_, stopping_
  std::condition_variable wake_;
  std::deque<Item> queue_;
  bool stopping_ = false;
  std::thread sender_;

  std::mutex said_mutex_;
  std::string said_;  // the library's first complaint: its error codes alone tell an operator nothing

  std::atomic<bool> running_{false};
  std::atomic<bool> ending_{false};
  LimitedLog library_log_, repair_log_, drop_log_, send_log_;
};

// stack_callbacks.cpp: hands the library's C callbacks to the one core of the process.
void bind_callbacks(StackCore* core) noexcept;
[[nodiscard]] Expected<> register_callbacks();
[[nodiscard]] Expected<> install_library_log();
// Hands a built request to the library; its callbacks will name the handle. Takes the message in any case.
[[nodiscard]] Expected<> hand_over(DiameterMessage message, PendingHandle handle, Duration expiry);
// What the library's dictionary says, for the guard.
[[nodiscard]] MessageModels load_models();

}  // namespace herald::diameter
