#include "ims/registration_view_impl.h"

#include <algorithm>

#include "herald/log.h"
#include "herald/metrics.h"
#include "ims/ims_events.h"

namespace herald::ims {
namespace {

constexpr std::size_t kPage = 500;
constexpr std::size_t kExpirePerTurn = 500;  // a mass expiry must not hold up the shard
constexpr std::size_t kMaxWrites = 20000;
const char* const kTable = "registration";
const char* const kId = "r";

WallTime next_due(const Registration& registration) {
  auto due = registration.expires;
  for (const auto& contact : registration.contacts) due = std::min(due, contact.expires);
  return due;
}

metrics::Counter event_counter(std::string_view kind) {
  return metrics::counter("herald_ims_registration_events_total", "Changes of the registration view", {{"event", kind}});
}

void count(RegistrationEvent event) {
  static const auto registered = event_counter("registered");
  static const auto refreshed = event_counter("refreshed");
  static const auto deregistered = event_counter("deregistered");
  static const auto expired = event_counter("expired");
  switch (event) {
    case RegistrationEvent::registered:
      return registered.add();
    case RegistrationEvent::refreshed:
      return refreshed.add();
    case RegistrationEvent::deregistered:
      return deregistered.add();
    case RegistrationEvent::expired:
      return expired.add();
  }
}

const metrics::Gauge& registrations_gauge() {
  static const auto gauge = metrics::gauge("herald_ims_registrations_count", "Users in the registration view");
  return gauge;
}

void not_stored(std::string_view why) {
  static const auto counter =
      metrics::counter("herald_ims_registration_writes_failed_total", "Registrations that could not be written to the store");
  counter.add();
  log::event(events::kRegistrationNotStored, {{"cause", why}});
}

}  // namespace

std::shared_ptr<RegistrationViewImpl> RegistrationViewImpl::make(Executor& executor, Store* store, Options options) {
  return std::shared_ptr<RegistrationViewImpl>(new RegistrationViewImpl(executor, store, std::move(options)));
}

RegistrationViewImpl::RegistrationViewImpl(Executor& executor, Store* store, Options options)
    : executor_(executor), store_(store), options_(std::move(options)) {}

RegistrationViewImpl::~RegistrationViewImpl() {
  if (timer_) executor_.timers().cancel(timer_);
  registrations_gauge().add(-static_cast<double>(users_.size()));
}

Task<Expected<void>> RegistrationViewImpl::load() {
  if (store_ == nullptr) co_return Expected<void>();
  const auto self = shared_from_this();
  const auto now = executor_.clock().wall();
  std::string cursor;
  do {
    Scan scan;
    scan.table = kTable;
    scan.cursor = cursor;
    scan.limit = kPage;
    auto page = co_await store_->scan(std::move(scan));
    if (!page) co_return fail(std::move(page.error()));
    for (const auto& record : page->records) {
      auto registration = decode_registration(record.value);
      if (!registration) {
        log::event(events::kRegistrationUnreadable, {{"cause", registration.error().text}});
        continue;
      }
      const bool home = is_home(registration->user);
      if (registration->expires <= now) {
        if (home) forget(registration->user);
        continue;
      }
      const auto& associated = registration->associated;
      const bool wanted = home || std::any_of(associated.begin(), associated.end(), [&](auto& uri) { return is_home(uri); });
      if (wanted && users_.size() < options_.max && users_.find(registration->user) == users_.end()) {
        insert(*registration);
      }
    }
    cursor = page->next;
  } while (!cursor.empty());
  arm();
  co_return Expected<void>();
}

Expected<void> RegistrationViewImpl::apply(RegistrationChange change) {
  const auto now = executor_.clock().wall();
  const auto found = users_.find(change.registration.user);
  const bool known = found != users_.end();
  Registration former;
  if (known) {
    if (const auto* const before = decoded(*found->second)) former = *before;
  }
  if (change.deregistered) {
    if (!known) return {};
    remove(former);
    forget(former.user);
    arm();
    announce(RegistrationEvent::deregistered, former);
    return {};
  }
  if (!known && users_.size() >= options_.max) {
    static const auto refused = metrics::counter("herald_ims_registrations_refused_total", "Registrations beyond the limit");
    refused.add();
    log::event(events::kRegistrationLimit, {{"limit", options_.max}});
    return fail(ErrorCode::too_large, "limit of registrations reached");
  }
  const auto next = known ? merged(former, std::move(change), now) : std::move(change.registration);
  if (known) remove(former);
  insert(next);
  save(next);
  arm();
  announce(known ? RegistrationEvent::refreshed : RegistrationEvent::registered, next);
  return {};
}

const Registration* RegistrationViewImpl::find(std::string_view user) const {
  const auto now = executor_.clock().wall();
  const auto usable = [&](const Entry& entry) {
    const auto* const registration = decoded(entry);
    return registration != nullptr && registration->expires > now ? registration : nullptr;
  };
  if (const auto found = users_.find(user); found != users_.end()) return usable(*found->second);
  if (const auto alias = aliases_.find(user); alias != aliases_.end()) return usable(*alias->second);
  return nullptr;
}

const Registration* RegistrationViewImpl::decoded(const Entry& entry) const {
  auto& slot = turn_[&entry];
  if (slot) return slot.get();
  auto registration = decode_registration(entry.record);
  if (!registration) {  // cannot be: we wrote it ourselves
    log::event(events::kRegistrationUnreadable, {{"cause", registration.error().text}});
    turn_.erase(&entry);
    return nullptr;
  }
  slot = std::make_unique<Registration>(std::move(*registration));
  const auto* const result = slot.get();
  if (turn_.size() == 1) {
    executor_.complete([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->turn_.clear();
    });
  }
  return result;
}

RegistrationView::Subscription RegistrationViewImpl::listen(Listener listener) {
  auto kept = std::make_shared<Listener>(std::move(listener));
  listeners_.push_back(kept);
  return kept;
}

std::vector<Registration> RegistrationViewImpl::list(std::string_view after, std::size_t limit) const {
  std::vector<const Entry*> all;
  for (const auto& [user, entry] : users_) {
    if (user > after && is_home(user)) all.push_back(entry.get());
  }
  const auto count_wanted = std::min(limit, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count_wanted), all.end(),
                    [](const auto* a, const auto* b) { return a->user < b->user; });
  std::vector<Registration> result;
  for (std::size_t i = 0; i < count_wanted; ++i) {
    if (auto registration = decode_registration(all[i]->record)) result.push_back(std::move(*registration));
  }
  return result;
}

