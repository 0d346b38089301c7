#include "io/http_spool.h"

namespace herald::io {
namespace {

constexpr std::size_t kCongested = 256 * 1024;

}  // namespace

BodySpool::BodySpool(BlobStore& store, IoLoop& loop, BodySpoolOwner& owner, std::uint64_t max_bytes)
    : store_(store), link_(std::make_shared<Link>()), writer_(store.create(max_bytes)) {
  link_->loop = &loop;
  link_->owner = &owner;
  writer_->on_drained([link = link_] {
    const std::lock_guard lock(link->mutex);
    if (link->loop == nullptr) return;
    link->loop->complete([link] {
      if (link->owner != nullptr) link->owner->on_spool_drained();
    });
  });
}

BodySpool::~BodySpool() {
  link_->owner = nullptr;
  const std::lock_guard lock(link_->mutex);
  link_->loop = nullptr;
}

bool BodySpool::congested() const noexcept { return writer_->queued() > kCongested; }

void BodySpool::finish() {
  writer_->finish([link = link_, store = &store_](Expected<BlobInfo> info) {
    // Shared: whoever drops it last removes the blob, unless it was taken.
    auto result = std::make_shared<Expected<SpooledBlob>>(info ? Expected<SpooledBlob>(SpooledBlob(*store, std::move(*info)))
                                                               : Expected<SpooledBlob>(fail(std::move(info.error()))));
    const std::lock_guard lock(link->mutex);
    if (link->loop == nullptr) return;
    link->loop->complete([link, result] {
      if (link->owner != nullptr) link->owner->on_spooled(std::move(*result));
    });
  });
}

}  // namespace herald::io
