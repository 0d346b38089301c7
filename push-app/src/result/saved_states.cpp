#include "result/saved_states.h"

#include <utility>

#include "rest/push_events.h"
#include "result/cdr.h"
#include "result/result_notice.h"
#include "result/result_outbox.h"

namespace herald::push {

void SavedStates::saved(const PushJob& job, const Delivery& delivery, std::optional<Status> before) {
  if (delivery.final()) {
    const auto config = context_.config<PushConfig>();
    if (!config->cdr.path.empty()) {
      if (auto line = cdr_line(job, delivery, before, config->cdr)) {
        static_cast<void>(watch_->cdr.write(config, std::move(*line), context_.clock()));  // a drop is counted there
      }
    }
    if (wants_notice(job) && !watch_->rung.exchange(true)) {
      const bool taken = relay_([watch = watch_](ResultOutbox& outbox, PushEvents&) {
        watch->rung = false;
        outbox.ring();
      });
      if (!taken) watch_->rung = false;  // the outbox looks by itself within a minute
    }
  }
  if (watch_->pushes->watched(job.id)) {
    const bool taken = relay_([delivery](ResultOutbox&, PushEvents& events) { events.saved(delivery); });
    if (!taken) watch_->pushes->miss();
  }
}

}  // namespace herald::push
