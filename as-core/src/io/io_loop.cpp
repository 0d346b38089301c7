#include "io/io_loop.h"

#include <algorithm>
#include <csignal>
#include <event2/event.h>
#include <stdexcept>

#include "herald/log.h"

namespace herald::io {
namespace {

// libevent writes with writev(), which raises SIGPIPE when the client has gone; here that is an ordinary write error.
void ignore_broken_pipes() noexcept {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

void IoLoop::FreeBase::operator()(event_base* base) const noexcept { event_base_free(base); }
void IoLoop::FreeEvent::operator()(event* e) const noexcept { event_free(e); }

IoLoop::IoLoop(const Clock& clock, std::size_t mailbox_capacity) : clock_(clock), mailbox_(mailbox_capacity), timers_(clock) {
  // Only the mailbox is shared between threads, so libevent needs no locks.
  std::unique_ptr<event_config, decltype(&event_config_free)> config(event_config_new(), &event_config_free);
  if (!config) throw std::runtime_error("no memory for an event loop");
  event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK);
  base_.reset(event_base_new_with_config(config.get()));
  if (!base_) throw std::runtime_error("libevent cannot make an event loop");
  // The loop owns both events and frees them before it goes, so `this` outlives every callback.
  mail_event_.reset(event_new(
      base_.get(), mailbox_.fd(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) noexcept { static_cast<IoLoop*>(self)->mailbox_.run(); }, this));
  wakeup_event_.reset(event_new(
      base_.get(), -1, 0, [](evutil_socket_t, short, void*) noexcept {}, nullptr));
  if (!mail_event_ || !wakeup_event_ || event_add(mail_event_.get(), nullptr) != 0)
    throw std::runtime_error("libevent cannot watch the mailbox");
}

IoLoop::~IoLoop() {
  mailbox_.close();
  timers_.clear();
}

void IoLoop::run() {
  ignore_broken_pipes();
  Current here(*this);
  while (!stopping_.load(std::memory_order_acquire)) {
    arm_wakeup();
    round(EVLOOP_ONCE);
  }
  while (!mailbox_.empty()) round(EVLOOP_NONBLOCK);
}

bool IoLoop::step() {
  ignore_broken_pipes();
  Current here(*this);
  round(EVLOOP_NONBLOCK);
  return !mailbox_.empty();
}

void IoLoop::stop() {
  stopping_.store(true, std::memory_order_release);
  mailbox_.push_reserved([] {});  // wakes the loop
}

void IoLoop::round(int flags) {
  event_base_loop(base_.get(), flags);
  timers_.run_due();
  for (std::size_t i = 0; i < round_ends_.size(); ++i) round_ends_[i]->round_end();
}

// Sleep at most until the next timer. On a virtual clock the estimate is wrong but harmless: such loops are stepped.
void IoLoop::arm_wakeup() {
  const auto due = timers_.next_due();
  if (!due) {
    event_del(wakeup_event_.get());
    return;
  }
  // Rounded up, so that the loop does not wake a moment too early and spin.
  const auto wait = std::max(Duration::zero(), *due - clock_.now()) + std::chrono::microseconds(1);
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(std::min<Duration>(wait, std::chrono::hours(1))).count();
  timeval delay{};
  delay.tv_sec = micros / 1'000'000;
  delay.tv_usec = micros % 1'000'000;
  event_add(wakeup_event_.get(), &delay);
}

bool IoLoop::execute(Work work) {
  if (stopping_.load(std::memory_order_acquire)) return false;
  return mailbox_.push(std::move(work));
}

void IoLoop::complete(Work work) {
  if (!mailbox_.push_reserved(std::move(work))) log::warn("a completion came after the I/O loop had ended");
}

void IoLoop::add_round_end(RoundEnd& hook) { round_ends_.push_back(&hook); }
void IoLoop::remove_round_end(RoundEnd& hook) noexcept { std::erase(round_ends_, &hook); }

}  // namespace herald::io
