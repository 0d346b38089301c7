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

// Vectors and strings that grew keep spare room; a registration stays for hours.
void shrink(Registration& registration) {
  registration.contacts.shrink_to_fit();
  registration.associated.shrink_to_fit();
  registration.path.shrink_to_fit();
  for (auto& contact : registration.contacts) contact.applications.shrink_to_fit();
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
        insert(std::move(*registration));
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
  if (change.deregistered) {
    if (found == users_.end()) return {};
    const auto gone = std::move(found->second);
    remove(*gone);
    forget(gone->user);
    arm();
    announce(RegistrationEvent::deregistered, *gone);
    return {};
  }
  const bool known = found != users_.end();
  if (!known && users_.size() >= options_.max) {
    static const auto refused = metrics::counter("herald_ims_registrations_refused_total", "Registrations beyond the limit");
    refused.add();
    log::event(events::kRegistrationLimit, {{"limit", options_.max}});
    return fail(ErrorCode::too_large, "limit of registrations reached");
  }
  Registration next;
  if (known) {
    next = merged(*found->second, std::move(change), now);
    const auto former = std::move(found->second);
    remove(*former);
  } else {
    next = std::move(change.registration);
  }
  const auto& entry = insert(std::move(next));
  save(entry);
  arm();
  announce(known ? RegistrationEvent::refreshed : RegistrationEvent::registered, entry);
  return {};
}

const Registration* RegistrationViewImpl::find(std::string_view user) const {
  const auto now = executor_.clock().wall();
  const auto usable = [&](const Registration* entry) { return entry->expires > now ? entry : nullptr; };
  if (const auto found = users_.find(user); found != users_.end()) return usable(found->second.get());
  if (const auto alias = aliases_.find(user); alias != aliases_.end()) return usable(alias->second);
  return nullptr;
}

RegistrationView::Subscription RegistrationViewImpl::listen(Listener listener) {
  auto kept = std::make_shared<Listener>(std::move(listener));
  listeners_.push_back(kept);
  return kept;
}

std::vector<Registration> RegistrationViewImpl::list(std::string_view after, std::size_t limit) const {
  std::vector<const Registration*> all;
  for (const auto& [user, entry] : users_) {
    if (user > after && is_home(user)) all.push_back(entry.get());
  }
  const auto count_wanted = std::min(limit, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count_wanted), all.end(),
                    [](const auto* a, const auto* b) { return a->user < b->user; });
  std::vector<Registration> result;
  for (std::size_t i = 0; i < count_wanted; ++i) result.push_back(*all[i]);
  return result;
}

Registration& RegistrationViewImpl::insert(Registration registration) {
  shrink(registration);
  auto owned = std::make_unique<Registration>(std::move(registration));
  auto& entry = *owned;
  users_.emplace(std::string_view(entry.user), std::move(owned));
  index(entry);
  registrations_gauge().add(1);
  return entry;
}

// The caller holds the owner: `registration` is still there afterwards.
void RegistrationViewImpl::remove(const Registration& registration) {
  unindex(registration);
  users_.erase(std::string_view(registration.user));
  registrations_gauge().add(-1);
}

void RegistrationViewImpl::index(Registration& registration) {
  due_.emplace(next_due(registration), &registration);
  for (const auto& uri : registration.associated) aliases_.try_emplace(std::string_view(uri), &registration);
}

void RegistrationViewImpl::unindex(const Registration& registration) {
  // The pointer only serves as the key; nothing is changed through it.
  due_.erase({next_due(registration), const_cast<Registration*>(&registration)});
  for (const auto& uri : registration.associated) {
    const auto alias = aliases_.find(std::string_view(uri));
    if (alias != aliases_.end() && alias->second == &registration) aliases_.erase(alias);
  }
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
    auto* const entry = due_.begin()->second;
    const auto found = users_.find(std::string_view(entry->user));
    auto owner = std::move(found->second);
    remove(*owner);
    if (owner->expires <= now) {
      forget(owner->user);
      announce(RegistrationEvent::expired, *owner);
      continue;
    }
    // One device ran out, the user is still registered.
    std::erase_if(owner->contacts, [&](const RegisteredContact& contact) { return contact.expires <= now; });
    if (owner->contacts.empty()) owner->contacts_known = false;
    auto& rest = insert(std::move(*owner));
    save(rest);
    announce(RegistrationEvent::refreshed, rest);
  }
  arm();
}

void RegistrationViewImpl::announce(RegistrationEvent event, const Registration& registration) {
  count(event);
  // A listener may cause further changes: it gets a copy of its own and the list is walked safely.
  const Registration told = registration;
  for (auto each = listeners_.begin(); each != listeners_.end();) {
    if (const auto listener = each->lock()) {
      try {
        (*listener)(event, told);
      } catch (const std::exception& error) {
        log::error("a listener of registrations threw", {{"cause", error.what()}});
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
