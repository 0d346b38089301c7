#include "push/push_job.h"

#include <algorithm>
#include <array>
#include <utility>

namespace herald::push {
namespace {

constexpr std::array<std::string_view, 16> kStatusNames{
    "accepted",  "scheduled", "waiting_reachable", "waiting_consent", "sending", "retrying", "network_accepted", "delivered",
    "displayed", "rejected",  "undeliverable",     "expired",         "aborted", "timeout",  "cancelled",        "unknown"};
constexpr std::array<std::string_view, 3> kPriorityNames{"low", "medium", "high"};

// The first and the last lines of a long history say more than its middle.
constexpr std::size_t kMaxHistory = 32;

}  // namespace

std::string_view to_string(Status status) noexcept {
  const auto index = static_cast<std::size_t>(status);
  return index < kStatusNames.size() ? kStatusNames[index] : "unknown";
}

std::optional<Status> parse_status(std::string_view text) noexcept {
  const auto* found = std::find(kStatusNames.begin(), kStatusNames.end(), text);
  if (found == kStatusNames.end()) return std::nullopt;
  return static_cast<Status>(found - kStatusNames.begin());
}

bool is_final(Status status) noexcept {
  switch (status) {
    case Status::delivered:
    case Status::displayed:
    case Status::rejected:
    case Status::undeliverable:
    case Status::expired:
    case Status::aborted:
    case Status::timeout:
    case Status::cancelled:
      return true;
    default:
      return false;
  }
}

std::string_view to_string(Priority priority) noexcept { return kPriorityNames[static_cast<std::size_t>(priority) % 3]; }

std::optional<Priority> parse_priority(std::string_view text) noexcept {
  const auto* found = std::find(kPriorityNames.begin(), kPriorityNames.end(), text);
  if (found == kPriorityNames.end()) return std::nullopt;
  return static_cast<Priority>(found - kPriorityNames.begin());
}

std::string_view to_string(Mode mode) noexcept {
  switch (mode) {
    case Mode::pager:
      return "pager";
    case Mode::notify:
      return "notify";
  }
  return "unknown";
}

std::optional<Mode> parse_mode_name(std::string_view text) noexcept {
  for (const auto mode : {Mode::pager, Mode::notify}) {
    if (text == to_string(mode)) return mode;
  }
  return std::nullopt;
}

bool Delivery::move_to(Status next, int pap_code, std::string why, WallTime now) {
  const bool display_after_delivery = status == Status::delivered && next == Status::displayed;
  if (is_final(status) && !display_after_delivery) return false;
  status = next;
  code = pap_code;
  cause = std::move(why);
  updated = now;
  if (is_final(next)) retry_at.reset();
  if (history.size() >= kMaxHistory) history.erase(history.begin() + kMaxHistory / 2);
  history.push_back({now, next, attempts, cause});
  return true;
}

}  // namespace herald::push
