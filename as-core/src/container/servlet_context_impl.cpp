#include "container/servlet_context_impl.h"

namespace herald::container {

HostedServlet::HostedServlet() = default;
HostedServlet::~HostedServlet() = default;

bool ServletContextImpl::post(unsigned shard, UniqueFunction<void(SipServlet&)> work) {
  auto* const target = core_.shards.core(shard);
  if (target == nullptr) return false;
  return target->parts.executor.execute(
      [weak = target->weak_from_this(), index = hosted_.index, work = std::move(work)]() mutable {
        const auto core = weak.lock();
        if (!core || core->stopped) return;
        auto& hosted = *core->servlets[index];
        core->guarded(hosted, "posted work", [&] { work(*hosted.servlet); });
      });
}

}  // namespace herald::container
