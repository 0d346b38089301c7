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
constexpr std::array<std::string_view, 4> kReportNames{"none", "network", "delivery", "display"};
constexpr std::array<std::string_view, 4> kModeNames{"pager", "notify", "msrp", "indirection"};
constexpr std::array<std::string_view, 4> kEvidenceNames{"none", "network", "hop", "receiver"};
constexpr std::array<std::string_view, 3> kDevicesNames{"any", "one", "all"};

template <std::size_t kCount, class Enum>
std::string_view name_of(const std::array<std::string_view, kCount>& names, Enum value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  return index < kCount ? names[index] : "unknown";
}

template <class Enum, std::size_t kCount>
std::optional<Enum> value_of(const std::array<std::string_view, kCount>& names, std::string_view text) noexcept {
  const auto* found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

// The first and the last lines of a long history say more than its middle.
constexpr std::size_t kMaxHistory = 32;

}  // namespace

std::string_view to_string(Status status) noexcept { return name_of(kStatusNames, status); }
std::optional<Status> parse_status(std::string_view text) noexcept { return value_of<Status>(kStatusNames, text); }

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

std::string_view to_string(Priority priority) noexcept { return name_of(kPriorityNames, priority); }
std::optional<Priority> parse_priority(std::string_view text) noexcept { return value_of<Priority>(kPriorityNames, text); }

std::string_view to_string(Report report) noexcept { return name_of(kReportNames, report); }
std::optional<Report> parse_report(std::string_view text) noexcept { return value_of<Report>(kReportNames, text); }

std::string_view to_string(Mode mode) noexcept { return name_of(kModeNames, mode); }
std::optional<Mode> parse_mode_name(std::string_view text) noexcept { return value_of<Mode>(kModeNames, text); }

std::string_view to_string(Evidence evidence) noexcept { return name_of(kEvidenceNames, evidence); }

std::string_view to_string(Devices devices) noexcept { return name_of(kDevicesNames, devices); }
std::optional<Devices> parse_devices(std::string_view text) noexcept { return value_of<Devices>(kDevicesNames, text); }

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
