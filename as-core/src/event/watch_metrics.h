// What is counted of subscriptions of our own. Thread: any.
#pragma once

#include "herald/metrics.h"

namespace herald::event {

[[nodiscard]] const metrics::Gauge& watches_gauge();
// `local`: no peer answered.
void count_subscribe(int status, bool local);
void count_notify(int status);

}  // namespace herald::event
