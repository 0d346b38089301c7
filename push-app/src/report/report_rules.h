// What proves what: the step from a final response to the state it stands for (status-mapping.md 3), from a disposition
// notification (7, SM-13..SM-15), and from its absence (PS-54). Pure.
//
// While a report is awaited the delivery is network_accepted with report_due. A push that asks for `display` stays there with
// evidence `receiver` once its delivery is reported: its one final notification shall say what was asked for. When nothing
// more comes, it ends by the best that was proven:
//   reported by the receiver      delivered, evidence receiver
//   200 of the user agent         delivered, evidence network
//   202: a relay's word only      preferconfirmed: delivered, evidence network; confirmed: timeout, evidence network, since
//   nobody
//                                 knows what became of it
#pragma once

#include <string>
#include <string_view>

#include "delivery/status_table.h"
#include "push/push_job.h"
#include "push_config.h"
#include "report/imdn.h"

namespace herald::push {

// The content went out and reached somebody: 2xx, or a session that took it. `asked`: the receiver was asked for
// notifications. Leaves report_due to the caller when the state is network_accepted.
void apply_success(Delivery& delivery, const PushJob& job, const Reading& reading, bool asked, WallTime now);
[[nodiscard]] bool is_success(const Reading& reading) noexcept;
[[nodiscard]] inline bool awaits_report(const Delivery& delivery) noexcept { return delivery.status == Status::network_accepted; }

struct ReportEffect {
  enum class Kind : std::uint8_t {
    applied,        // it changed the state, or what proves it
    noted,          // a detail was written down
    repeated,       // said before
    late,           // SM-14: good news after a final state that is not
    contradicting,  // SM-13: bad news after good news that was proven
    unexpected,     // nothing was sent, or no report was asked for
    too_early,      // bad news while a request is out: its answer decides
  };
  Kind kind = Kind::repeated;
  bool changed = false;  // must be saved
  bool alarm = false;    // a relay or receiver reports an error of its own
};
[[nodiscard]] std::string_view to_string(ReportEffect::Kind kind) noexcept;
ReportEffect apply_report(Delivery& delivery, const PushJob& job, const DispositionNotice& notice, WallTime now);

// How long one is awaited (PS-54): not beyond the life of its push's record. deliver-before does not end it: the content is
// delivered for all we know, and whoever holds it knows when it expires (PS-16).
[[nodiscard]] WallTime report_due(const PushJob& job, const PushConfig& config, WallTime now);
// No report came in time. False: none was awaited.
bool end_without_report(Delivery& delivery, const PushJob& job, WallTime now);

}  // namespace herald::push
