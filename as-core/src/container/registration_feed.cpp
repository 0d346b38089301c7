#include "container/registration_feed.h"

#include <set>

#include "container/core.h"
#include "container/request_checks.h"
#include "herald/metrics.h"
#include "ims/ims_events.h"

namespace herald::container {
namespace {

constexpr unsigned kAttempts = 20;
constexpr Duration kRetry = std::chrono::milliseconds(100);
constexpr std::size_t kMaxWaiting = 10000;

void count_malformed(const ims::RegistrationChange& change) {
  static const auto malformed =
      metrics::counter("herald_ims_register_body_parts_malformed_total", "Parts of third-party REGISTERs that could not be read");
  static const auto ignored =
      metrics::counter("herald_ims_register_body_parts_ignored_total", "Parts of third-party REGISTERs of unknown type");
  if (change.malformed_parts > 0) {
    malformed.add(change.malformed_parts);
    log::event(ims::events::kRegisterBodyMalformed,
               {{"user", log::identity(change.registration.user)}, {"trace", change.registration.trace}});
  }
  if (change.ignored_parts > 0) ignored.add(change.ignored_parts);
}

void dropped(const ims::RegistrationChange& change) {
  static const auto counter =
      metrics::counter("herald_ims_registers_dropped_total", "Third-party REGISTERs that got lost inside");
  counter.add();
  log::event(ims::events::kRegisterDropped, {{"user", log::identity(change.registration.user)}});
}

}  // namespace

SipMessage RegistrationFeed::take(const SipMessage& request, const std::string& trace) {
  auto change = ims::read_third_party_register(request, core_.parts.executor.clock().wall(), trace);
  if (!change) {
    log::event(ims::events::kRegisterRefused, {{"cause", change.error().text}, {"trace", trace}});
    return make_response(status_of_error(change.error()));
  }
  count_malformed(*change);
  const auto& registration = change->registration;
  log::info("third-party REGISTER", {{"user", log::identity(registration.user)},
                                     {"expires_s", (registration.expires - registration.updated).count() / 1000},
                                     {"contacts", registration.contacts.size()},
                                     {"scscf", registration.scscf},
                                     {"trace", trace}});
  auto response = ims::accept_third_party_register(request);
  spread(std::move(*change));
  return response;
}

void RegistrationFeed::spread(ims::RegistrationChange change) {
  const auto& registration = change.registration;
  std::set<unsigned> homes{home_shard_of(registration.user, core_.parts.count)};
  for (const auto& alias : registration.associated) homes.insert(home_shard_of(alias, core_.parts.count));
  const auto shared = std::make_shared<const ims::RegistrationChange>(std::move(change));
  for (const auto shard : homes) hand_over(shard, shared, 1);
}

void RegistrationFeed::apply(Core& core, const ims::RegistrationChange& change) {
  if (core.registrations->apply(change)) core.reg_event->registered(change);
}

void RegistrationFeed::hand_over(unsigned shard, std::shared_ptr<const ims::RegistrationChange> change, unsigned attempt) {
  auto* const target = core_.shards.core(shard);
  if (target == nullptr) return dropped(*change);
  if (target == &core_) {
    // After the 200: nothing a listener does may delay it (AS-11).
    core_.parts.executor.complete([weak = core_.weak_from_this(), change] {
      if (const auto core = weak.lock()) apply(*core, *change);
    });
    return;
  }
  const bool posted = target->parts.executor.execute([weak = target->weak_from_this(), change] {
    if (const auto core = weak.lock()) apply(*core, *change);
  });
  if (posted) return;
  if (attempt >= kAttempts || waiting_ >= kMaxWaiting) return dropped(*change);
  ++waiting_;
  auto& executor = core_.parts.executor;
  executor.timers().start_at(executor.clock().now() + kRetry, [weak = core_.weak_from_this(), shard, change, attempt] {
    const auto core = weak.lock();
    if (!core) return;
    --core->feed.waiting_;
    core->feed.hand_over(shard, change, attempt + 1);
  });
}

Future<std::optional<Registration>> RegistrationFeed::lookup(std::string canonical_user) {
  Promise<std::optional<Registration>> promise;
  auto future = promise.future();
  auto* const target = core_.shards.core(home_shard_of(canonical_user, core_.parts.count));
  if (target == nullptr) {
    promise.set(fail(ErrorCode::unavailable, "no such shard"));
    return future;
  }
  auto shared = std::make_shared<Promise<std::optional<Registration>>>(std::move(promise));
  const bool posted = target->parts.executor.execute([weak = target->weak_from_this(), user = std::move(canonical_user), shared] {
    const auto core = weak.lock();
    if (!core) return;
    const auto* const found = core->registrations->find(user);
    shared->set(found != nullptr ? std::optional<Registration>(*found) : std::nullopt);
  });
  if (!posted) shared->set(fail(ErrorCode::busy, "the shard is overloaded"));
  return future;
}

Future<std::vector<Registration>> RegistrationFeed::list(unsigned shard, std::string after, std::size_t limit) {
  auto promise = std::make_shared<Promise<std::vector<Registration>>>();
  auto future = promise->future();
  auto* const target = core_.shards.core(shard);
  const bool posted = target != nullptr &&
                      target->parts.executor.execute([weak = target->weak_from_this(), after = std::move(after), limit, promise] {
                        if (const auto core = weak.lock()) promise->set(core->registrations->list(after, limit));
                      });
  if (!posted) promise->set(fail(ErrorCode::busy, "the shard is overloaded"));
  return future;
}

}  // namespace herald::container
