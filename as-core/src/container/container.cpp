#include "container/container.h"

#include "container/core.h"
#include "container/servlet_context_impl.h"

namespace herald::container {

void Shards::add(unsigned shard, Core* core) {
  if (cores_.size() <= shard) cores_.resize(shard + 1U);
  cores_[shard] = core;
}

Container::Container(ShardParts parts, Shards& shards, const ModuleHost& host, std::shared_ptr<const Snapshot> snapshot)
    : core_(std::make_shared<Core>(std::move(parts), shards, host, std::move(snapshot))) {
  shards.add(core_->parts.index, core_.get());
}

Container::~Container() = default;

// A member coroutine would hold only `this`: the Core keeps itself.
Task<Expected<void>> Container::start() { return core_->start(); }

void Container::reconfigure(std::shared_ptr<const Snapshot> snapshot) { core_->reconfigure(std::move(snapshot)); }

void Container::drain() { core_->drain(); }

bool Container::idle() const noexcept { return core_->idle(); }

void Container::stop() { core_->stop(); }

ContainerStatus Container::status() const { return core_->status(); }

Future<ContainerStatus> Container::ask_status() {
  Promise<ContainerStatus> promise;
  auto future = promise.future();
  core_->parts.executor.complete([weak = core_->weak_from_this(), promise = std::move(promise)]() mutable {
    if (const auto core = weak.lock()) promise.set(core->status());
  });
  return future;
}

RegistrationView& Container::registrations() noexcept { return *core_->registrations; }

SipFactory& Container::sip_factory(std::size_t module) noexcept { return core_->servlets[module]->context->sip_factory(); }

unsigned home_shard_of(std::string_view canonical_user, unsigned count) noexcept {
  // FNV-1a, 64 bit: std::hash may differ between builds, and two versions of Herald may share a store.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : canonical_user) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  return count <= 1 ? 0U : static_cast<unsigned>((hash >> 32) % count);
}

}  // namespace herald::container
