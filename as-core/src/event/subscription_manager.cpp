#include "event/subscription_manager.h"

#include <algorithm>
#include <exception>

#include "event/event_catalog.h"
#include "event/event_field.h"
#include "event/notify_rules.h"
#include "herald/record.h"

namespace herald::event {
namespace {

constexpr std::size_t kMaxRecord = 16384;
constexpr std::size_t kMaxResource = 400;  // with the store's limit on keys in mind
constexpr std::size_t kMaxKey = 256;
constexpr std::chrono::seconds kGrace{60};
constexpr Duration kLimitRetry = std::chrono::seconds(5);

Expected<void> check_grant(const Grant& grant) {
  if (grant.resource.empty() || grant.resource.size() > kMaxResource) return fail(ErrorCode::invalid, "no usable resource");
  if (grant.key.size() > kMaxKey) return fail(ErrorCode::invalid, "the key is too long");
  if (grant.status == SubscriptionStatus::terminated) return fail(ErrorCode::internal, "granted as terminated");
  return {};
}

// Of the id: expiries spread without a source of random numbers.
double jitter_of(std::string_view id) { return static_cast<double>(hash_of(id, {}) >> 11U) * 0x1.0p-53; }

}  // namespace

SubscriptionManager::SubscriptionManager(NotifierParts parts) : parts_(std::move(parts)) {}
SubscriptionManager::~SubscriptionManager() = default;

void SubscriptionManager::add_package(EventPackage& package) {
  auto name = package.rules().package;
  allow_events_.append(allow_events_.empty() ? "" : ", ").append(name);
  packages_.push_back({std::move(name), &package});
}

int SubscriptionManager::package_index(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < packages_.size() && i < 256; ++i)
    if (packages_[i].name == name) return static_cast<int>(i);
  return -1;
}

EventPackage* SubscriptionManager::package(std::string_view name) const noexcept {
  const auto index = package_index(name);
  return index < 0 ? nullptr : packages_[static_cast<std::size_t>(index)].package;
}

void SubscriptionManager::package_threw(std::string_view what) const noexcept {
  metrics_.lost(Lost::package_threw);
  try {
    throw;
  } catch (const std::exception& error) {
    log::event(catalog::kPackageThrew, {{"call", what}, {"cause", error.what()}});
  } catch (...) {
    log::event(catalog::kPackageThrew, {{"call", what}, {"cause", "not a std::exception"}});
  }
}

// -- entries

Activity& SubscriptionManager::wake(Slot slot) {
  auto& entry = table_[slot];
  if (!entry.activity) {
    entry.activity = std::make_unique<Activity>();
    ++busy_;
  }
  return *entry.activity;
}

void SubscriptionManager::rest(Slot slot) {
  auto& entry = table_[slot];
  if (!entry.activity || !entry.activity->idle()) return;
  entry.activity.reset();
  --busy_;
}

Subscription* SubscriptionManager::opened(Slot slot) {
  auto& entry = table_[slot];
  auto& activity = wake(slot);
  if (activity.subscription) return &*activity.subscription;
  auto decoded = decode({entry.id.data(), entry.id.size()}, entry.record);
  if (decoded) {
    activity.subscription.emplace(std::move(*decoded));
    return &*activity.subscription;
  }
  metrics_.lost(Lost::corrupt);
  log::event(catalog::kCorruptRecord,
             {{"id", std::string_view(entry.id.data(), entry.id.size())}, {"cause", decoded.error().text}});
  clear_timer(activity);
  --busy_;
  table_.erase(slot);
  metrics_.subscriptions.add(-1);
  return nullptr;
}

SubscriptionInfo SubscriptionManager::info_of(const Entry& entry, const Subscription& subscription) {
  auto info = subscription.info;
  info.status = entry.status;
  return info;
}

std::optional<SubscriptionInfo> SubscriptionManager::info_of(const Entry& entry) const {
  if (entry.activity && entry.activity->subscription) return info_of(entry, *entry.activity->subscription);
  const auto decoded = decode({entry.id.data(), entry.id.size()}, entry.record);
  if (!decoded) return std::nullopt;
  return info_of(entry, *decoded);
}

