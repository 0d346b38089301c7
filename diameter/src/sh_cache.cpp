#include "sh_cache.h"

#include "herald/sip_uri.h"

namespace herald::diameter {

namespace {

std::size_t size_of(const std::string& key, const ShCache::Entry& entry) {
  constexpr std::size_t kNodes = 256;  // list and map nodes, control block, rounded up
  auto bytes = kNodes + key.size() + entry.origin_host.size();
  if (entry.data) {
    bytes += sizeof(ShUserData);
    for (const auto& identity : entry.data->public_identities) bytes += sizeof(std::string) + identity.size();
    if (entry.data->scscf_name) bytes += entry.data->scscf_name->size();
    if (entry.data->repository)
      bytes += entry.data->repository->service_data.size() + entry.data->repository->service_indication.size();
  }
  return bytes;
}

}  // namespace

ShKey key_of(const ShQuery& query) {
  ShKey key;
  key.user = canonical_identity(query.user);
  key.text = std::to_string(static_cast<std::uint32_t>(query.data)) + ' ' + key.user;
  if (query.data == ShDataRef::repository_data) key.text += ' ' + query.service_indication;
  return key;
}

ShCache::Found ShCache::find(const std::string& key, TimePoint now) {
  const auto found = index_.find(key);
  if (found == index_.end()) return {};
  const auto item = found->second;
  const auto age = now - item->entry.fetched;
  if (age >= item->entry.ttl + options_.stale_grace) {
    drop(item);
    return {};
  }
  items_.splice(items_.begin(), items_, item);
  return {age < item->entry.ttl ? Freshness::fresh : Freshness::stale, &item->entry};
}

void ShCache::put(const std::string& key, Entry entry) {
  erase(key);
  const auto bytes = size_of(key, entry);
  if (bytes > options_.cache_bytes || options_.cache_entries == 0) return;
  items_.push_front({key, std::move(entry), bytes});
  index_.emplace(items_.front().key, items_.begin());
  bytes_ += bytes;
  while (bytes_ > options_.cache_bytes || items_.size() > options_.cache_entries) drop(std::prev(items_.end()));
}

void ShCache::forget_host(const std::string& key) {
  if (const auto found = index_.find(key); found != index_.end()) {
    bytes_ -= found->second->entry.origin_host.size();
    found->second->bytes -= found->second->entry.origin_host.size();
    found->second->entry.origin_host.clear();
  }
}

void ShCache::erase(const std::string& key) {
  if (const auto found = index_.find(key); found != index_.end()) drop(found->second);
}

Duration ShCache::ttl_of(ShDataRef data, ShResult result) const noexcept {
  if (result == ShResult::user_unknown) return options_.negative_ttl;
  switch (data) {
    case ShDataRef::repository_data:
      return options_.repository_ttl;
    case ShDataRef::user_state:
      return options_.user_state_ttl;
    case ShDataRef::scscf_name:
      return options_.scscf_name_ttl;
    case ShDataRef::public_identities:
      return options_.identities_ttl;
  }
  return options_.user_state_ttl;
}

void ShCache::drop(Items::iterator item) {
  bytes_ -= item->bytes;
  index_.erase(item->key);
  items_.erase(item);
}

}  // namespace herald::diameter
