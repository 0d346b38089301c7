// ServletContext of one module on one shard.
#pragma once

#include "container/core.h"
#include "container/sip_factory_impl.h"

namespace herald::container {

class ServletContextImpl final : public ServletContext {
 public:
  ServletContextImpl(Core& core, HostedServlet& hosted) : core_(core), hosted_(hosted), factory_(core, hosted) {}

  const NodeInfo& node() const noexcept override { return core_.parts.node; }
  Executor& executor() noexcept override { return core_.parts.executor; }
  const Clock& clock() const noexcept override { return core_.parts.executor.clock(); }
  unsigned shard() const noexcept override { return core_.parts.index; }
  unsigned shard_count() const noexcept override { return core_.parts.count; }
  unsigned home_shard(std::string_view canonical_user) const noexcept override {
    return home_shard_of(canonical_user, core_.parts.count);
  }
  bool post(unsigned shard, UniqueFunction<void(SipServlet&)> work) override;
  SipFactory& sip_factory() noexcept override { return factory_; }
  RegistrationView& registrations() noexcept override { return *core_.registrations; }
  Future<std::optional<Registration>> find_registration(std::string canonical_user) override {
    return core_.feed.lookup(std::move(canonical_user));
  }
  ShClient& sh() noexcept override { return core_.parts.sh; }
  Notifier& notifier() noexcept override { return *core_.notifier; }
  Subscriber& subscriber() noexcept override { return *core_.subscriber; }
  EventState& event_state() noexcept override { return *core_.event_state; }
  Store& store() noexcept override { return core_.parts.store; }
  HttpRoutes& http() noexcept override { return core_.parts.http; }
  HttpRoutes& admin_http() noexcept override { return core_.parts.admin_http; }
  HttpClient& http_client() noexcept override { return *core_.parts.http_client; }
  BlobStore& blobs() noexcept override { return *core_.parts.blobs; }
  MsrpEndpoint& msrp() noexcept override { return *core_.parts.msrp; }
  const std::vector<ServiceProfile>& services() const noexcept override { return core_.snapshot->of_module[hosted_.index]; }
  bool accepting() const noexcept override { return !core_.draining && !core_.stopped; }

 private:
  std::shared_ptr<const void> config_any() const override { return core_.snapshot->configs[hosted_.index]; }

  Core& core_;
  HostedServlet& hosted_;
  SipFactoryImpl factory_;
};

}  // namespace herald::container
