// One send() on its way. Private to client_*.cpp.
#pragma once

#include <optional>
#include <vector>

#include "sip/client_transactions.h"

namespace herald::sip {

struct ClientTransactions::Request {
  enum class State { resolving, waiting, sent, between };

  ClientTransactions* owner = nullptr;
  SipMessage message;
  Deadline deadline = Deadline::never();
  OnResponse callback;  // empty: abandoned or answered; NTA's transaction may still be running
  TimerId deadline_timer;
  State state = State::between;
  std::vector<Target> targets;
  std::size_t next = 0;  // targets before it were tried
  nta_outgoing_t* outgoing = nullptr;
  NextHopGuard::HopId hop = 0;
  Transport transport = Transport::udp;
  std::optional<ClientResult> last;  // of a target that failed
  std::optional<Duration> closed_for;

  void enter(State to) {
    const auto count = [this](State s) -> std::size_t* {
      switch (s) {
        case State::resolving:
          return &owner->resolving_;
        case State::waiting:
          return &owner->waiting_;
        case State::sent:
          return &owner->sent_;
        case State::between:
          break;
      }
      return nullptr;
    };
    if (auto* from = count(state)) --*from;
    state = to;
    if (auto* into = count(to)) ++*into;
  }
};

// What waits in the guard of a hop is known there by a number.
inline std::uint64_t ticket_of(Handle handle) { return std::uint64_t{handle.generation} << 32U | handle.index; }
inline Handle handle_of(std::uint64_t ticket) {
  return {static_cast<std::uint32_t>(ticket), static_cast<std::uint32_t>(ticket >> 32U)};
}

}  // namespace herald::sip
