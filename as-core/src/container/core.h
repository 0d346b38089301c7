// What the files of this folder share: the state of one shard's container.
// Thread: one shard, unless noted. Ownership: held by Container; requests that a suspended hook still holds refer to it weakly.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "container/application_router.h"
#include "container/container.h"
#include "container/event_state_impl.h"
#include "container/hosted_servlet.h"
#include "container/invite_memory.h"
#include "container/notifier_impl.h"
#include "container/own_addresses.h"
#include "container/reg_event_subscriber.h"
#include "container/registration_feed.h"
#include "container/session_manager.h"
#include "container/states.h"
#include "container/subscriber_impl.h"
#include "ims/registration_view_impl.h"

namespace herald::container {

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(ShardParts shard_parts, Shards& all, const ModuleHost& host, std::shared_ptr<const Snapshot> first);
  ~Core();

  Task<Expected<void>> start();
  void reconfigure(std::shared_ptr<const Snapshot> next);
  void drain();
  void stop();
  [[nodiscard]] bool idle() const noexcept;
  [[nodiscard]] ContainerStatus status() const;

  // Destroys transactions after this turn: the stack may be in one of their callbacks.
  void abandon_later(std::vector<std::shared_ptr<detail::RequestState>> clients);
  template <class Owner>
  void destroy_later(Owner owner) {
    if (owner) parts.executor.complete([kept = std::move(owner)] {});
  }
  // Runs foreign code of a module; an exception is counted and goes no further. False when it threw.
  template <class F>
  bool guarded(HostedServlet& hosted, std::string_view what, F&& work) noexcept {
    try {
      work();
      return true;
    } catch (...) {
      hook_threw(hosted, what, std::current_exception());
      return false;
    }
  }
  void hook_threw(HostedServlet& hosted, std::string_view what, const std::exception_ptr& error) noexcept;

  ShardParts parts;
  Shards& shards;
  std::shared_ptr<const Snapshot> snapshot;
  OwnAddresses own;
  ApplicationRouter router;
  SessionManager sessions;
  InviteMemory invites;
  std::unordered_map<std::uint64_t, std::unique_ptr<sip::ClientTransaction>> farewells;  // BYEs that no session waits for
  std::uint64_t last_farewell = 0;
  std::shared_ptr<ims::RegistrationViewImpl> registrations;
  RegistrationFeed feed;
  std::unique_ptr<NotifierImpl> notifier;
  std::unique_ptr<SubscriberImpl> subscriber;
  std::unique_ptr<EventStateImpl> event_state;
  std::unique_ptr<RegEventSubscriber> reg_event;
  std::vector<std::unique_ptr<HostedServlet>> servlets;
  std::unordered_map<std::string, unsigned> initial_in_progress;       // merge keys (RFC 3261 8.2.2.2)
  std::unordered_map<std::string, unsigned> proxied_in_progress;       // loop guard (SV-10)
  std::unordered_set<std::shared_ptr<detail::RequestState>> proxying;  // alive until their final response
  std::size_t server_transactions = 0;
  std::size_t client_transactions = 0;
  std::size_t hooks = 0;
  bool started = false;
  bool draining = false;
  bool stopped = false;
  std::string call_id_host;                 // what our Call-IDs end in
  std::vector<std::string> own_identities;  // canonical; AS-47
  std::string start_error;                  // a servlet could not be made
};

}  // namespace herald::container
