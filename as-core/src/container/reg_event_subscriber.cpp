#include "container/reg_event_subscriber.h"

#include "container/core.h"
#include "herald/log.h"
#include "herald/metrics.h"
#include "herald/trace.h"
#include "ims/ims_events.h"

namespace herald::container {
namespace {

using std::chrono::seconds;

constexpr seconds kExpires{600000};  // AS-20: more than any REGISTER's
constexpr std::size_t kMaxUsers = 200000;
constexpr std::size_t kMaxRefusals = 1000;
constexpr Duration kRefusalLasts = std::chrono::minutes(10);
constexpr const char* kType = "application/reginfo+xml";

const metrics::Gauge& users_gauge() {
  static const auto gauge = metrics::gauge("herald_ims_reg_event_watches_count", "Users whose reg event is watched");
  return gauge;
}

void count_document(std::string_view result) {
  metrics::counter("herald_ims_reg_event_documents_total", "Documents of the reg event", {{"result", result}}).add();
}

// The S-CSCF's URI as a loose route.
std::string route_to(const std::string& scscf) {
  auto uri = SipUri::parse(scscf);
  if (!uri) return {};
  if (!uri->params.has("lr")) uri->params.set("lr");
  return "<" + uri->text() + ">";
}

}  // namespace

class RegEventSubscriber::User final : public Watcher {
 public:
  User(RegEventSubscriber& owner, std::string name) : owner_(owner), user(std::move(name)) {}
  int on_notify(WatchId, const Notification& notification, std::vector<SipHeaderField>& headers) override {
    const auto& message = notification.message;
    const bool last = notification.status == SubscriptionStatus::terminated && notification.reason == EndReason::noresource;
    if (!message.body.empty()) {
      const auto type = MediaType::parse(message.headers.get("Content-Type").value_or(""));
      if (!type || type->type != kType) {
        headers.push_back({"Accept", kType});
        return 415;
      }
    }
    owner_.take(*this, message, last);
    return 200;
  }
  void on_progress(WatchId, const WatchProgress& progress) override {
    if (progress.stage == WatchProgress::Stage::ended) owner_.ended(*this, progress);
  }

 private:
  RegEventSubscriber& owner_;

