#include "delivery/status_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "delivery/msrp_table.h"

namespace herald::push {
namespace {

using R = RetryClass;
using S = Status;

// status-mapping.md 5, sorted. `other` rows close each class.
constexpr std::array kRows = std::to_array<StatusRow>({
    {200, R::none, S::delivered, 1000},
    {202, R::none, S::network_accepted, 1000},
    {204, R::none, S::delivered, 1000},
    {300, R::fix, S::undeliverable, 2003},
    {301, R::fix, S::undeliverable, 2003},
    {302, R::fix, S::undeliverable, 2003},
    {305, R::never, S::undeliverable, 2003},
    {380, R::never, S::undeliverable, 3003},
    {400, R::never, S::undeliverable, 3000, true},
    {401, R::fix, S::undeliverable, 3000},
    {402, R::never, S::rejected, 2001},
    {403, R::never, S::rejected, 2001},
    {404, R::never, S::undeliverable, 2003},
    {405, R::fix, S::undeliverable, 2006},
    {406, R::fix, S::undeliverable, 2005},
    {407, R::fix, S::undeliverable, 3000},
    {408, R::unknown, S::timeout, 4000},
    {410, R::never, S::undeliverable, 2003},
    {412, R::never, S::undeliverable, 3000},
    {413, R::fix, S::undeliverable, 2005},
    {414, R::never, S::undeliverable, 2002},
    {415, R::fix, S::undeliverable, 2005},
    {416, R::fix, S::undeliverable, 2002},
    {417, R::fix, S::undeliverable, 3000},
    {420, R::fix, S::undeliverable, 2006},
    {421, R::fix, S::undeliverable, 2006},
    {422, R::fix, S::undeliverable, 3000},
    {423, R::fix, S::undeliverable, 3000},
    {424, R::never, S::undeliverable, 3000},
    {425, R::never, S::undeliverable, 3000},
    {428, R::never, S::undeliverable, 3000, true},
    {429, R::never, S::undeliverable, 3000},
    {430, R::reachability, S::undeliverable, 4000},
    {433, R::never, S::rejected, 2001},
    {436, R::never, S::undeliverable, 3000, true},
    {437, R::never, S::undeliverable, 3000, true},
    {438, R::never, S::undeliverable, 3000, true},
    {439, R::never, S::undeliverable, 3000},
    {440, R::transient, S::undeliverable, 3000},
    {469, R::never, S::undeliverable, 2006},
    {470, R::consent, S::rejected, 2001},
    {480, R::reachability, S::undeliverable, 4000},
    {481, R::fix, S::undeliverable, 4000},
    {482, R::never, S::undeliverable, 3000, true},
    {483, R::never, S::undeliverable, 3000, true},
    {484, R::never, S::undeliverable, 2002},
    {485, R::never, S::undeliverable, 2002},
    {486, R::transient, S::undeliverable, 4000},
    {487, R::none, S::cancelled, 3003},
    {488, R::fix, S::undeliverable, 2005},
    {489, R::never, S::undeliverable, 2006},
    {491, R::transient, S::undeliverable, 4000},
    {493, R::never, S::undeliverable, 3006},
    {494, R::never, S::undeliverable, 3000, true},
    {500, R::transient, S::undeliverable, 4000},
    {501, R::fix, S::undeliverable, 2006},
    {502, R::transient, S::undeliverable, 4000},
    {503, R::after, S::undeliverable, 4001},
    {504, R::transient, S::undeliverable, 4000},
    {505, R::never, S::undeliverable, 3002, true},
    {513, R::fix, S::undeliverable, 2005},
    {555, R::never, S::undeliverable, 3000},
    {580, R::fix, S::undeliverable, 2005},
    {600, R::transient, S::rejected, 2001},
    {603, R::never, S::rejected, 2001},
    {604, R::never, S::undeliverable, 2003},
    {606, R::fix, S::undeliverable, 2005},
    {607, R::never, S::rejected, 2001},
    {608, R::never, S::rejected, 2001},
});

// RFC 3261 8.1.3.2: an unknown code is read as x00 of its class; other 6xx as 603 (SM-11).
constexpr int default_of(int sip) { return sip >= 600 ? 603 : sip / 100 * 100; }

const StatusRow* find_row(int sip) {
  const auto* row = std::lower_bound(kRows.begin(), kRows.end(), sip, [](const StatusRow& a, int b) { return a.sip < b; });
  return row != kRows.end() && row->sip == sip ? row : nullptr;
}

// status-mapping.md 6. The state and class when no peer answered.
Reading read_local(ResponseOrigin origin) {
  switch (origin) {
    case ResponseOrigin::timer:
      return {R::unknown, S::timeout, 4000, "timer:F", {}, false, false};
    case ResponseOrigin::not_resolved:
      return {R::transient, S::undeliverable, 4001, "transport:dns", {}, false, false};
    case ResponseOrigin::connect_failed:
      return {R::transient, S::undeliverable, 4001, "transport:refused", {}, false, false};
    case ResponseOrigin::connection_lost:
      return {R::unknown, S::timeout, 4000, "transport:lost", {}, false, false};
    case ResponseOrigin::unreachable:
      return {R::transient, S::undeliverable, 4001, "transport:unreachable", {}, false, false};
    case ResponseOrigin::tls_failed:
      return {R::never, S::undeliverable, 4000, "transport:tls", {}, true, false};
    case ResponseOrigin::hop_blocked:
      return {R::transient, S::undeliverable, 4001, "transport:hop-blocked", {}, false, true};
    case ResponseOrigin::cancelled:  // local shutdown: again after the restart
      return {R::transient, S::undeliverable, 4001, "local:shutdown", {}, false, false};
    case ResponseOrigin::peer:
      break;
  }
  return {R::never, S::undeliverable, 3000, "local", {}, true, false};
}

// SM-8: these may carry Retry-After (RFC 3261 20.33).
constexpr bool retry_after_counts(int sip) {
  return sip == 404 || sip == 413 || sip == 480 || sip == 486 || sip == 500 || sip == 503 || sip == 600;
}

// Q.850 cause of a Reason header, if any: Reason: Q.850;cause=21;text="..."
std::optional<int> q850_cause(std::string_view reason) {
  std::string lower(reason);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto protocol = lower.find("q.850");
  if (protocol == std::string::npos) return std::nullopt;
  const auto cause = lower.find("cause=", protocol);
  if (cause == std::string::npos) return std::nullopt;
  int value = 0;
  const auto* begin = lower.data() + cause + 6;
  if (std::from_chars(begin, lower.data() + lower.size(), value).ec != std::errc{}) return std::nullopt;
  return value;
}

std::string detail_of(const Outcome& outcome) {
  constexpr std::size_t kMaxDetail = 200;  // from the network: bounded
  std::string detail;
  const auto append = [&detail](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    if (!detail.empty()) detail += "; ";
    detail.append(name).append(": ").append(value);
  };
  append("Reason", outcome.reason_header);
  append("Warning", outcome.warning);
  append("Response-Source", outcome.response_source);
  if (detail.size() > kMaxDetail) detail.resize(kMaxDetail);
  return detail;
}

}  // namespace

std::string_view to_string(RetryClass retry) noexcept {
  constexpr std::array<std::string_view, 8> names{"none", "N", "T", "A", "F", "R", "C", "U"};
  return names[static_cast<std::size_t>(retry) % names.size()];
}

std::span<const StatusRow> status_rows() noexcept { return kRows; }

Reading read_outcome(const Outcome& outcome) {
  if (outcome.session) return read_session(*outcome.session);
  if (outcome.origin != ResponseOrigin::peer) return read_local(outcome.origin);
  // Below 200 or above 699 is no final response; whoever hands it in has a fault, the push must still end somewhere.
  const int sip = outcome.sip < 200 || outcome.sip > 699 ? 500 : outcome.sip;
  const auto* row = find_row(sip);
  if (row == nullptr) row = find_row(default_of(sip));
  Reading reading{row->retry, row->final_status, row->code, "sip:" + std::to_string(outcome.sip), detail_of(outcome), row->alarm};

  const bool upgradable = reading.retry == R::never || reading.retry == R::transient || reading.retry == R::reachability;
  if (outcome.retry_after && retry_after_counts(sip) && upgradable) reading.retry = R::after;
  if (reading.retry != R::none) {  // SM-12
    const auto cause = q850_cause(outcome.reason_header);
    if (cause == 1) reading.code = 2003;
    if (cause == 21) reading.code = 2001;
  }
  return reading;
}

}  // namespace herald::push