Slot SubscriptionManager::enter(const Subscription& subscription, std::string record, SubscriptionId id, std::uint8_t package) {
  const auto slot = table_.make();
  auto& entry = table_[slot];
  const auto& info = subscription.info;
  const auto& dialog = subscription.dialog;
  entry.record = std::move(record);
  entry.id = id;
  entry.dialog_hash = hash_of(dialog.call_id, dialog.local_tag, dialog.remote_tag);
  entry.resource_hash = hash_of(info.package, info.resource);
  entry.key_hash = static_cast<std::uint32_t>(hash_of(info.key, {}));
  entry.expires = second_of(info.expires);
  entry.status = info.status;
  entry.package = package;
  return slot;
}

void SubscriptionManager::destroy_later(std::unique_ptr<sip::ClientTransaction> transaction) {
  if (transaction) parts_.executor.complete([kept = std::move(transaction)] {});
}

// -- records

void SubscriptionManager::store_failed(const Error& error) const {
  metrics_.lost(Lost::store_failed);
  log::event(catalog::kStoreFailed, {{"cause", error.text}, {"code", to_string(error.code)}});
}

Future<Committed> SubscriptionManager::write(Entry& entry, Subscription& subscription) {
  subscription.dialog.local_cseq = entry.cseq + kCSeqBlock;
  subscription.info.status = entry.status;
  auto bytes = encode(subscription);
  entry.record = std::string(bytes);  // a copy, for it fits exactly
  return put(subscription, std::move(bytes), std::nullopt);
}

Future<Committed> SubscriptionManager::put(const Subscription& subscription, std::string bytes, std::optional<Version> expected) {
  Put put;
  put.key = {"subscription", subscription.info.resource, subscription.info.id};
  put.value = std::move(bytes);
  put.expected = expected;
  put.due = subscription.info.expires + kGrace;
  put.keep_terms = !expected;
  Batch batch;
  batch.puts.push_back(std::move(put));
  return parts_.store.commit(std::move(batch));
}

// For changes that nobody waits for.
Task<void> SubscriptionManager::write_behind(EntryHandle handle) {
  const auto self = shared_from_this();
  auto* entry = table_.find(handle);
  auto* const subscription = entry != nullptr && !entry->fetch ? opened(handle.slot) : nullptr;
  if (subscription == nullptr) co_return;
  const auto reserved = entry->cseq + kCSeqBlock;
  auto writing = write(*entry, *subscription);
  const auto written = co_await writing;
  if (stopped_) co_return;
  if (!written) co_return store_failed(written.error());
  entry = table_.find(handle);
  if (entry != nullptr) entry->cseq_reserved = std::max(entry->cseq_reserved, reserved);
}

Future<Committed> SubscriptionManager::erase_record(const Entry& entry, const std::string& resource, Durability durability) {
  Erase erase;
  erase.key = {"subscription", resource, std::string(entry.id.data(), entry.id.size())};
  Batch batch;
  batch.erases.push_back(std::move(erase));
  batch.durability = durability;
  return parts_.store.commit(std::move(batch));
}

Task<void> SubscriptionManager::erase_behind(Future<Committed> erasing) {
  const auto self = shared_from_this();
  const auto erased = co_await erasing;
  if (!erased && !stopped_) store_failed(erased.error());
}

// -- from the SUBSCRIBE to its 2xx