 public:
  std::string user;
  Registration base;  // the last known, for what comes after the user was gone
  WatchId watch = 0;
  bool ending = false;
  bool wanted_again = false;  // registered anew while the subscription ends
  std::string icid = random_token(20);
  ims::ReginfoSequence sequence;
};

RegEventSubscriber::RegEventSubscriber(Core& core) : core_(core) {}

RegEventSubscriber::~RegEventSubscriber() = default;

void RegEventSubscriber::start() {
  if (core_.parts.reg_event == RegEventUse::never) return;
  listening_ = core_.registrations->listen([this](RegistrationEvent event, const Registration& registration) {
    if (event == RegistrationEvent::deregistered || event == RegistrationEvent::expired) left(registration.user);
  });
}

std::string RegEventSubscriber::own_uri() const {
  if (!core_.parts.reg_event_identity.empty()) return core_.parts.reg_event_identity;
  // AS-21: the S-CSCF knows this node by the server name in its initial filter criteria.
  for (const auto& profile : core_.snapshot->profiles) {
    auto uri = SipUri::parse(profile.server_name);
    if (!uri || !uri->is_sip()) continue;
    uri->params = {};
    uri->headers.clear();
    return uri->text();
  }
  return "sip:" + core_.parts.node.name;
}

void RegEventSubscriber::registered(const ims::RegistrationChange& change) {
  const auto mode = core_.parts.reg_event;
  const auto& registration = change.registration;
  if (mode == RegEventUse::never || change.deregistered || registration.source == "reg-event" || core_.stopped) return;
  if (home_shard_of(registration.user, core_.parts.count) != core_.parts.index) return;
  const bool told = !registration.contacts.empty() || !change.removed.empty();
  const auto found = users_.find(registration.user);
  if (found != users_.end()) {
    auto& user = *found->second;
    user.base = registration;
    user.base.contacts.clear();
    if (user.ending) {
      user.wanted_again = true;
    } else if (!told) {
      core_.subscriber->refresh(user.watch);  // a plain refresh of a contact is not notified by every S-CSCF
    }
    return;
  }
  if (told && mode == RegEventUse::automatic) return;
  if (core_.draining || refused_lately(registration.scscf)) return;
  if (users_.size() >= kMaxUsers) {
    log::event(ims::events::kRegEventLimit, {{"limit", kMaxUsers}});
    return;
  }
  auto made = std::make_unique<User>(*this, registration.user);
  made->base = registration;
  made->base.contacts.clear();
  auto& user = *made;
  users_.emplace(user.user, std::move(made));
  users_gauge().add(1);
  subscribe(user);
}

void RegEventSubscriber::subscribe(User& user) {
  const auto own = own_uri();
  SubscribePlan plan;
  plan.from = "<" + own + ">";
  plan.to = "<" + user.user + ">";
  plan.routes = {route_to(user.base.scscf)};
  plan.event = "reg";
  plan.accept = {kType};
  plan.expires = kExpires;
  plan.headers.push_back({"P-Asserted-Identity", "<" + own + ">"});
  plan.headers.push_back({"P-Charging-Vector", "icid-value=" + user.icid});
  plan.trace = user.base.trace;
  user.ending = false;
  user.wanted_again = false;
  user.sequence.restart();
  const auto watch = core_.subscriber->subscribe(std::move(plan), user);
  if (watch) {
    user.watch = *watch;
    return;
  }
  log::warn("the reg event cannot be watched", {{"user", log::identity(user.user)}, {"cause", watch.error().text}});
  users_gauge().add(-1);
  users_.erase(std::string(user.user));
}

void RegEventSubscriber::left(const std::string& name) {
  const auto found = users_.find(name);
  if (found == users_.end() || found->second->ending) return;
  found->second->ending = true;
  static_cast<void>(core_.subscriber->unsubscribe(found->second->watch));
}

void RegEventSubscriber::ended(User& user, const WatchProgress& progress) {
  user.sequence.restart();
  if (progress.again_in) return;
  // 404 and the like are about this user only.
  const auto status = progress.status;
  if (!user.ending && (status == 403 || status == 405 || status == 489 || status == 501)) {
    if (refusals_.size() >= kMaxRefusals) refusals_.clear();
    refusals_[user.base.scscf] = core_.parts.executor.clock().now() + kRefusalLasts;
  }
  // The subscriber is still calling: what follows does so after this turn.
  core_.parts.executor.complete([weak = core_.weak_from_this(), name = user.user] {
    const auto core = weak.lock();
    if (!core || core->stopped) return;
    auto& self = *core->reg_event;
    const auto found = self.users_.find(name);
    if (found == self.users_.end()) return;
    if (found->second->wanted_again) return self.subscribe(*found->second);
    self.users_.erase(found);
    users_gauge().add(-1);
  });
}

bool RegEventSubscriber::refused_lately(const std::string& scscf) {
  const auto found = refusals_.find(scscf);
  if (found == refusals_.end()) return false;
  if (found->second > core_.parts.executor.clock().now()) return true;
  refusals_.erase(found);
  return false;
}

void RegEventSubscriber::take(User& user, const SipMessage& notify, bool last) {
  if (notify.body.empty()) {
    if (!last) return;
    ims::RegistrationChange gone;  // AS-25
    gone.registration = user.base;
    gone.registration.source = "reg-event";
    gone.deregistered = true;
    return apply(user, std::move(gone));
  }
  const auto document = ims::parse_reginfo(notify.body);
  if (!document || document->malformed > 0) {
    count_document("malformed");
    log::event(ims::events::kReginfoMalformed, {{"user", log::identity(user.user)},
                                                {"cause", document ? "elements left out" : document.error().text},
                                                {"trace", user.base.trace}});
    if (!document) return;
  }
  switch (user.sequence.take(*document)) {
    case ims::ReginfoSequence::Verdict::old:
      return count_document("old");
    case ims::ReginfoSequence::Verdict::gap:
      count_document("gap");
      return core_.subscriber->refresh(user.watch);  // brings the full state (AS-23)
    case ims::ReginfoSequence::Verdict::apply:
      break;
  }
  const auto* const found = core_.registrations->find(user.user);
  const auto now = core_.parts.executor.clock().wall();
  auto change = ims::registration_change(*document, found != nullptr && found->user == user.user ? *found : user.base, now);
  if (!change) return count_document("other");
  count_document("applied");
  apply(user, std::move(*change));
}

void RegEventSubscriber::apply(User& user, ims::RegistrationChange change) {
  const auto& registration = change.registration;
  if (!change.deregistered && registration.expires <= core_.parts.executor.clock().wall()) return;
  log::info("reg event", {{"user", log::identity(user.user)},
                          {"contacts", registration.contacts.size()},
                          {"registered", change.deregistered ? "no" : "yes"},
                          {"trace", user.base.trace}});
  core_.feed.spread(std::move(change));
}

void RegEventSubscriber::stop() {
  listening_.reset();
  users_gauge().add(-static_cast<double>(users_.size()));
  for (const auto& [name, user] : users_) core_.subscriber->abandon(user->watch);
  users_.clear();
}

}  // namespace herald::container
