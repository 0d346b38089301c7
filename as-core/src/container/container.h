// The container of one shard: sessions, dialogs, dispatch, the servlets of all modules. What the daemon puts together.
//
//   main thread            ModuleHost host; auto snapshot = host.load(...);
//                          Shards shards;  Container container(parts, shards, host, snapshot);   // one per shard
//   on the shard           spawn(container.start())      reads the registrations back, init() of every servlet, then takes calls
//   reload, on the shard   container.reconfigure(snapshot)
//   stop, on the shard     container.drain();  wait for container.idle();  container.stop();
//
// Thread: constructed on the main thread before the shard runs; everything else on the shard, except status().
// Lifetime: the executor and the stack outlive it; stop() before destruction.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "container/module_host.h"
#include "herald/blob_store.h"
#include "herald/executor.h"
#include "herald/http.h"
#include "herald/http_client.h"
#include "herald/msrp.h"
#include "herald/servlet_context.h"
#include "herald/sh.h"
#include "herald/store.h"
#include "herald/task.h"
#include "sip/sip_stack.h"

namespace herald::container {

class Core;

// The containers of this node by shard, so that one can hand work to another. Filled before the shards start.
class Shards {
 public:
  [[nodiscard]] unsigned count() const noexcept { return static_cast<unsigned>(cores_.size()); }
  [[nodiscard]] Core* core(unsigned shard) const noexcept { return shard < cores_.size() ? cores_[shard] : nullptr; }

 private:
  friend class Container;
  void add(unsigned shard, Core* core);
  std::vector<Core*> cores_;
};

struct ContainerLimits {
  Duration session_timeout = std::chrono::minutes(3);  // of a SipApplicationSession
  std::size_t max_registrations = 1000000;             // of the node
  std::size_t max_sessions = 1000000;                  // application sessions of this shard; beyond: 500 to initial requests
};

struct ShardParts {
  unsigned index = 0;
  unsigned count = 1;
  Executor& executor;
  sip::SipStack& stack;
  Store& store;
  ShClient& sh;
  HttpRoutes& http;
  HttpRoutes& admin_http;
  NodeInfo node;
  std::function<bool(const sip::PeerAddress&)> trusted;  // sip.trusted_peers
  std::vector<std::string> own_hosts;       // further host names by which peers reach this node, "as1.ims.lab" or "h:5065"
  std::vector<std::string> own_identities;  // asserted identities of requests this node itself originates (AS-47)
  ContainerLimits limits;
  RegEventUse reg_event = RegEventUse::never;
  std::string reg_event_identity{};   // who asks; empty: the server name of the first service profile
  HttpClient* http_client = nullptr;  // none of these: every call fails as unavailable
  BlobStore* blobs = nullptr;
  MsrpEndpoint* msrp = nullptr;
};

// Values for /v1/node and status.
struct ModuleStatus {
  std::string name, version;
  bool quarantined = false;
  std::uint64_t exceptions = 0;
  std::uint64_t unanswered = 0;
};
struct ContainerStatus {
  unsigned shard = 0;
  bool started = false;
  bool draining = false;
  std::size_t application_sessions = 0;
  std::size_t sessions = 0;
  std::size_t dialogs = 0;
  std::size_t server_transactions = 0;
  std::size_t client_transactions = 0;
  std::size_t registrations = 0;
  std::vector<ModuleStatus> modules;
  std::vector<sip::HopState> hops;
};

class Container {
 public:
  Container(ShardParts parts, Shards& shards, const ModuleHost& host, std::shared_ptr<const Snapshot> snapshot);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  // Never throws. Error when a servlet's init failed or the registrations could not be read: the node should not go ready.
  Task<Expected<void>> start();
  void reconfigure(std::shared_ptr<const Snapshot> snapshot);
  void drain();
  // No transaction, no hook and no application session with work left.
  [[nodiscard]] bool idle() const noexcept;
  // destroy() of every servlet, then all sessions end. Idempotent.
  void stop();

  [[nodiscard]] ContainerStatus status() const;  // on the shard
  // From any thread: asked on the shard.
  [[nodiscard]] Future<ContainerStatus> ask_status();
  [[nodiscard]] RegistrationView& registrations() noexcept;
  [[nodiscard]] SipFactory& sip_factory(std::size_t module = 0) noexcept;

 private:
  std::shared_ptr<Core> core_;
};

// Same result on every shard and in every process.
[[nodiscard]] unsigned home_shard_of(std::string_view canonical_user, unsigned count) noexcept;

// The SIP status for an Error a handler could not deal with. AS-50: a refusal is no 5xx; AS-83.
[[nodiscard]] int status_of_error(const Error& error) noexcept;

}  // namespace herald::container
