#include "delivery/msrp_table.h"

#include <algorithm>
#include <array>

namespace herald::push {
namespace {

using R = RetryClass;
using S = Status;
using End = SessionOutcome::End;

// The last one is for every other code.
constexpr std::array kRows = std::to_array<MsrpRow>({
    {400, R::never, S::undeliverable, 3000},
    {403, R::never, S::rejected, 2001},
    {408, R::transient, S::timeout, 4000},
    {413, R::fix, S::aborted, 5000},
    {415, R::fix, S::undeliverable, 2005},
    {423, R::fix, S::undeliverable, 3000},
    {481, R::transient, S::undeliverable, 4000},
    {501, R::never, S::undeliverable, 2006},
    {506, R::transient, S::undeliverable, 4000},
    {0, R::never, S::undeliverable, 3000},
});

const MsrpRow& row_of(int code) {
  const auto* found = std::find_if(kRows.begin(), kRows.end(), [code](const MsrpRow& row) { return row.code == code; });
  return found != kRows.end() ? *found : kRows.back();
}

Reading reading(RetryClass retry, Status status, int pap, std::string cause) {
  Reading made;
  made.retry = retry;
  made.final_status = status;
  made.code = pap;
  made.cause = std::move(cause);
  return made;
}

// SM-16, SM-17: every byte was acknowledged.
Reading read_sent(const SessionOutcome& session) {
  auto made = reading(R::none, S::delivered, 1000, "msrp:200");
  if (session.reported) {
    made.evidence = Evidence::receiver;
  } else if (session.through_relay) {  // it was the relay's word
    made.final_status = S::network_accepted;
    made.evidence = Evidence::network;
  } else {
    made.evidence = Evidence::hop;
  }
  return made;
}

Reading read_end(const SessionOutcome& session) {
  switch (session.end) {
    case End::sent:
      return read_sent(session);
    case End::refused: {
      const auto& row = row_of(session.code);
      return reading(row.retry, row.final_status, row.pap, "msrp:" + std::to_string(session.code));
    }
    case End::unusable:
      return reading(R::fix, S::undeliverable, 2005, session.too_large ? "msrp:max-size" : "msrp:accept-types");
    case End::unreachable: {
      auto made = reading(R::fix, S::undeliverable, 4001, "msrp:unreachable");
      made.else_transient = true;
      return made;
    }
    case End::silent:
      return reading(R::transient, S::timeout, 4000, "msrp:timeout");
    case End::lost:
      return reading(R::transient, S::undeliverable, 4000, "msrp:lost");
    case End::left:
      return reading(session.overloaded ? R::transient : R::never, S::aborted, 5000, "msrp:bye");
    case End::recalled:
      return reading(R::none, S::cancelled, 1000, "initiator");
    case End::unanswered:
      return reading(R::transient, S::timeout, 4000, "timer:invite");
  }
  return reading(R::never, S::undeliverable, 3000, "msrp");
}

}  // namespace

std::span<const MsrpRow> msrp_rows() noexcept { return kRows; }

Reading read_session(const SessionOutcome& session) {
  constexpr std::size_t kMaxDetail = 200;  // from the peer: bounded
  auto made = read_end(session);
  if (!session.comment.empty()) made.detail = "MSRP: " + session.comment.substr(0, kMaxDetail);
  return made;
}

}  // namespace herald::push
