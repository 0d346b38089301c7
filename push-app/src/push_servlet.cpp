#include "push_servlet.h"

#include <algorithm>
#include <utility>

#include "herald/sip_uri.h"
#include "rest/openapi.h"
#include "subscription/push_subscribe.h"

namespace herald::push {
namespace {
constexpr unsigned kHttpShard = 0;  // one shard answers HTTP; its deliveries go to the users' home shards
}

Task<void> PushServlet::init(ServletContext& context) {
  context_ = &context;
  stopped_ = std::make_shared<bool>(false);
  books_.consent = std::make_shared<ConsentBook>(context, consent_relay());
  books_.consent->listen(consent_listener());
  books_.capabilities = std::make_shared<CapabilityBook>(context, capability_relay());
  books_.capabilities->start();
  books_.inviter = std::make_shared<Inviter>(context, books_, inviter_relay());
  books_.inviter->start(context.shard() == kHttpShard);
  presence_ = std::make_unique<PresencePackage>(context);
  context.event_state().add_package(*presence_);
  links_ = std::make_shared<ContentLinks>(context);
  const auto observer = make_observer();
  scheduler_ = std::make_shared<DeliveryScheduler>(context, load_, books_, links_, observer);
  package_ = std::make_unique<PushPackage>(context, scheduler_, books_);
  context.notifier().add_package(*package_);
  scheduler_->start();
  reports_ = make_report_desk();
  reports_->start(context.shard() == kHttpShard);
  if (context.shard() == kHttpShard) {
    watch_->rung = false;
    outbox_ = std::make_shared<ResultOutbox>(context);
    outbox_->start();
    events_ = std::make_shared<PushEvents>(context, watch_->pushes);
    contents_ = std::make_shared<ContentBook>(context);
    contents_->start();
    service_ = std::make_shared<PushService>(context, load_, handover(), forget(), observer, contents_);
    service_->start();
    rest_ = std::make_shared<RestApi>(context, service_, books_, events_, contents_);
    rest_->add_routes();
    for (auto* routes : {&context.http(), &context.admin_http()}) add_openapi_route(*routes);
    pap_ = std::make_shared<PapEndpoint>(context, service_, books_);
    pap_->add_route();
    links_->serve();
  }
  co_return;
}

void PushServlet::destroy() noexcept {
  if (stopped_) *stopped_ = true;
  watch_->cdr.flush();  // the shard has nothing else to do any more
  if (rest_) rest_->stop();
  if (pap_) pap_->stop();
  if (service_) service_->stop();
  if (contents_) contents_->stop();
  if (events_) events_->stop();
  if (outbox_) outbox_->stop();
  if (package_) package_->stop();
  if (reports_) reports_->stop();
  if (scheduler_) scheduler_->stop();
  if (links_) links_->stop();
  if (books_.inviter) books_.inviter->stop();
  if (books_.consent) books_.consent->stop();
  if (books_.capabilities) books_.capabilities->stop();
  rest_.reset();
  pap_.reset();
  service_.reset();
  contents_.reset();
  events_.reset();
  outbox_.reset();
  reports_.reset();
  scheduler_.reset();
  links_.reset();
  books_ = {};
  context_ = nullptr;
}

Handover PushServlet::handover() {
  return [this](unsigned shard, const Admissions& admissions) {
    if (shard == context_->shard()) {
      for (auto& admission : *admissions) scheduler_->admit(std::move(admission));
      return true;
    }
    return context_->post(shard, [admissions](SipServlet& servlet) {
      auto* scheduler = static_cast<PushServlet&>(servlet).scheduler();
      if (scheduler == nullptr) return;  // stopping: the store keeps them
      for (auto& admission : *admissions) scheduler->admit(std::move(admission));
    });
  };
}

Forget PushServlet::forget() {
  return [this](unsigned shard, std::string user, std::string push, std::uint32_t index) {
    if (shard == context_->shard()) return scheduler_->forget(user, push, index);
    // Not taken: the slot finds out when its turn comes.
    const bool taken = context_->post(shard, [user, push, index](SipServlet& servlet) {
      auto* scheduler = static_cast<PushServlet&>(servlet).scheduler();
      if (scheduler != nullptr) scheduler->forget(user, push, index);
    });
    static_cast<void>(taken);
  };
}

std::shared_ptr<ReportDesk> PushServlet::make_report_desk() {
  auto relay = [this](unsigned shard, UniqueFunction<void(ReportDesk&)> work) {
    return context_->post(shard, [work = std::move(work)](SipServlet& servlet) mutable {
      if (auto* desk = static_cast<PushServlet&>(servlet).reports(); desk != nullptr) work(*desk);
    });
  };
  auto give_up = [this](const std::string& user, const std::string& push, std::uint32_t index) {
    if (scheduler_) scheduler_->forget(user, push, index);
  };
  return std::make_shared<ReportDesk>(*context_, scheduler_->writer(), std::move(relay), std::move(give_up));
}

std::shared_ptr<DeliveryObserver> PushServlet::make_observer() {
  // The outbox and the streams are where HTTP is; never from within the write that they hear of.
  auto relay = [this, stopped = stopped_](UniqueFunction<void(ResultOutbox&, PushEvents&)> work) {
    if (context_->shard() == kHttpShard) {
      context_->executor().complete([this, stopped, work = std::move(work)]() mutable {
        if (!*stopped && outbox_ && events_) work(*outbox_, *events_);
      });
      return true;
    }
    return context_->post(kHttpShard, [work = std::move(work)](SipServlet& servlet) mutable {
      auto& there = static_cast<PushServlet&>(servlet);
      if (there.outbox() != nullptr && there.events() != nullptr) work(*there.outbox(), *there.events());
    });
  };
  return std::make_shared<SavedStates>(*context_, watch_, std::move(relay));
}

CapabilityBook::Relay PushServlet::capability_relay() {
  return [this](unsigned shard, UniqueFunction<void(CapabilityBook&)> work) {
    return context_->post(shard, [work = std::move(work)](SipServlet& servlet) mutable {
      if (auto* book = static_cast<PushServlet&>(servlet).capabilities(); book != nullptr) work(*book);
    });
  };
}

ConsentBook::Relay PushServlet::consent_relay() {
  return [this](unsigned shard, UniqueFunction<void(ConsentBook&)> work) {
    return context_->post(shard, [work = std::move(work)](SipServlet& servlet) mutable {
      if (auto* book = static_cast<PushServlet&>(servlet).consent(); book != nullptr) work(*book);
    });
  };
}

Inviter::Relay PushServlet::inviter_relay() {
  return [this](unsigned shard, UniqueFunction<void(Inviter&)> work) {
    return context_->post(shard, [work = std::move(work)](SipServlet& servlet) mutable {
      if (auto* inviter = static_cast<PushServlet&>(servlet).inviter(); inviter != nullptr) work(*inviter);
    });
  };
}

ConsentBook::Listener PushServlet::consent_listener() {
  return [this](const ConsentEntry& entry, const std::vector<std::string>& identities) {
    for (const auto& identity : identities) {
      ConsentChange change{identity, entry.application, entry.now.state};
      if (context_->home_shard(identity) == context_->shard()) {
        consent_changed(change);
      } else {
        spawn(tell_shard(context_, stopped_, std::move(change)));
      }
    }
  };
}

void PushServlet::consent_changed(const ConsentChange& change) {
  if (scheduler_) apply_consent(*context_, *scheduler_, context_->config<PushConfig>()->event_package, change);
}

// A revoked subscription must end however busy its shard is just now.
Task<void> PushServlet::tell_shard(ServletContext* context, std::shared_ptr<const bool> stopped, ConsentChange change) {
  const auto shard = context->home_shard(change.identity);
  while (!*stopped) {
    if (context->post(shard, [change](SipServlet& servlet) { static_cast<PushServlet&>(servlet).consent_changed(change); }))
      break;
    co_await sleep_for(std::chrono::milliseconds(50));
  }
}

// One of the identities we send as.
bool PushServlet::is_ours(std::string_view uri) const {
  const auto config = context_->config<PushConfig>();
  const auto identity = canonical_identity(uri);
  if (identity == canonical_identity(config->sender_identity)) return true;
  return std::any_of(config->initiators.begin(), config->initiators.end(), [&](const Initiator& initiator) {
    const auto& own = initiator.identities;
    return std::any_of(own.begin(), own.end(), [&](const auto& one) { return canonical_identity(one) == identity; });
  });
}

// A trusted peer says that we sent it.
bool PushServlet::is_own(const IscContext& isc) const {
  return isc.trusted && std::any_of(isc.asserted_identity.begin(), isc.asserted_identity.end(),
                                    [this](const NameAddr& asserted) { return is_ours(asserted.uri); });
}

// A terminating iFC brings our own push back to us: on it goes, with the S-CSCF's mark untouched (AS-47), or it would loop.
// A MESSAGE of somebody else is none of ours either: transparent.
Task<void> PushServlet::do_message(SipServletRequest request) {
  const auto type = request.message().headers.get("Content-Type").value_or("");
  if (carries_disposition(type, request.body()) && (!request.isc().has_onward_route() || is_ours(request.uri()))) {
    co_await ReportDesk::receive(reports_, std::move(request));
    co_return;
  }
  if (is_own(request.isc())) {
    metrics_.own_push_returned();
  } else {
    metrics_.foreign_message();
  }
  if (auto proxied = request.proxy_onward(); !proxied && !request.answered()) {
    static_cast<void>(request.refuse(proxied.error()));
  }
  co_return;
}

// PS-103: what a receiver tells about itself.
Task<void> PushServlet::do_publish(SipServletRequest request) {
  auto* context = context_;
  const auto stopped = stopped_;
  auto resource = co_await PresencePackage::authorised_resource(context, request);
  if (*stopped) co_return;
  if (!resource) {
    static_cast<void>(request.refuse(resource.error()));
    co_return;
  }
  co_await context->event_state().publish(std::move(request), std::move(*resource));
}

// The receiver ends a session of ours (PS-48).
Task<void> PushServlet::do_bye(SipServletRequest request) {
  PushSession::take_bye(request);
  co_return;
}

Task<void> PushServlet::do_subscribe(SipServletRequest request) {
  auto wish = context_->notifier().read(request);
  if (wish) co_await serve_subscription(context_, books_, stopped_, std::move(*wish));
}

}  // namespace herald::push
