// What the daemon tells operators. Numbers are stable.
#pragma once

#include "herald/log.h"

namespace herald::daemon {

inline constexpr log::OperatorEvent kCannotStart{"ND0101",    log::Level::error,   "the node cannot start",
                                                 "see error", "nothing is served", "mend what the error names and start again"};
inline constexpr log::OperatorEvent kReloadRefused{"ND0102",
                                                   log::Level::error,
                                                   "the new configuration was refused",
                                                   "see issue",
                                                   "the running configuration stays",
                                                   "mend the file; heraldctl config check FILE tells everything that is wrong"};
inline constexpr log::OperatorEvent kNeedsRestart{"ND0103",
                                                  log::Level::warn,
                                                  "a changed key needs a restart",
                                                  "see key",
                                                  "it keeps its former value",
                                                  "restart when convenient"};
inline constexpr log::OperatorEvent kDrainCutShort{"ND0104",
                                                   log::Level::warn,
                                                   "stopping with work unfinished",
                                                   "limits.drain_timeout passed or a second signal came",
                                                   "what was accepted is in the store and goes on after the next start",
                                                   ""};

}  // namespace herald::daemon
