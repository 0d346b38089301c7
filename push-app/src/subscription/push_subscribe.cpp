#include "subscription/push_subscribe.h"

#include <algorithm>
#include <utility>

#include "consent/consent_rules.h"
#include "consent/inviter.h"
#include "herald/log.h"
#include "herald/sip_uri.h"
#include "subscription/notify_queue.h"
#include "subscription/push_package.h"
#include "text/asserted_identities.h"

namespace herald::push {
namespace {

std::string application_key(const SubscribeRequest& wish, const std::vector<ServiceProfile>& services) {
  std::string_view name = "appid";
  if (!services.empty()) name = services.front().appid_parameter;
  auto value = wish.event_params.get(name).value_or("");
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  if (value.empty()) return std::string(kAllApplications);
  return canonical_application(value);
}

SubscriptionRules rules_of(const ConsentConfig& config) {
  SubscriptionRules rules;
  rules.polite_blocking = config.polite_blocking;
  rules.subscribe_grants = config.subscribe_grants;
  rules.allow_anonymous = config.anonymous_subscribers;
  return rules;
}

void refuse(const SubscribeRequest& wish, std::string_view because) {
  log::info("subscription refused", {{"subscriber", log::identity(wish.subscriber)}, {"cause", because}});
  static_cast<void>(wish.request.respond(403));
}

// An application may allow less than the package does.
void limit_rate(SubscribeRequest& wish, const ServiceApplication& application, const std::vector<ServiceProfile>& services) {
  if (application.max_rate <= 0) return;
  const auto common = highest_rate(services);
  if (common > 0 && application.max_rate >= common) return;
  wish.rates.max_rate = std::min(wish.rates.max_rate.value_or(application.max_rate), application.max_rate);
}

}  // namespace

bool is_service_identity(const PushConfig& config, const std::vector<ServiceProfile>& services, const std::string& canonical) {
  const auto is = [&canonical](const std::string& uri) { return canonical_identity(uri) == canonical; };
  if (is(config.sender_identity)) return true;
  for (const auto& initiator : config.initiators) {
    if (std::any_of(initiator.identities.begin(), initiator.identities.end(), is)) return true;
  }
  return std::any_of(services.begin(), services.end(), [&](const ServiceProfile& service) {
    return std::any_of(service.identities.begin(), service.identities.end(), [&](const ServiceIdentity& identity) {
      return identity.type == ServiceIdentity::Type::distinct_psi && is(identity.uri);
    });
  });
}

Task<void> serve_subscription(ServletContext* context, Books books, std::shared_ptr<const bool> stopped, SubscribeRequest wish) {
  const auto config = context->config<PushConfig>();
  const auto& services = context->services();
  auto user = canonical_identity(wish.request.uri());
  // PS-60: to the service itself, the subscriber means his own pushes.
  if (is_service_identity(*config, services, user)) user = wish.subscriber;
  if (user.empty()) {
    refuse(wish, "anonymous");
    co_return;
  }
  const auto identities = co_await ConsentBook::resolve(books.consent, user);
  if (*stopped) co_return;
  if (!identities) {
    static_cast<void>(wish.request.refuse(identities.error()));
    co_return;
  }
  const auto subscriber = asserted_identities(wish.request.isc());
  Grant grant;
  grant.resource = user;
  grant.key = application_key(wish, services);
  if (grant.key == kAllApplications) {
    // Consent is given application by application (PA-2), so this one gives none; but they must be his own pushes.
    if (std::find_first_of(identities->begin(), identities->end(), subscriber.begin(), subscriber.end()) == identities->end()) {
      refuse(wish, subscriber.empty() ? "anonymous" : "not the user");
      co_return;
    }
  } else {
    const auto known = co_await ConsentBook::look(books.consent, user, grant.key);
    if (*stopped) co_return;
    if (!known) {
      static_cast<void>(wish.request.refuse(known.error()));
      co_return;
    }
    HssAnswer hss;
    if (config->ask_hss) {
      const auto deadline = Deadline::after(context->clock(), config->hss_deadline);
      hss = co_await ask_profile(context, config, user, wish.request.trace().text(), deadline);
      if (*stopped) co_return;
    }
    const auto& application = find_application(services, grant.key);
    const auto* profile = hss.profile ? &*hss.profile : nullptr;
    const SubscriptionQuestion question{
        *known, profile_consent(profile, grant.key), application, subscriber, *identities, wish.fetch(), context->clock().wall()};
    const auto verdict = judge_subscription(question, rules_of(config->consent));
    switch (verdict.kind) {
      case SubscriptionVerdict::Kind::refuse:
        refuse(wish, verdict.because);
        co_return;
      case SubscriptionVerdict::Kind::polite:
        log::info("subscription refused", {{"subscriber", log::identity(wish.subscriber)}, {"cause", "politely"}});
        grant.key = blocked_key(grant.key);
        break;
      case SubscriptionVerdict::Kind::pending:
        grant.status = SubscriptionStatus::pending;
        break;
      case SubscriptionVerdict::Kind::accept:
        break;
    }
    limit_rate(wish, application, services);
    if (verdict.grants) {
      ConsentDecision decision;
      decision.state = Consent::granted;
      decision.means = "subscribe";
      decision.who = wish.subscriber;
      const auto decided = co_await ConsentBook::decide(books.consent, user, grant.key, std::move(decision));
      if (*stopped) co_return;
      if (!decided) {
        static_cast<void>(wish.request.refuse(decided.error()));
        co_return;
      }
    }
  }
  // PS-95: that somebody invited sent this SUBSCRIBE counts, whatever becomes of it here.
  if (books.inviter && grant.key != kAllApplications && grant.status == SubscriptionStatus::active) {
    spawn(Inviter::subscribed(books.inviter, user, grant.key, token_of(wish.request.uri())));
  }
  auto accepted = context->notifier().accept(std::move(wish), std::move(grant));
  const auto subscription = co_await accepted;
  if (!subscription) {
    log::info("subscription not accepted", {{"cause", subscription.error().text}});
    co_return;
  }
  if (log::enabled(log::Level::info)) {
    log::info("subscription accepted", {{"subscription", subscription->id},
                                        {"user", log::identity(subscription->resource)},
                                        {"app", subscription->key},
                                        {"status", to_string(subscription->status)}});
  }
}

}  // namespace herald::push
