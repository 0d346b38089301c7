// Operator events about reports of receivers.
#pragma once

#include "herald/log.h"

namespace herald::push::catalog {

inline constexpr log::OperatorEvent kReportOfStranger{
    "PU0401",
    log::Level::warn,
    "a report came from somebody it does not concern",
    "its sender is not asserted by the core, or is not the user the push went to",
    "it is ignored",
    "see who sends it; check P-Asserted-Identity and the implicit registration set"};
inline constexpr log::OperatorEvent kReportOfError{"PU0402",
                                                   log::Level::warn,
                                                   "a receiver or relay reports an error of its own",
                                                   "its disposition notification says error",
                                                   "the push keeps the state that was proven so far",
                                                   "look at the receiving side if there are many"};
inline constexpr log::OperatorEvent kReportContradicts{"PU0403",
                                                       log::Level::info,
                                                       "a report contradicts what is proven",
                                                       "delivery was proven, and a failure is reported now",
                                                       "the state stays; the report is kept as a detail",
                                                       "none"};
inline constexpr log::OperatorEvent kReportsNotSwept{"PU0404",
                                                     log::Level::error,
                                                     "pushes whose report did not come cannot be ended",
                                                     "the store does not answer, or a record is damaged",
                                                     "they stay network_accepted until it works again",
                                                     "check the store"};

}  // namespace herald::push::catalog
