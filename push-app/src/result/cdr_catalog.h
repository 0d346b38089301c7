// Operator events of charging records.
#pragma once

#include "herald/log.h"

namespace herald::push::catalog {

inline constexpr log::OperatorEvent kCdrFile{"PU0311",
                                             log::Level::error,
                                             "charging records cannot be written",
                                             "the file cannot be opened, or the disk is full",
                                             "they wait in memory up to cdr.queue, then they are dropped",
                                             "see the cause; herald tries again every second"};
inline constexpr log::OperatorEvent kCdrDropped{"PU0312",
                                                log::Level::error,
                                                "charging records are dropped",
                                                "cdr.queue is full: the disk is too slow or full",
                                                "herald_push_cdr_total{result=\"dropped\"} counts them",
                                                "give the file a faster disk, or raise cdr.queue"};

}  // namespace herald::push::catalog
