// What a subscription needs while it is busy: a NOTIFY out or wanted, a rate to keep, a record being written.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event/subscription_record.h"
#include "herald/executor.h"
#include "sip/sip_stack.h"

namespace herald::event {

struct Activity {
  std::optional<Subscription> subscription;  // decoded when it is needed: to be told of a change costs nothing yet
  std::optional<NotifyCause> wanted;         // what the next NOTIFY is for; causes that come together become one (PS-76)
  bool forced = false;                       // it must go even if there is nothing to tell: min-rate
  std::string suppress;                      // Suppress-If-Match of the SUBSCRIBE that wants it
  bool held = false;                         // no NOTIFY now: the 2xx is not out yet, or the module is being told
  bool was_active = false;                   // before it was terminated
  bool queued = false;                       // in the ready queue
  bool asking = false;                       // the package makes the content
  bool reserving = false;                    // a block of CSeq numbers is being written
  unsigned refreshing = 0;                   // SUBSCRIBEs whose record is being written

  // the NOTIFY that is out (PS-74: one)
  std::unique_ptr<sip::ClientTransaction> transaction;
  NotifyCause out_cause = NotifyCause::change;
  std::uint64_t batch = 0;
  std::string etag;
  bool more = false;

  TimerId timer;
  TimePoint not_before{};          // after a failure
  unsigned failures = 0;           // in a row
  std::vector<TimePoint> history;  // of NOTIFYs, for adaptive-min-rate

  [[nodiscard]] bool idle() const noexcept {
    return !wanted && !held && !queued && !asking && !reserving && refreshing == 0 && !transaction && !timer;
  }
};

}  // namespace herald::event