Task<Expected<Begun>> SubscriptionManager::begin(Opening opening) {
  const auto self = shared_from_this();
  const auto index = package_index(opening.package);
  if (stopped_ || index < 0) co_return fail(ErrorCode::gone, "the event package is not served here");
  if (auto usable = check_grant(opening.grant); !usable) co_return fail(std::move(usable.error()));
  const auto rules = packages_[static_cast<std::size_t>(index)].package->rules();
  if (table_.size() + starting_ >= rules.max_subscriptions) {
    log::event(catalog::kLimit, {{"limit", rules.max_subscriptions}});
    co_return fail(Error{ErrorCode::busy, "too many subscriptions", kLimitRetry});
  }
  Subscription subscription;
  auto& info = subscription.info;
  const auto time = wall();
  info.id = make_id(time);
  const auto granted = granted_expires(opening.expires, rules, jitter_of(info.id));
  if (!granted) co_return fail(granted.error());
  info.package = std::move(opening.package);
  info.event_id = std::move(opening.event_id);
  info.resource = std::move(opening.grant.resource);
  info.key = std::move(opening.grant.key);
  info.subscriber = std::move(opening.subscriber);
  info.attributes = std::move(opening.grant.attributes);
  info.accept = std::move(opening.accept);
  info.rates = used_rates(opening.rates, *granted, rules.max_rate);
  info.status = opening.grant.status;
  info.created = time;
  info.expires = time + *granted;
  subscription.dialog = std::move(opening.dialog);
  subscription.dialog.state = dialog::State::confirmed;
  subscription.dialog.local_contact = parts_.stack.contact_uri(opening.transport, opening.contact_user);
  info.contact = subscription.dialog.remote_target;
  subscription.event_params = std::move(opening.event_params);
  if (rules.charging_vector) subscription.icid = std::move(opening.icid);

  subscription.dialog.local_cseq = kCSeqBlock;
  auto bytes = encode(subscription);
  if (bytes.size() > kMaxRecord) co_return fail(ErrorCode::too_large, "the subscription is too large to be kept");
  const bool fetch = granted->count() == 0;
  if (!fetch) {
    ++starting_;
    auto writing = put(subscription, bytes, 0);
    auto written = co_await writing;
    --starting_;
    if (stopped_) co_return fail(ErrorCode::gone, "the container has stopped");
    if (!written) {
      store_failed(written.error());
      co_return fail(std::move(written.error()));
    }
  }
  const auto slot = enter(subscription, std::string(bytes), *subscription_id(info.id), static_cast<std::uint8_t>(index));
  auto& entry = table_[slot];
  entry.cseq_reserved = kCSeqBlock;
  entry.fetch = fetch;
  if (fetch) {
    entry.expires = 0;
  } else {
    table_.link(slot);
    metrics_.subscriptions.add(1);
    arm_expiry();
  }
  metrics_.subscribe(fetch ? SubscribeKind::fetch : SubscribeKind::initial);
  Begun begun;
  begun.handle = table_.handle(slot);
  begun.info = info;
  begun.local_contact = subscription.dialog.local_contact;
  begun.expires = *granted;
  auto& activity = wake(slot);
  activity.held = true;
  activity.suppress = std::move(opening.suppress_if_match).value_or("");
  activity.subscription.emplace(std::move(subscription));
  co_return begun;
}

void SubscriptionManager::answered(EntryHandle handle) {
  auto* const entry = table_.find(handle);
  if (entry == nullptr || !entry->activity || stopped_) return;
  if (!entry->fetch) {
    const auto info = info_of(*entry, *entry->activity->subscription);
    guarded("began", [&] { package_of(*entry).began(info, false); });
  }
  entry->activity->held = false;
  want(handle.slot, NotifyCause::initial);
}

void SubscriptionManager::discard(EntryHandle handle) {
  auto* const entry = table_.find(handle);
  if (entry == nullptr || stopped_) return;
  if (entry->activity) {
    if (const auto& known = entry->activity->subscription; known && !entry->fetch) {
      spawn(erase_behind(erase_record(*entry, known->info.resource, Durability::relaxed)));
    }
    clear_timer(*entry->activity);
    --busy_;
  }
  if (!entry->fetch) metrics_.subscriptions.add(-1);
  table_.erase(handle.slot);
}

// -- the module's calls

void SubscriptionManager::changed(std::string_view package, std::string_view resource, std::string_view key) {
  const auto key_hash = static_cast<std::uint32_t>(hash_of(key, {}));
  for (auto slot = table_.first_of_resource(hash_of(package, resource)); slot != kNoSlot; slot = table_[slot].by_resource.next) {
    const auto& entry = table_[slot];
    if (entry.status != SubscriptionStatus::active || (!key.empty() && entry.key_hash != key_hash)) continue;
    want(slot, NotifyCause::change);
  }
}

bool SubscriptionManager::changed(std::string_view id) {
  const auto slot = table_.find_id(id);
  if (slot == kNoSlot || table_[slot].status == SubscriptionStatus::terminated) return false;
  if (table_[slot].status == SubscriptionStatus::active) want(slot, NotifyCause::change);
  return true;
}

