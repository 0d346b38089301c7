#include "consent/consent_book.h"

#include <utility>

#include "consent/consent_catalog.h"
#include "consent/consent_rules.h"
#include "herald/sip_uri.h"

namespace herald::push {
namespace {

constexpr std::size_t kCached = 20000;
// Another node may have written meanwhile, once they share a store.
constexpr Duration kFresh = std::chrono::seconds(60);
constexpr int kRounds = 5;

std::string cache_key(const std::string& identity, const std::string& application) { return identity + '\n' + application; }

Error stopped() { return Error{ErrorCode::gone, "the node is shutting down"}; }

}  // namespace

ConsentBook::ConsentBook(ServletContext& context, Relay relay) : context_(context), relay_(std::move(relay)) {}

Task<Expected<ConsentEntry>> ConsentBook::look(Self self, std::string user, std::string application) {
  auto found = co_await find(self, canonical_identity(user), canonical_application(application));
  if (!found) co_return fail(found.error());
  co_return std::move(found->entry);
}

Task<Expected<std::vector<std::string>>> ConsentBook::resolve(Self self, std::string user) {
  auto& context = self->context_;
  if (self->at_home(user)) co_return identities_of(user, context.registrations().find(user));
  auto asked = context.find_registration(user);
  const auto registration = co_await asked;
  if (*self->stopped_) co_return fail(stopped());
  if (!registration) co_return fail(registration.error());
  co_return identities_of(user, registration->has_value() ? &**registration : nullptr);
}

Task<Expected<ConsentBook::Found>> ConsentBook::find(Self self, std::string user, std::string application) {
  auto identities = co_await resolve(self, user);
  if (!identities) co_return fail(identities.error());
  Found found;
  found.identities = std::move(*identities);
  std::vector<ConsentEntry> entries;
  for (const auto& identity : found.identities) {
    auto entry = co_await read(self, identity, application);
    if (!entry) co_return fail(entry.error());
    entries.push_back(std::move(*entry));
  }
  found.version = entries.front().version;
  auto primary = std::move(entries.front());
  entries.erase(entries.begin());
  found.entry = merge_entries(std::move(primary), entries);
  co_return found;
}

Task<Expected<ConsentEntry>> ConsentBook::read(Self self, std::string identity, std::string application) {
  const auto home = self->context_.home_shard(identity);
  if (home == self->context_.shard()) co_return co_await read_here(self, std::move(identity), std::move(application));
  auto promise = std::make_shared<Promise<ConsentEntry>>();
  auto future = promise->future();
  const bool taken = self->relay_ && self->relay_(home, [identity = std::move(identity), application = std::move(application),
                                                         promise = std::move(promise)](ConsentBook& book) mutable {
    spawn(answer_read(book.shared_from_this(), std::move(identity), std::move(application), std::move(promise)));
  });
  if (!taken) co_return fail(ErrorCode::busy, "the user's home shard takes no more work");
  co_return co_await future;
}

Task<void> ConsentBook::answer_read(Self self, std::string identity, std::string application,
                                    std::shared_ptr<Promise<ConsentEntry>> to) {
  to->set(co_await read_here(std::move(self), std::move(identity), std::move(application)));
}

Task<Expected<ConsentEntry>> ConsentBook::read_here(Self self, std::string identity, std::string application) {
  const auto known = self->cache_.find(cache_key(identity, application));
  if (known != self->cache_.end() && self->context_.clock().now() - known->second->read < kFresh) {
    self->recent_.splice(self->recent_.begin(), self->recent_, known->second);
    co_return known->second->entry;
  }
  auto key = consent_key(identity, application);
  const auto record = co_await self->context_.store().get(std::move(key));
  if (*self->stopped_) co_return fail(stopped());
  ConsentEntry entry;
  entry.user = identity;
  entry.application = application;
  if (record) {
    auto decoded = decode_consent(*record);
    if (!decoded) {
      log::event(catalog::kConsentUnreadable, {{"user", log::identity(identity)}, {"cause", decoded.error().text}});
      co_return fail(decoded.error());
    }
    entry = std::move(*decoded);
  } else if (record.error().code != ErrorCode::not_found) {
    co_return fail(record.error());
  }
  // A decision may have been kept while we read: the newer version stays.
  const auto meanwhile = self->cache_.find(cache_key(identity, application));
  if (meanwhile != self->cache_.end() && meanwhile->second->entry.version > entry.version) co_return meanwhile->second->entry;
  self->keep(entry);
  co_return entry;
}

void ConsentBook::keep(ConsentEntry entry) {
  auto key = cache_key(entry.user, entry.application);
  const auto now = context_.clock().now();
  if (const auto known = cache_.find(key); known != cache_.end()) {
    *known->second = {std::move(entry), now};
    recent_.splice(recent_.begin(), recent_, known->second);
    return;
  }
  recent_.push_front({std::move(entry), now});
  cache_.emplace(std::move(key), recent_.begin());
  if (recent_.size() > kCached) {
    cache_.erase(cache_key(recent_.back().entry.user, recent_.back().entry.application));
    recent_.pop_back();
  }
}

void ConsentBook::forget(const std::string& identity, const std::string& application) {
  const auto known = cache_.find(cache_key(identity, application));
  if (known == cache_.end()) return;
  recent_.erase(known->second);
  cache_.erase(known);
}

Task<Expected<ConsentEntry>> ConsentBook::decide(Self self, std::string user, std::string application, ConsentDecision decision) {
  user = canonical_identity(user);
  application = canonical_application(application);
  decision.at = self->context_.clock().wall();
  auto identities = co_await resolve(self, user);
  if (!identities) co_return fail(identities.error());
  const auto home = self->context_.home_shard(identities->front());
  if (home == self->context_.shard()) {
    co_return co_await decide_here(self, std::move(user), std::move(application), std::move(decision));
  }
  auto promise = std::make_shared<Promise<ConsentEntry>>();
  auto future = promise->future();
  const bool taken = self->relay_ && self->relay_(home, [user = std::move(user), application = std::move(application),
                                                         decision = std::move(decision),
                                                         promise = std::move(promise)](ConsentBook& book) mutable {
    spawn(
        answer_decide(book.shared_from_this(), std::move(user), std::move(application), std::move(decision), std::move(promise)));
  });
  if (!taken) co_return fail(ErrorCode::busy, "the user's home shard takes no more work");
  co_return co_await future;
}

Task<void> ConsentBook::answer_decide(Self self, std::string user, std::string application, ConsentDecision decision,
                                      std::shared_ptr<Promise<ConsentEntry>> to) {
  to->set(co_await decide_here(std::move(self), std::move(user), std::move(application), std::move(decision)));
}

Task<Expected<ConsentEntry>> ConsentBook::decide_here(Self self, std::string user, std::string application,
                                                      ConsentDecision decision) {
  Error last{ErrorCode::conflict, "the entry changes all the time"};
  for (int round = 0; round < kRounds; ++round) {
    auto found = co_await find(self, user, application);
    if (!found) {
      last = found.error();
      break;
    }
    if (!apply_decision(found->entry, decision)) co_return std::move(found->entry);
    Put put;
    put.key = consent_key(found->entry.user, application);
    put.value = encode(found->entry);
    put.expected = found->version;
    Batch batch;
    batch.puts.push_back(std::move(put));
    const auto committed = co_await self->context_.store().commit(std::move(batch));
    if (*self->stopped_) co_return fail(stopped());
    if (committed && !committed->versions.empty()) {
      found->entry.version = committed->versions.front();
      self->keep(found->entry);
      self->announce(*found, decision);
      co_return std::move(found->entry);
    }
    if (!committed && committed.error().code != ErrorCode::conflict) {
      last = committed.error();
      break;
    }
    self->forget(found->entry.user, application);  // somebody was faster: look anew
  }
  log::event(catalog::kConsentNotSaved, {{"user", log::identity(user)}, {"app", application}, {"cause", last.text}});
  co_return fail(last);
}

void ConsentBook::announce(const Found& found, const ConsentDecision& decision) const {
  log::event(catalog::kConsentDecided, {{"user", log::identity(found.entry.user)},
                                        {"app", found.entry.application},
                                        {"state", to_string(decision.state)},
                                        {"means", decision.means},
                                        {"who", log::identity(decision.who)},
                                        {"sender", decision.sender},
                                        {"detail", decision.detail},
                                        {"version", found.entry.version}});
  for (const auto& listener : listeners_) listener(found.entry, found.identities);
}

}  // namespace herald::push
