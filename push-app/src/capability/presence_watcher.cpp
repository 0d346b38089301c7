#include "capability/presence_watcher.h"

#include <algorithm>
#include <utility>

#include "capability/pidf.h"
#include "herald/log.h"
#include "herald/sip_message.h"
#include "push_config.h"
#include "text/request_headers.h"

namespace herald::push {
namespace {

constexpr std::chrono::hours kRefusedFor{24};  // as other negative knowledge (8.3 a)
constexpr std::chrono::minutes kFailedFor{5};

}  // namespace

PresenceWatcher::PresenceWatcher(ServletContext& context, Sink sink)
    : context_(context),
      sink_(std::move(sink)),
      notified_(metrics::counter("herald_push_presence_notified_total", "NOTIFYs with presence of watched users")),
      malformed_(metrics::counter("herald_push_presence_malformed_total", "NOTIFYs whose presence document cannot be read")),
      skipped_(metrics::counter("herald_push_presence_not_watched_total", "Users not watched because too many are")),
      watching_(metrics::gauge("herald_push_presence_watches", "Subscriptions to presence")) {}

void PresenceWatcher::stop() noexcept {
  if (std::exchange(stopped_, true)) return;
  for (const auto& [id, user] : ids_) context_.subscriber().abandon(id);
  for (const auto id : leaving_) context_.subscriber().abandon(id);
  watching_.add(-static_cast<double>(ids_.size()));
  ids_.clear();
  users_.clear();
}

void PresenceWatcher::want(const std::string& user, std::string_view scscf) {
  if (stopped_) return;
  const auto config = context_.config<PushConfig>();
  const auto now = context_.clock().wall();
  if (const auto found = users_.find(user); found != users_.end()) {
    found->second.wanted = now;
    if (found->second.id != 0 || now < found->second.again) return;
    users_.erase(found);
  }
  const auto most = std::max<std::size_t>(1, config->capabilities.max_watches / std::max(1U, context_.shard_count()));
  if (users_.size() >= most) {
    std::erase_if(users_, [&](const auto& entry) { return entry.second.id == 0 && entry.second.again <= now; });
    if (users_.size() >= most) {
      skipped_.add();
      log::debug("presence not watched", {{"user", log::identity(user)}, {"cause", "max_watches"}});
      return;
    }
  }
  const auto& sender = config->sender_identity;
  SubscribePlan plan;
  plan.from = "<" + sender + ">";
  plan.to = "<" + user + ">";
  plan.uri = user;
  plan.routes.push_back(loose_route(scscf.empty() ? context_.node().next_hop : std::string(scscf)));
  plan.event = kPresencePackage;
  plan.accept = {std::string(kPidfType)};
  plan.expires = std::chrono::duration_cast<std::chrono::seconds>(config->capabilities.watch_expires);
  plan.headers = identity_headers(sender, context_.node().domain);
  auto id = context_.subscriber().subscribe(std::move(plan), *this);
  Watch watch;
  watch.wanted = now;
  if (id) {
    watch.id = *id;
    ids_.emplace(*id, user);
    watching_.add(1);
  } else {
    watch.again = now + kFailedFor;
    log::info("presence not watched", {{"user", log::identity(user)}, {"cause", id.error().text}});
  }
  users_.emplace(user, watch);
}

void PresenceWatcher::end(const std::string& user, WallTime again) {
  const auto found = users_.find(user);
  if (found == users_.end()) return;
  if (found->second.id != 0) {
    ids_.erase(found->second.id);
    watching_.add(-1);
  }
  found->second.id = 0;
  found->second.again = again;
  sink_(user, {});
}

void PresenceWatcher::forget(const std::string& user) {
  const auto found = users_.find(user);
  if (found == users_.end()) return;
  const auto id = found->second.id;
  end(user, {});
  users_.erase(user);
  if (id == 0) return;
  leaving_.insert(id);
  static_cast<void>(context_.subscriber().unsubscribe(id));
}

bool PresenceWatcher::watches(const std::string& user) const {
  const auto found = users_.find(user);
  return found != users_.end() && found->second.id != 0;
}

std::string PresenceWatcher::user_of(WatchId id) const {
  const auto found = ids_.find(id);
  return found == ids_.end() ? std::string() : found->second;
}

int PresenceWatcher::on_notify(WatchId id, const Notification& notification, std::vector<SipHeaderField>& headers) {
  const auto user = user_of(id);
  if (user.empty() || stopped_) return 200;  // the last one of a subscription that we gave up
  const auto now = context_.clock().wall();
  const auto config = context_.config<PushConfig>();
  if (notification.status != SubscriptionStatus::active) {
    // Pending: nothing that may be known. Terminated: PS-106.
    sink_(user, {});
    return 200;
  }
  const auto& message = notification.message;
  if (!message.body.empty()) {
    const auto type = MediaType::parse(message.headers.get("Content-Type").value_or(""));
    if (!type || type->type != kPidfType) {
      headers.push_back({"Accept", std::string(kPidfType)});
      return 415;
    }
    notified_.add();
    if (const auto document = parse_pidf(message.body, config->capabilities.oma_namespace)) {
      const auto lifetime =
          notification.expires.value_or(std::chrono::duration_cast<std::chrono::seconds>(config->capabilities.watch_expires));
      sink_(user, facts_of(*document, user, now, now + lifetime));
    } else {
      // The subscription is sound; what it told before holds until it ends.
      malformed_.add();
      log::info("presence cannot be read", {{"user", log::identity(user)}, {"cause", document.error().text}});
    }
  }
  // Every refresh brings a NOTIFY: the time to see whether anybody still cares.
  const auto found = users_.find(user);
  if (found != users_.end() && found->second.wanted + config->capabilities.watch_expires < now) forget(user);
  return 200;
}

void PresenceWatcher::on_progress(WatchId id, const WatchProgress& progress) {
  if (progress.stage != WatchProgress::Stage::ended || stopped_) return;
  leaving_.erase(id);
  const auto user = user_of(id);
  if (user.empty()) return;
  if (progress.again_in) {  // it comes back by itself; until then nothing is known
    sink_(user, {});
    return;
  }
  const auto now = context_.clock().wall();
  const bool refused = progress.reason == EndReason::rejected || progress.reason == EndReason::noresource ||
                       (progress.status >= 400 && progress.status < 500 && progress.status != 408 && progress.status != 480);
  log::debug("presence watched no more", {{"user", log::identity(user)}, {"status", progress.status}});
  if (refused) return end(user, now + kRefusedFor);
  end(user, now + kFailedFor);
}

}  // namespace herald::push