bool SubscriptionManager::activate(std::string_view id) {
  const auto slot = table_.find_id(id);
  if (slot == kNoSlot || table_[slot].status == SubscriptionStatus::terminated) return false;
  if (table_[slot].status == SubscriptionStatus::active) return true;
  table_[slot].status = SubscriptionStatus::active;
  const auto handle = table_.handle(slot);
  spawn(write_behind(handle));
  if (table_.find(handle) != nullptr) want(slot, NotifyCause::decision);
  return true;
}

bool SubscriptionManager::end(std::string_view id, EndReason reason, std::optional<std::chrono::seconds> retry_after) {
  const auto slot = table_.find_id(id);
  if (slot == kNoSlot) return false;
  End end;
  end.reason = reason;
  end.retry_after = retry_after;
  if (!mark_ended(slot, end)) return false;
  const auto handle = table_.handle(slot);
  spawn(write_behind(handle));  // a restart must not bring it back
  if (table_.find(handle) != nullptr) want(slot, NotifyCause::ended);
  return true;
}

std::optional<SubscriptionInfo> SubscriptionManager::get(std::string_view id) const {
  const auto slot = table_.find_id(id);
  if (slot == kNoSlot || table_[slot].status == SubscriptionStatus::terminated) return std::nullopt;
  return info_of(table_[slot]);
}

std::vector<SubscriptionInfo> SubscriptionManager::find_all(std::string_view package, std::string_view resource,
                                                            std::string_view key) const {
  std::vector<SubscriptionInfo> found;
  const auto key_hash = static_cast<std::uint32_t>(hash_of(key, {}));
  for (auto slot = table_.first_of_resource(hash_of(package, resource)); slot != kNoSlot; slot = table_[slot].by_resource.next) {
    const auto& entry = table_[slot];
    if (entry.status == SubscriptionStatus::terminated || (!key.empty() && entry.key_hash != key_hash)) continue;
    auto info = info_of(entry);
    if (info && info->package == package && info->resource == resource && (key.empty() || info->key == key)) {
      found.push_back(std::move(*info));
    }
  }
  return found;
}

bool SubscriptionManager::has_active(std::string_view package, std::string_view resource, std::string_view key) const {
  const auto key_hash = static_cast<std::uint32_t>(hash_of(key, {}));
  for (auto slot = table_.first_of_resource(hash_of(package, resource)); slot != kNoSlot; slot = table_[slot].by_resource.next) {
    const auto& entry = table_[slot];
    if (entry.status != SubscriptionStatus::active || (!key.empty() && entry.key_hash != key_hash)) continue;
    SubscriptionKey known;
    if (peek(entry.record, known) && known.package == package && known.resource == resource &&
        (key.empty() || known.key == key)) {
      return true;
    }
  }
  return false;
}

std::vector<SubscriptionInfo> SubscriptionManager::list(std::string_view package, std::string_view after,
                                                        std::size_t limit) const {
  std::vector<SubscriptionInfo> page;
  const auto from = subscription_id(after);
  const auto& all = table_.by_id();
  for (auto at = from ? all.upper_bound(*from) : all.begin(); at != all.end() && page.size() < limit; ++at) {
    const auto& entry = table_[at->second];
    if (entry.status == SubscriptionStatus::terminated || packages_[entry.package].name != package) continue;
    if (auto info = info_of(entry)) page.push_back(std::move(*info));
  }
  return page;
}

void SubscriptionManager::stop() {
  if (stopped_) return;
  stopped_ = true;
  parts_.executor.timers().cancel(expiry_timer_);
  // Nothing is said: a restart goes on with all of them (AS-67).
  table_.for_each([this](Entry& entry) {
    if (!entry.activity) return;
    clear_timer(*entry.activity);
    entry.activity.reset();
  });
  metrics_.subscriptions.add(-static_cast<double>(table_.size()));
  metrics_.outstanding.add(-static_cast<double>(outstanding_));
  metrics_.ready.add(-static_cast<double>(ready_.size()));
  ready_.clear();
  outstanding_ = 0;
  busy_ = 0;
}

}  // namespace herald::event
