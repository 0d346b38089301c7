#include "stack_core.h"

#include <utility>

#include "dictionary/dictionary.h"
#include "dictionary/embed.h"
#include "herald/log.h"
#include "sh_events.h"
#include "signals_blocked.h"
#include "stack_config.h"
#include "tls_parameters.h"
//
#include "dictionary/library.h"

namespace herald::diameter {

namespace {

constexpr Duration kLookInterval = std::chrono::milliseconds(250);
// The library forgets a request a little after our own timer, so that its clock never decides (FD-33).
constexpr Duration kExpiryMargin = std::chrono::seconds(1);

std::uint32_t boot_number() {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall().time_since_epoch()).count());
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 300)) out += c >= 0x20 && c < 0x7f ? c : ' ';
  return out;
}

}  // namespace

StackCore::StackCore(const DiameterOptions& options)
    : guard_(options.peers, options.reconnect, options.watchdog),
      session_ids_(options.identity, boot_number()),
      queue_limit_(options.send_queue) {}

StackCore::~StackCore() { stop(); }

Expected<> StackCore::configure(const DiameterOptions& options) {
  auto listen = parse_listen(options.listen);
  if (!listen) return fail(listen.error());
  const MemoryFile dh(options.tls ? kTlsParameters : "");
  if (auto done = parse_configuration(configuration_text(options, *listen, dh.ok() ? dh.path() : "")); !done) return done;
  if (auto done = define_dictionary(); !done) return done;
  if (auto done = advertise(kApplicationSh); !done) return done;
  const bool any_address = listen->address == "0.0.0.0" || listen->address == "::";
  if (!any_address) {
    if (auto done = add_endpoint(listen->address); !done) return done;
  }
  models_ = load_models();
  if (auto done = register_callbacks(); !done) return done;
  return guard_.add_all();
}

Expected<> StackCore::start(const DiameterOptions& options) {
  const SignalsBlocked blocked;
  bind_callbacks(this);
  if (auto done = install_library_log(); !done) return done;
  if (const int rc = fd_core_initialize(); rc != 0) return fail(library_error("fd_core_initialize", rc));
  running_ = true;
  auto done = configure(options);
  if (done) {
    if (const int rc = fd_core_start(); rc != 0)
      done = fail(library_error("fd_core_start", rc));
    else if (const int late = fd_core_waitstartcomplete(); late != 0)
      done = fail(library_error("fd_core_waitstartcomplete", late));
  }
  if (!done) {
    stop();
    const std::lock_guard lock(said_mutex_);
    if (!said_.empty()) done.error().text += ": " + said_;
    return done;
  }
  sender_ = std::thread([this] { run(); });
  return {};
}

void StackCore::stop() {
  if (!running_.exchange(false)) return;
  ending_ = true;
  // FD-03: the library completes nothing at its end, so we do, and first: askers may be waiting.
  const auto ended = pending_.stop();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  if (sender_.joinable()) sender_.join();
  log::info("Diameter stack ends", {{"pending", ended}});
  if (fd_core_shutdown() == 0) fd_core_wait_shutdown_complete();
}

void StackCore::refuse(PendingHandle handle) {
  ShAnswer answer;
  answer.kind = ShAnswer::Kind::refused;
  pending_.complete(handle, std::move(answer));
}

void StackCore::send(PendingHandle handle, ShRequest request, Duration timeout) {
  bool accepted = false;
  {
    const std::lock_guard lock(mutex_);
    accepted = !stopping_ && queue_.size() < queue_limit_;
    if (accepted) queue_.push_back({handle, std::move(request), system_clock().now() + timeout});
  }
  if (accepted) return wake_.notify_one();
  metrics_.queue_full.add();
  refuse(handle);
}

// fd_msg_send blocks while the library's own queue of 30 is full, so this thread exists to be blocked (FD-50).
void StackCore::run() {
  auto last_look = TimePoint::min();
  for (;;) {
    Item item;
    bool has_item = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kLookInterval, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      if (!queue_.empty()) {
        item = std::move(queue_.front());
        queue_.pop_front();
        has_item = true;
      }
    }
    if (has_item) send_now(item);
    const auto now = system_clock().now();
    if (now - kLookInterval >= last_look) {
      guard_.look();
      last_look = now;
    }
  }
}

