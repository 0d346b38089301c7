#include "base/mailbox.h"

#include <cerrno>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace herald {
namespace {

thread_local HeldWakeups* holding = nullptr;

void write_to(int fd) noexcept {
  const std::uint64_t one = 1;
  // The counter cannot overflow: it is read back before the next first item. EAGAIN would still mean "readable".
  [[maybe_unused]] auto written = ::write(fd, &one, sizeof one);
}

}  // namespace

HeldWakeups::HeldWakeups() : outer_(std::exchange(holding, this)) {}

HeldWakeups::~HeldWakeups() {
  holding = outer_;
  for (const int fd : fds_) write_to(fd);
}

void HeldWakeups::wake(int fd) {
  if (holding) {
    holding->fds_.push_back(fd);
  } else {
    write_to(fd);
  }
}

Mailbox::Mailbox(std::size_t capacity) : capacity_(capacity), fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Mailbox::~Mailbox() {
  close();
  ::close(fd_);
}

bool Mailbox::push(Work work) { return append(std::move(work), true); }
bool Mailbox::push_reserved(Work work) { return append(std::move(work), false); }

bool Mailbox::append(Work work, bool bounded) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_ || (bounded && waiting_.size() >= capacity_)) return false;
    wake = !std::exchange(signalled_, true);
    waiting_.push_back(std::move(work));
    depth_.store(waiting_.size(), std::memory_order_relaxed);
  }
  if (wake) HeldWakeups::wake(fd_);
  return true;
}

std::size_t Mailbox::run(std::size_t most) {
  if (batch_.empty()) {
    std::lock_guard lock(mutex_);
    batch_.swap(waiting_);
  }
  std::size_t ran = 0;
  for (; ran < most && !batch_.empty(); ++ran) {
    auto work = std::move(batch_.front());  // what it captured ends with it
    batch_.pop_front();
    work();
  }
  std::lock_guard lock(mutex_);
  depth_.store(waiting_.size() + batch_.size(), std::memory_order_relaxed);
  if (waiting_.empty() && batch_.empty()) {
    signalled_ = false;
    std::uint64_t count = 0;
    [[maybe_unused]] auto got = ::read(fd_, &count, sizeof count);
  }
  return ran;
}

bool Mailbox::empty() const {
  std::lock_guard lock(mutex_);
  return waiting_.empty() && batch_.empty();
}

void Mailbox::close() {
  std::deque<Work> dropped;
  std::deque<Work> dropped_batch;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(waiting_);
    dropped_batch.swap(batch_);
    depth_.store(0, std::memory_order_relaxed);
  }
}

}  // namespace herald
