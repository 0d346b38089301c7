// The push module on one node without wires: the real container, a scripted SIP peer, a scripted HSS, virtual time, and a store
// that survives the "process".
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "container/container.h"
#include "doubles/chaos_store.h"
#include "doubles/fake_msrp.h"
#include "doubles/fake_sip_stack.h"
#include "doubles/manual_executor.h"
#include "doubles/memory_blobs.h"
#include "doubles/scripted_http.h"
#include "doubles/virtual_clock.h"
#include "store/memory_store.h"

namespace herald::test {

using nlohmann::json;

// Answers by rule; without one: nobody has a profile, nobody is registered.
class ScriptedSh final : public ShClient {
 public:
  Future<ShReply> user_data(ShQuery query, Deadline deadline) override;
  std::vector<PeerState> peers() const override { return {}; }

  std::function<ShReply(const ShQuery&)> rule;
  bool silent = false;  // the deadline ends the question
  std::vector<ShQuery> queries;
  static ShReply profile(std::string xml);
  static ShReply failed(ShResult result);
};

struct Routes final : HttpRoutes {
  std::map<std::string, HttpHandler> handlers;
  void add(std::string_view method, std::string_view pattern, HttpHandler handler, HttpRouteOptions) override {
    handlers[std::string(method) + " " + std::string(pattern)] = std::move(handler);
  }
};

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;
  json body;
  std::string text;
};

class PushLab {
 public:
  struct Options {
    unsigned shards = 1;
    std::string config;  // YAML lines added to modules.push.config
    std::vector<ServiceApplication> apps;
  };
  PushLab() : PushLab(Options()) {}
  explicit PushLab(Options options);
  ~PushLab();

  // -- the process --
  void crash();  // kill -9: from here on nothing reaches the store
  void boot();
  void restart() {
    crash();
    boot();
  }
  // SIGHUP with another end of modules.push.config.
  void reload(const std::string& config);
  void settle();
  void advance(Duration span);

  // -- initiators --
  Answer call(const std::string& method, const std::string& path, std::optional<json> body = {},
              std::vector<HttpField> headers = {{"Authorization", "Bearer news-token"}}, bool admin = false);
  Answer call_raw(const std::string& method, const std::string& path, std::string body, std::vector<HttpField> headers,
                  bool admin = false);
  // GET /v1/pushes/{id}/events; without a stream when the answer was another one.
  std::shared_ptr<ScriptedStream> watch(const std::string& id, std::vector<HttpField> headers = {}, int expected = 200);
  [[nodiscard]] std::vector<std::string> routes() const;  // of initiators: "GET /v1/pushes"
  // A plain push; its id.
  std::string push(const std::string& to = "sip:alice@ims.lab", json more = json::object());
  json delivery(const std::string& id, std::size_t index = 0);
  std::string status(const std::string& id, std::size_t index = 0) { return delivery(id, index)["status"]; }

  std::string client_certificate;  // subject of the one that the next calls show

  // -- the S-CSCF --
  void registered(const std::string& user, int expires = 600, const std::string& apps = "news.ua");
  [[nodiscard]] std::vector<std::shared_ptr<FakeSipStack::Sent>> messages(
      std::string_view method = "MESSAGE") const;  // sent since boot, all shards
  [[nodiscard]] std::shared_ptr<FakeSipStack::Sent> last() const { return messages().back(); }
  void answer(const std::shared_ptr<FakeSipStack::Sent>& sent, int status, std::vector<SipHeaderField> headers = {},
              std::string body = {});
  // Runs something as the network would: inside the node's executor.
  void inside(const std::function<void()>& work);
  void fail(const std::shared_ptr<FakeSipStack::Sent>& sent, int status, ResponseOrigin origin);
  [[nodiscard]] FakeSipStack& stack(unsigned shard = 0) { return *node_->stacks[shard]; }

  // Of the account "news"; from the next boot.
  std::string callbacks = R"(["https://hook.example/herald/", "https://*.hook.example/"])";

  VirtualClock clock;
  store::MemoryStore memory;
  ChaosStore store{memory};
  ScriptedSh sh;
  ScriptedHttp http;
  MemoryBlobs blobs;
  FakeMsrp msrp;

 private:
  struct Node {
    Routes http, admin_http;
    container::ModuleHost host;
    std::shared_ptr<const container::Snapshot> snapshot;
    std::vector<std::unique_ptr<ManualExecutor>> executors;
    std::vector<std::unique_ptr<FakeSipStack>> stacks;
    container::Shards all;
    std::vector<std::unique_ptr<container::Container>> containers;
  };
  [[nodiscard]] container::ModuleSpec spec(const std::string& config, ConfigIssues& issues) const;
  [[nodiscard]] std::vector<ServiceProfile> profiles() const;

  Options options_;
  std::unique_ptr<Node> node_;
};

// An application of a service profile.
[[nodiscard]] ServiceApplication application(std::string id, ConsentDefault consent);

}  // namespace herald::test