void RegistrationViewImpl::insert(const Registration& registration) {
  auto owned = std::make_unique<Entry>(Entry{registration.user, encode(registration), next_due(registration)});
  owned->record.shrink_to_fit();
  auto& entry = *owned;
  users_.emplace(std::string_view(entry.user), std::move(owned));
  due_.emplace(entry.due, &entry);
  for (const auto& uri : registration.associated) aliases_.try_emplace(uri, &entry);
  registrations_gauge().add(1);
}

RegistrationViewImpl::Owned RegistrationViewImpl::remove(const Registration& registration) {
  const auto found = users_.find(std::string_view(registration.user));
  if (found == users_.end()) return nullptr;
  auto owned = std::move(found->second);
  users_.erase(found);
  due_.erase({owned->due, owned.get()});
  turn_.erase(owned.get());
  for (const auto& uri : registration.associated) {
    const auto alias = aliases_.find(uri);
    if (alias != aliases_.end() && alias->second == owned.get()) aliases_.erase(alias);
  }
  registrations_gauge().add(-1);
  return owned;
}

void RegistrationViewImpl::arm() {
  if (due_.empty()) {
    if (timer_) executor_.timers().cancel(timer_);
    timer_ = {};
    return;
  }
  const auto due = due_.begin()->first;
  if (timer_ && armed_for_ == due) return;
  if (timer_) executor_.timers().cancel(timer_);
  armed_for_ = due;
  const auto& clock = executor_.clock();
  const auto left = std::max<Duration>(Duration::zero(), due - clock.wall());
  timer_ = executor_.timers().start_at(clock.now() + left, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->timer_ = {};
      self->expire_due();
    }
  });
}

void RegistrationViewImpl::expire_due() {
  const auto now = executor_.clock().wall();
  for (std::size_t done = 0; done < kExpirePerTurn && !due_.empty() && due_.begin()->first <= now; ++done) {
    const auto* const known = decoded(*due_.begin()->second);
    if (known == nullptr) {
      due_.erase(due_.begin());
      continue;
    }
    auto registration = *known;
    remove(registration);
    if (registration.expires <= now) {
      forget(registration.user);
      announce(RegistrationEvent::expired, registration);
      continue;
    }
    // One device ran out, the user is still registered.
    std::erase_if(registration.contacts, [&](const RegisteredContact& contact) { return contact.expires <= now; });
    if (registration.contacts.empty()) registration.contacts_known = false;
    insert(registration);
    save(registration);
    announce(RegistrationEvent::refreshed, registration);
  }
  arm();
}

void RegistrationViewImpl::announce(RegistrationEvent event, const Registration& registration) {
  count(event);
  // A listener may cause further changes: it gets a copy of its own and the list is walked safely.
  const Registration told = registration;  // NOLINT(performance-unnecessary-copy-initialization)
  for (auto each = listeners_.begin(); each != listeners_.end();) {
    if (const auto listener = each->lock()) {
      try {
        (*listener)(event, told);
      } catch (const std::exception& error) {
        log::error("a listener of registrations threw", {{"cause", error.what()}});
      } catch (...) {
        log::error("a listener of registrations threw", {{"cause", "not a std::exception"}});
      }
      ++each;
    } else {
      each = listeners_.erase(each);
    }
  }
}

void RegistrationViewImpl::save(const Registration& registration) {
  if (store_ == nullptr || !is_home(registration.user)) return;
  if (writes_in_flight_ >= kMaxWrites) return not_stored("too many writes wait for the store");
  Put put;
  put.key = Key{kTable, registration.user, kId};
  put.value = encode(registration);
  put.due = registration.expires;
  Batch batch;
  batch.durability = Durability::relaxed;  // the next REGISTER says it again
  batch.puts.push_back(std::move(put));
  spawn(write(weak_from_this(), std::move(batch)));
}

void RegistrationViewImpl::forget(const std::string& user) {
  if (store_ == nullptr || !is_home(user)) return;
  if (writes_in_flight_ >= kMaxWrites) return not_stored("too many writes wait for the store");
  Erase erase;
  erase.key = Key{kTable, user, kId};
  Batch batch;
  batch.durability = Durability::relaxed;
  batch.erases.push_back(std::move(erase));
  spawn(write(weak_from_this(), std::move(batch)));
}

Task<void> RegistrationViewImpl::write(std::weak_ptr<RegistrationViewImpl> view, Batch batch) {
  auto pending = [&] {
    const auto self = view.lock();
    ++self->writes_in_flight_;
    return self->store_->commit(std::move(batch));
  }();
  const auto committed = co_await pending;
  if (const auto self = view.lock()) --self->writes_in_flight_;
  if (!committed && committed.error().code != ErrorCode::not_found) not_stored(committed.error().text);
}

}  // namespace herald::ims
