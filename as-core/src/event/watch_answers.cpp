// The responses to our SUBSCRIBEs. See watch_client.h.
#include <algorithm>

#include "event/watch.h"
#include "event/watch_events.h"
#include "event/watch_metrics.h"
#include "herald/log.h"

namespace herald::event {
namespace {

using std::chrono::seconds;

constexpr unsigned kMostRaises = 3;             // 423 in a row
constexpr Duration kSoonestRetry = seconds(5);  // of a refresh

}  // namespace

void WatchClient::answered(const WatchPtr& watch, sip::ClientResult result) {
  side_.destroy_later(std::move(watch->transaction));
  const auto status = result.response.status();
  const bool local = result.origin != ResponseOrigin::peer;
  count_subscribe(status, local);
  watch->last_status = status;
  if (status < 300) return accepted(watch, result.response);
  if (status == 423 && !local) return too_brief(watch, result.response);
  refused(watch, result);
}

void WatchClient::accepted(const WatchPtr& watch, const SipMessage& response) {
  const bool first = !watch->answered;
  watch->answered = true;
  watch->raises = 0;
  auto& dialog = watch->dialog;
  if (!watch->has_dialog()) {
    // Good for un-subscribing before the first NOTIFY; which fork's dialog it is, the NOTIFY says.
    if (dialog.remote_tag.empty()) static_cast<void>(dialog::complete_uac_dialog(dialog, response));
  } else if (dialog::tag_of(response.headers.get("To").value_or("")) == dialog.remote_tag) {
    refresh_target(dialog, response);
  }
  if (watch->ending) {
    if (!watch->ending_sent) {
      watch->ending_sent = true;
      send(*watch, seconds(0));
    }
    return;
  }
  const auto span = delta_seconds(response.headers.get("Expires"));
  granted(*watch, std::min(watch->wanted, span.value_or(watch->wanted)));
  if (first) {
    WatchProgress what;
    what.stage = WatchProgress::Stage::accepted;
    what.status = watch->last_status;
    what.expires = watch->span;
    progress(watch, what);
  }
  if (!watch->gone && !watch->transaction && watch->refresh_wanted && watch->has_dialog()) send(*watch, watch->wanted);
}

void WatchClient::too_brief(const WatchPtr& watch, const SipMessage& response) {
  const auto least = delta_seconds(response.headers.get("Min-Expires"));
  const bool fit = least && *least > watch->wanted && *least <= kLongestWatch && ++watch->raises <= kMostRaises;
  if (!fit || watch->ending) {
    sip::ClientResult result;
    result.response = response;
    return refused(watch, result);
  }
  watch->wanted = *least;
  send(*watch, watch->wanted);
}

void WatchClient::refused(const WatchPtr& watch, const sip::ClientResult& result) {
  const auto status = result.response.status();
  const bool local = result.origin != ResponseOrigin::peer;
  const auto retry_after = delta_seconds(result.response.headers.get("Retry-After"));
  if (watch->ending) {
    if (watch->ending_sent || !watch->has_dialog() || status == 481) return ended(watch, EndReason::none, std::nullopt);
    watch->ending_sent = true;  // it was the refresh that failed
    return send(*watch, seconds(0));
  }
  if (watch->has_dialog()) {
    switch (refresh_refused(status, local)) {
      case RefreshVerdict::new_dialog:
        return ended(watch, EndReason::none, Duration::zero());
      case RefreshVerdict::later: {
        const auto left = watch->expires - side_.executor.clock().now();
        const Duration pause = std::max<Duration>({kSoonestRetry, retry_after.value_or(seconds(0)), left / 4});
        return arm(*watch, watch->refresh, pause, &WatchClient::on_refresh);  // or the expiry comes first
      }
      case RefreshVerdict::lost:
        break;
    }
  }
  ++watch->failures;
  const auto again = again_after_refusal(status, local, retry_after, watch->failures, side_.jitter());
  if (!again) {
    log::event(events::kWatchRefused, {{"status", status},
                                       {"package", watch->event.package},
                                       {"to", log::identity(watch->whom())},
                                       {"trace", watch->plan.trace}});
  }
  ended(watch, EndReason::none, again);
}

void WatchClient::granted(Watch& watch, seconds span) {
  watch.span = span;
  watch.expires = side_.executor.clock().now() + span;
  arm(watch, watch.refresh, refresh_after(span, side_.jitter()), &WatchClient::on_refresh);
  arm(watch, watch.expiry, span, &WatchClient::on_expiry);
}

}  // namespace herald::event
