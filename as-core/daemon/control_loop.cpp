#include "control_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <poll.h>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

#include "herald/task.h"

namespace herald::daemon {

namespace {
sigset_t handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}
}  // namespace

void ControlLoop::block_signals() {
  const auto set = handled();
  if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0)
    throw std::system_error(error, std::generic_category(), "pthread_sigmask");
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) throw std::system_error(errno, std::generic_category(), "signal");  // NOLINT
}

ControlLoop::ControlLoop(const Clock& clock) : clock_(clock), timers_(clock) {
  const auto set = handled();
  signal_fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signal_fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

ControlLoop::~ControlLoop() {
  mailbox_.close();
  ::close(signal_fd_);
}

void ControlLoop::run() {
  const Current here(*this);
  running_ = true;
  while (running_) {
    int patience = -1;
    if (const auto due = timers_.next_due()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - clock_.now());
      patience = static_cast<int>(std::clamp<long long>(left.count(), 0, 60'000));
    }
    std::array<pollfd, 2> watched{{{signal_fd_, POLLIN, 0}, {mailbox_.fd(), POLLIN, 0}}};
    ::poll(watched.data(), watched.size(), patience);  // EINTR and time-outs only mean another round
    try {
      read_signals();
      mailbox_.run();
      timers_.run_due();
    } catch (...) {
      detail::report_unhandled(std::current_exception());
    }
  }
}

void ControlLoop::stop() {
  complete([this] { running_ = false; });
}

void ControlLoop::read_signals() {
  signalfd_siginfo info{};
  while (::read(signal_fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    if (on_order_) on_order_(info.ssi_signo == SIGHUP ? Order::reload : Order::stop);
}

}  // namespace herald::daemon
