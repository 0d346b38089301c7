// What came of a session means for a push: status-mapping.md 8 as one table. Pure.
#pragma once

#include <span>

#include "delivery/status_table.h"

namespace herald::push {

// One row: the code of an MSRP response or REPORT (0: any other).
struct MsrpRow {
  int code = 0;
  RetryClass retry = RetryClass::never;
  Status final_status = Status::undeliverable;
  int pap = 3000;
};
[[nodiscard]] std::span<const MsrpRow> msrp_rows() noexcept;

[[nodiscard]] Reading read_session(const SessionOutcome& session);

}  // namespace herald::push
