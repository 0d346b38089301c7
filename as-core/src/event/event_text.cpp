// Names of the words of RFC 6665 and their reading.
#include <algorithm>
#include <array>

#include "herald/notifier.h"
#include "herald/subscriber.h"

namespace herald {
namespace {
constexpr std::array<std::string_view, 8> kReasons{"",        "deactivated", "probation",  "rejected",
                                                   "timeout", "giveup",      "noresource", "invariant"};
}

std::string_view to_string(SubscriptionStatus status) noexcept {
  switch (status) {
    case SubscriptionStatus::pending:
      return "pending";
    case SubscriptionStatus::active:
      return "active";
    case SubscriptionStatus::terminated:
      return "terminated";
  }
  return "unknown";
}

std::string_view to_string(EndReason reason) noexcept { return kReasons[static_cast<std::size_t>(reason)]; }

std::optional<EndReason> parse_end_reason(std::string_view text) noexcept {
  const auto found = std::find(kReasons.begin() + 1, kReasons.end(), text);
  if (found == kReasons.end()) return std::nullopt;
  return static_cast<EndReason>(found - kReasons.begin());
}

std::string_view to_string(ReferVariant variant) noexcept {
  switch (variant) {
    case ReferVariant::nosub:
      return "nosub";
    case ReferVariant::norefersub:
      return "norefersub";
    case ReferVariant::explicitsub:
      return "explicitsub";
    case ReferVariant::implicit:
      return "implicit";
  }
  return "unknown";
}

}  // namespace herald
