// What a servlet may use. One context per module and shard.
// Thread: only on its shard, except where noted. Lifetime: from init() to destroy().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/blob_store.h"
#include "herald/event_state.h"
#include "herald/executor.h"
#include "herald/http.h"
#include "herald/http_client.h"
#include "herald/msrp.h"
#include "herald/notifier.h"
#include "herald/registration_view.h"
#include "herald/service_profile.h"
#include "herald/sh.h"
#include "herald/sip_servlet.h"
#include "herald/store.h"
#include "herald/subscriber.h"

namespace herald {

// What the node's own configuration says that a module may need.
struct NodeInfo {
  std::string name;
  std::string domain;      // home domain
  std::string next_hop;    // route of requests when no registration or Sh answer names an S-CSCF
  std::string http_url{};  // of http.listen, "http://10.0.0.1:8080"; empty: it listens on all addresses or not at all
};

class ServletContext {
 public:
  virtual ~ServletContext() = default;

  [[nodiscard]] virtual const NodeInfo& node() const noexcept = 0;
  [[nodiscard]] virtual Executor& executor() noexcept = 0;
  [[nodiscard]] virtual const Clock& clock() const noexcept = 0;

  [[nodiscard]] virtual unsigned shard() const noexcept = 0;
  [[nodiscard]] virtual unsigned shard_count() const noexcept = 0;
  // The shard that owns a user: its registration, queue and timers live there. Same result on every shard.
  [[nodiscard]] virtual unsigned home_shard(std::string_view canonical_user) const noexcept = 0;
  // Runs `work` with this module's servlet on another shard (or this one). False: that shard's mailbox is full.
  [[nodiscard]] virtual bool post(unsigned shard, UniqueFunction<void(SipServlet&)> work) = 0;

  [[nodiscard]] virtual SipFactory& sip_factory() noexcept = 0;
  [[nodiscard]] virtual RegistrationView& registrations() noexcept = 0;
  // The registration of any user, asked for on his home shard; without a value: not registered. Error{busy}: that shard is
  // overloaded.
  [[nodiscard]] virtual Future<std::optional<Registration>> find_registration(std::string canonical_user) = 0;
  [[nodiscard]] virtual ShClient& sh() noexcept = 0;
  [[nodiscard]] virtual Notifier& notifier() noexcept = 0;
  [[nodiscard]] virtual Subscriber& subscriber() noexcept = 0;
  [[nodiscard]] virtual EventState& event_state() noexcept = 0;
  [[nodiscard]] virtual Store& store() noexcept = 0;
  [[nodiscard]] virtual HttpRoutes& http() noexcept = 0;        // http.listen
  [[nodiscard]] virtual HttpRoutes& admin_http() noexcept = 0;  // admin.listen and the admin socket: trusted operators
  [[nodiscard]] virtual HttpClient& http_client() noexcept = 0;
  [[nodiscard]] virtual BlobStore& blobs() noexcept = 0;
  [[nodiscard]] virtual MsrpEndpoint& msrp() noexcept = 0;
  [[nodiscard]] virtual const std::vector<ServiceProfile>& services() const noexcept = 0;  // those of this module

  // The module's own configuration as Module::prepare() made it; the latest after a reload. Take it once per request.
  template <class C>
  [[nodiscard]] std::shared_ptr<const C> config() const {
    return std::static_pointer_cast<const C>(config_any());
  }

  // Stays false while the node drains: no new work should be started.
  [[nodiscard]] virtual bool accepting() const noexcept = 0;

 protected:
  [[nodiscard]] virtual std::shared_ptr<const void> config_any() const = 0;
};

}  // namespace herald