void StackCore::send_now(Item& item) {
  const auto now = system_clock().now();
  if (item.until <= now || !pending_.is_open(item.handle)) return;  // its own timer has ended it, or will now
  auto message = build_udr(item.request, session_ids_.next());
  Expected<> done;
  if (!message)
    done = fail(message.error());
  else if (pending_.sent_as(item.handle, end_to_end_of(message->get())))
    done = hand_over(std::move(*message), item.handle, item.until - now + kExpiryMargin);
  if (done) return;
  if (const auto times = send_log_.admit(now))
    log::error("Diameter request not sent", {{"cause", done.error().text}, {"times", *times}});
  refuse(item.handle);
}

std::vector<ShClient::PeerState> StackCore::peers() const {
  return running_ ? guard_.states() : std::vector<ShClient::PeerState>{};
}

void StackCore::on_answer(PendingHandle handle, ShAnswer answer) noexcept {
  if (!pending_.complete(handle, std::move(answer))) metrics_.late_answer.add();
}

void StackCore::on_data(std::uint8_t* octets, std::size_t length) noexcept {
  try {
    const auto report = guard_message({octets, length}, models_);
    if (!report || !report->touched()) return;
    metrics_.repaired.add();
    if (const auto times = repair_log_.admit(system_clock().now()))
      log::event(events::kAnswerRepaired, {{"command", report->command},
                                           {"avps", report->set_aside},
                                           {"first_code", report->first_code},
                                           {"first_vendor", report->first_vendor},
                                           {"body_replaced", report->body_replaced ? "yes" : "no"},
                                           {"times", *times}});
  } catch (...) {
    // Out of memory: the library gets the octets as they came.
  }
}

void StackCore::on_dropped_answer(std::uint32_t end_to_end, std::string_view why) noexcept {
  try {
    ShAnswer answer;
    answer.kind = ShAnswer::Kind::dropped;
    answer.detail = printable(why);
    if (pending_.complete_by_id(end_to_end, std::move(answer)))
      metrics_.dropped.add();
    else
      metrics_.late_answer.add();
    if (const auto times = drop_log_.admit(system_clock().now()))
      log::warn("Diameter answer dropped", {{"cause", printable(why)}, {"times", *times}});
  } catch (...) {
  }
}

void StackCore::on_parse_error(std::string_view why) noexcept {
  try {
    metrics_.unreadable.add();
    if (const auto times = drop_log_.admit(system_clock().now()))
      log::warn("Diameter message cannot be parsed", {{"cause", printable(why)}, {"times", *times}});
  } catch (...) {
  }
}

void StackCore::on_peer(std::string_view identity, bool connected, std::string_view reason) noexcept {
  try {
    if (connected)
      guard_.note_connected(std::string(identity));
    else
      guard_.note_failed(std::string(identity), printable(reason));
  } catch (...) {
  }
}

// The library logs its own normal end as fatal, and every vain attempt to connect as an error; what matters is told by our own
// events, so its words are for whoever looks deeper.
void StackCore::on_library_log(int level, std::string_view line) noexcept {
  try {
    if (level >= FD_LOG_ERROR && !ending_) {
      const std::lock_guard lock(said_mutex_);
      if (said_.empty()) said_ = printable(line);
    }
    if (level >= FD_LOG_FATAL && !ending_)
      log::error("Diameter library", {{"says", printable(line)}});
    else if (level >= FD_LOG_ERROR && !ending_) {
      if (const auto times = library_log_.admit(system_clock().now()))
        log::info("Diameter library", {{"says", printable(line)}, {"lines", *times}});
    } else {
      log::debug("Diameter library", {{"says", printable(line)}});
    }
  } catch (...) {
  }
}

}  // namespace herald::diameter
