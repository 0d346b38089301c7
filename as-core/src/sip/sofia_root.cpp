#include "sip/sofia_root.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <sofia-sip/su.h>
#include <sofia-sip/su_wait.h>
#include <system_error>
#include <utility>

#include "herald/log.h"
#include "herald/metrics.h"
#include "sip/sip_catalog.h"
#include "sip/sofia_log.h"
#include "sip/sofia_time.h"

namespace herald::sip {
namespace {

std::atomic<int> roots{0};

const metrics::Counter& slow_counter() {
  static const auto counter = metrics::counter("herald_shard_slow_tasks_total", "Pieces of work that held a shard over 20 ms");
  return counter;
}
const metrics::Counter& exception_counter() {
  static const auto counter = metrics::counter("herald_shard_exceptions_total", "Exceptions that left a piece of work");
  return counter;
}

}  // namespace

struct SofiaRoot::Callbacks {
  static int on_mailbox(su_root_magic_t* magic, su_wait_t*, su_wakeup_arg_t*) noexcept {
    reinterpret_cast<SofiaRoot*>(magic)->run_mailbox();
    return 0;
  }
  static int on_fd(su_root_magic_t* magic, su_wait_t* wait, su_wakeup_arg_t* arg) noexcept {
    auto& self = *reinterpret_cast<SofiaRoot*>(magic);
    auto* found = self.watches_.find(Handle::from_pointer(arg));
    if (!found) return 0;
    const auto watch = *found;
    const int events = wait->revents;
    const bool failed = (events & (SU_WAIT_ERR | SU_WAIT_HUP)) != 0;
    self.guarded("descriptor",
                 [&] { watch->on_ready(failed || (events & SU_WAIT_IN) != 0, failed || (events & SU_WAIT_OUT) != 0); });
    return 0;
  }
};

SofiaRoot::SofiaRoot(const Clock& clock, std::size_t mailbox_capacity, std::string name)
    : clock_(clock), name_(std::move(name)), mailbox_(mailbox_capacity), timers_(clock) {
  ++roots;
  use_clock(&clock);
  su_init();
  redirect_sofia_log();
  // The loop's magic is this object, which outlives it.
  root_ = su_root_create(reinterpret_cast<su_root_magic_t*>(this));
  if (!root_) throw std::system_error(errno, std::generic_category(), "su_root_create");
  su_root_threading(root_, 0);
  su_wait_t wait = SU_WAIT_INIT;
  if (su_wait_create(&wait, mailbox_.fd(), SU_WAIT_IN) < 0 ||
      su_root_register(root_, &wait, &Callbacks::on_mailbox, nullptr, su_pri_normal) < 0) {
    throw std::system_error(errno, std::generic_category(), "su_root_register");
  }
}

SofiaRoot::~SofiaRoot() {
  {
    const Current here(*this);  // what the dropped work owns may ask where it is
    mailbox_.close();
    timers_.clear();
  }
  if (root_) su_root_destroy(root_);
  su_deinit();
  if (--roots == 0) use_clock(nullptr);
}

bool SofiaRoot::execute(Work work) { return mailbox_.push(std::move(work)); }
void SofiaRoot::complete(Work work) { mailbox_.push_reserved(std::move(work)); }

void SofiaRoot::run() {
  while (!stopping_.load(std::memory_order_acquire)) round(wait_limit());
  while (!mailbox_.empty()) run_mailbox();
  udp_.flush();
}

void SofiaRoot::stop() {
  stopping_.store(true, std::memory_order_release);
  complete([] {});  // wakes the loop
}

std::size_t SofiaRoot::step() {
  // Sofia says "at once" both after it did something and when its next timer is less than a millisecond away, so a quiet
  // round is believed only when it repeats.
  constexpr std::size_t kQuietRounds = 256;
  std::size_t busy = 0;
  for (std::size_t quiet = 0; quiet < kQuietRounds;) {
    const auto before = ran_;
    const bool soon = round(0);
    if (ran_ != before) {
      ++busy;
      quiet = 0;
    } else if (soon) {
      ++quiet;
    } else {
      break;
    }
  }
  return busy;
}

bool SofiaRoot::round(long wait_ms) {
  constexpr long kStalledMs = 1;
  if (auto due = timers_.next_due(); due && *due <= clock_.now()) {
    guarded("timers", [this] { timers_.run_due(); });
    wait_ms = std::min(wait_ms, wait_limit());
  }
  udp_.flush();  // nothing waits to be sent while the loop waits
  if (udp_.stalled()) wait_ms = std::min(wait_ms, kStalledMs);
  sofia_next_ms_ = su_root_step(root_, wait_ms);
  // It has read one datagram a socket; those that came with it are here already.
  udp_.deliver([this] {
    if (mailbox_.depth() != 0) run_mailbox();
  });
  udp_.flush();
  return sofia_next_ms_ == 0;
}

std::optional<TimePoint> SofiaRoot::next_due() const noexcept {
  auto due = timers_.next_due();
  if (sofia_next_ms_ < 0) return due;
  const auto sofia = clock_.now() + std::chrono::milliseconds(sofia_next_ms_);
  return due ? std::min(*due, sofia) : sofia;
}

long SofiaRoot::wait_limit() const noexcept {
  constexpr long kLongest = 60'000;
  const auto due = timers_.next_due();
  if (!due) return kLongest;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - clock_.now()).count();
  return std::clamp<long>(left, 0, kLongest);
}

void SofiaRoot::run_mailbox() {
  // A few at a time, from one datagram to the next: while hundreds of pieces of work ran in between, the socket's buffer would
  // overflow.
  constexpr std::size_t kBetweenDatagrams = 4;
  guarded("mailbox", [this] { mailbox_.run(kBetweenDatagrams); });
}

void SofiaRoot::watch(int fd, bool readable, bool writable, OnReady on_ready) {
  if (auto found = watch_of_.find(fd); found != watch_of_.end()) {
    if (auto ended = watches_.take(found->second)) su_root_deregister(root_, ended->index);
    watch_of_.erase(found);
  }
  if (!readable && !writable) return;
  auto watch = std::make_shared<Watch>();
  watch->fd = fd;
  watch->on_ready = std::move(on_ready);
  const auto handle = watches_.insert(watch);
  su_wait_t wait = SU_WAIT_INIT;
  const int events = (readable ? SU_WAIT_IN : 0) | (writable ? SU_WAIT_OUT : 0);
  if (su_wait_create(&wait, fd, events) == 0) {
    watch->index = su_root_register(root_, &wait, &Callbacks::on_fd, handle.as_pointer(), su_pri_normal);
  }
  if (watch->index < 0) {
    log::error("cannot watch a descriptor", {{"shard", name_}, {"errno", errno}});
    watches_.take(handle);
    return;
  }
  watch_of_.emplace(fd, handle);
}

void SofiaRoot::report_slow(const char* what, Duration took) noexcept {
  ++slow_tasks_;
  slow_counter().add();
  log::warn("a task held the shard",
            {{"shard", name_}, {"task", what}, {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
}

void SofiaRoot::report_exception(const char* what) noexcept {
  exception_counter().add();
  std::string text = "unknown";
  try {
    throw;
  } catch (const std::exception& error) {
    text = error.what();
  } catch (...) {
  }
  log::event(catalog::kTaskFailed, {{"shard", name_}, {"task", what}, {"error", text}});
}

}  // namespace herald::sip
