#include "sip/sofia_time.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <sofia-sip/su_time.h>
#include <utility>

// Exported by the library for this purpose, but declared in no installed header: the only place that knows. A Sofia without
// them fails to link here, which is wanted.
extern "C" {
extern void (*_su_time)(su_time_t* tv);            // NOLINT(bugprone-reserved-identifier)
extern su_time64_t (*_su_nanotime)(su_time64_t*);  // NOLINT(bugprone-reserved-identifier)
extern su_time64_t (*_su_monotime)(su_time64_t*);  // NOLINT(bugprone-reserved-identifier)
}

namespace herald::sip {
namespace {

std::atomic<const Clock*> substitute{nullptr};

constexpr std::uint64_t kNtpEpoch = 2208988800UL;  // su_time_t counts from 1900

// Timers must not see the wall clock jump; Sofia uses one scale for both, so it gets the monotonic one with a plausible date.
std::uint64_t nanoseconds() noexcept {
  constexpr std::uint64_t base = 1767225600UL + kNtpEpoch;  // 2026-01-01
  const auto* clock = substitute.load(std::memory_order_relaxed);
  return base * 1'000'000'000UL + static_cast<std::uint64_t>(clock->now().time_since_epoch().count());
}

extern "C" void virtual_time(su_time_t* tv) noexcept {
  if (!substitute.load(std::memory_order_relaxed) || !tv) return;  // called with the machine's time filled in
  const auto ns = nanoseconds();
  tv->tv_sec = static_cast<unsigned long>(ns / 1'000'000'000UL);
  tv->tv_usec = static_cast<unsigned long>(ns % 1'000'000'000UL / 1000UL);
}

extern "C" su_time64_t virtual_nanotime(su_time64_t* result) noexcept {
  const auto ns = static_cast<su_time64_t>(nanoseconds());
  if (result) *result = ns;
  return ns;
}

}  // namespace

void use_clock(const Clock* clock) noexcept {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  static auto* const machine_time = _su_time;
  static const Clock* in_use = nullptr;
  if (std::exchange(in_use, clock) == clock) return;  // another shard's loop may be reading them
  substitute.store(clock, std::memory_order_relaxed);
  _su_time = clock ? virtual_time : machine_time;
  _su_nanotime = clock ? virtual_nanotime : nullptr;
  _su_monotime = clock ? virtual_nanotime : nullptr;
}

}  // namespace herald::sip
