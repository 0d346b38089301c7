// Sofia's clock. Component tests point it at a VirtualClock, so that the transaction timers run in milliseconds.
// The library has one clock for the whole process: all stacks of a test share it.
#pragma once

#include "herald/clock.h"

namespace herald::sip {

// Null gives Sofia the machine's clock back. `clock` must stay alive until then. Thread: before any stack is made, or on the
// only thread that runs one; any, for the clock that is in use already.
// Trap: a jump of more than 15 days trips an assertion in Sofia's agent_timer; advance in smaller steps.
void use_clock(const Clock* clock) noexcept;

}  // namespace herald::sip
