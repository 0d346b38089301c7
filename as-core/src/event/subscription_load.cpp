// What a restart brings back: AS-67, ST-40, ST-45. A record that cannot be used never stops the start.
#include <algorithm>

#include "event/event_catalog.h"
#include "event/subscription_manager.h"

namespace herald::event {
namespace {
constexpr std::size_t kPage = 1000;
}

Task<Expected<void>> SubscriptionManager::load() {
  const auto self = shared_from_this();
  std::size_t loaded = 0;
  std::size_t unknown = 0;
  Scan first;
  first.table = "subscription";
  first.limit = kPage;
  auto reading = parts_.store.scan(first);
  for (bool more = true; more;) {
    auto page = co_await reading;
    if (stopped_) co_return fail(ErrorCode::gone, "the container has stopped");
    if (!page) co_return fail(std::move(page.error()));
    more = !page->next.empty();
    if (more) {  // the store reads the next page while this one is decoded
      Scan next = first;
      next.cursor = page->next;
      reading = parts_.store.scan(std::move(next));
    }
    for (const auto& record : page->records) {
      switch (restore(record)) {
        case Restored::taken:
          ++loaded;
          break;
        case Restored::unknown_package:
          ++unknown;
          break;
        case Restored::elsewhere:
        case Restored::corrupt:
          break;
      }
    }
  }
  metrics_.loaded.add(static_cast<double>(loaded));
  if (loaded > 0) log::event(catalog::kLoaded, {{"subscriptions", loaded}});
  if (unknown > 0) log::event(catalog::kUnknownPackage, {{"subscriptions", unknown}});
  arm_expiry();
  co_return Expected<void>();
}

SubscriptionManager::Restored SubscriptionManager::restore(const Record& record) {
  if (parts_.is_home && !parts_.is_home(record.key.partition)) return Restored::elsewhere;
  const auto id = subscription_id(record.key.id);
  auto decoded = decode(record.key.id, record.value);
  if (!id || !decoded || decoded->info.resource != record.key.partition) {
    metrics_.lost(Lost::corrupt);
    log::event(catalog::kCorruptRecord, {{"id", record.key.id}, {"cause", decoded ? "key" : decoded.error().text}});
    return Restored::corrupt;
  }
  auto& subscription = *decoded;
  const auto index = package_index(subscription.info.package);
  if (index < 0) {
    metrics_.lost(Lost::unknown_package);
    if (record.due && *record.due < wall()) {
      Erase erase;
      erase.key = record.key;
      Batch batch;
      batch.erases.push_back(std::move(erase));
      batch.durability = Durability::relaxed;
      spawn(erase_behind(parts_.store.commit(std::move(batch))));
    }
    return Restored::unknown_package;
  }
  const auto slot = enter(subscription, record.value, *id, static_cast<std::uint8_t>(index));
  auto& entry = table_[slot];
  entry.cseq = entry.cseq_reserved = subscription.dialog.local_cseq;      // all of the block may have been used
  if (entry.status == SubscriptionStatus::terminated) entry.expires = 1;  // its last NOTIFY is due
  table_.link(slot);
  metrics_.subscriptions.add(1);
  if (entry.status == SubscriptionStatus::terminated) return Restored::taken;
  const auto info = info_of(entry, subscription);
  guarded("began", [&] { package_of(entry).began(info, true); });
  const auto& rates = info.rates;
  if (rates.min_rate || rates.adaptive_min_rate) {
    wake(slot).subscription.emplace(std::move(subscription));
    schedule(slot);
  }
  return Restored::taken;
}

}  // namespace herald::event
