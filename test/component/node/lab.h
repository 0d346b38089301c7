// The daemon's own wiring in one thread on a virtual clock: its configuration file, stack, container, HTTP, store and modules are
// the real ones; the S-CSCF and the receivers are sockets of the test, the HSS is scripted. Architecture "Tests", component.
//
//   Lab lab;
//   lab.registers("sip:alice@ims.lab");
//   const auto id = lab.push("sip:alice@ims.lab");
//   lab.advance(64 * T1);
//   CHECK(lab.status(id) == "timeout");
//
// Nothing here waits for the machine's clock, except where the SQLite thread has to answer; there every wait is for a condition.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "doubles/fake_sh.h"
#include "doubles/manual_executor.h"
#include "doubles/temporary_folder.h"
#include "doubles/virtual_clock.h"
#include "node.h"
#include "sip_actor.h"
#include "store/memory_store.h"
#include "unit/io/http_client.h"

namespace herald::test {

using nlohmann::json;

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string text;
  json body;  // null when it is no JSON
};

class Lab {
 public:
  struct Options {
    std::string push;     // YAML lines added to modules.push.config
    std::string node;     // YAML lines added to herald.yaml
    bool sqlite = false;  // store.driver sqlite; else a MemoryStore that survives restart()
    unsigned shards = 1;
  };
  Lab() : Lab(Options()) {}
  explicit Lab(Options options);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  // -- the process -------------------------------------------------------------------------------------------------------------
  // As a new process with the same configuration and store. What is on the wire meanwhile is lost to it.
  void restart();
  void write_configuration(const Options& options);  // the file, not yet read
  void write_file(const std::string& name, const std::string& text);
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] daemon::Node& node() { return *node_; }

  // -- time --------------------------------------------------------------------------------------------------------------------
  // Everything that is ready, on all loops and sockets; time stands still.
  void settle();
  // Moves the clock from one timer to the next, settling at each.
  void advance(Duration span);
  // Until `condition`, time standing still: for answers of the SQLite thread. Fails the test when they never come.
  void until(const std::function<bool()>& condition);
  [[nodiscard]] Duration since(TimePoint then) const { return clock.now() - then; }

  // -- initiators and operators ------------------------------------------------------------------------------------------------
  Reply call(const std::string& method, const std::string& path, const std::optional<json>& body = {},
             const std::vector<HttpField>& headers = {}, const std::string& token = "news-token");
  Reply admin(const std::string& method, const std::string& path, const std::optional<json>& body = {});
  // A plain push; its id.
  std::string push(const std::string& to, const json& more = json::object());
  [[nodiscard]] json push_body(const std::string& to, const json& more = json::object()) const;
  json delivery(const std::string& id, std::size_t index = 0);
  std::string status(const std::string& id) { return delivery(id)["status"]; }
  double metric(const std::string& name);  // the sum over its labels, from GET /metrics

  // -- the network -------------------------------------------------------------------------------------------------------------
  void registers(const std::string& user, int seconds = 600, const std::string& applications = "news.ua");
  // From that peer to the node's SIP port.
  void send(SipActor& from, const std::string& text);
  [[nodiscard]] std::uint16_t sip_port(unsigned shard = 0);

  VirtualClock clock;
  store::MemoryStore memory;  // outlives the nodes
  FakeSh sh;
  SipActor scscf;
  SipActor stranger{"127.0.0.2"};  // not in sip.trusted_peers

 private:
  void boot();
  bool turn();
  [[nodiscard]] std::optional<TimePoint> next_due();
  Reply ask(std::uint16_t port, const std::string& method, const std::string& path, const std::optional<json>& body,
            const std::vector<HttpField>& headers);

  Options options_;
  TemporaryFolder folder_;
  ManualExecutor control_{clock};
  std::unique_ptr<daemon::Node> node_;
  unsigned registers_ = 0;
};

// Virtual time that passed, beside the real time it took; printed when it ends.
class Stopwatch {
 public:
  Stopwatch(const VirtualClock& clock, std::string what);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  const VirtualClock& clock_;
  const std::string what_;
  const TimePoint virtual_start_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace herald::test
