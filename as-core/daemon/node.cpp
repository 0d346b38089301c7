#include "node.h"

#include <nlohmann/json.hpp>

#include "builtin_modules.h"
#include "container/border_stack.h"
#include "herald/log.h"
#include "herald/metrics.h"
#include "io/admin_routes.h"
#include "io/tls_context.h"
#include "no_sh.h"
#include "node_catalog.h"
#include "operator_routes.h"
#include "version.h"

namespace herald::daemon {

Node::Node(Configuration configuration, const Options& options)
    : configuration_(std::move(configuration)),
      options_(options),
      started_(options.clock.now()),
      modules_(module_directories()),
      trusted_(std::make_shared<std::atomic<std::shared_ptr<const Networks>>>(
          std::make_shared<const Networks>(configuration_.node.sip.trusted_peers))) {
  add_builtin_modules(modules_);
}

Node::~Node() { stop(); }

Expected<std::unique_ptr<Node>> Node::start(Configuration configuration, const Options& options, ConfigIssues& issues) {
  std::unique_ptr<Node> node(new Node(std::move(configuration), options));
  if (auto opened = node->open(issues); !opened) return fail(opened.error());
  return node;
}

Expected<void> Node::open(ConfigIssues& issues) {
  ready_.fail("started", "starting");
  auto snapshot = modules_.load(configuration_.modules, configuration_.services, issues);
  if (!snapshot) return fail(snapshot.error());
  snapshot_ = std::move(*snapshot);

  if (auto opened = open_store(); !opened) return opened;
  if (auto opened = open_sh(); !opened) return opened;
  if (auto opened = open_http(); !opened) return opened;
  if (auto opened = open_msrp(); !opened) return opened;
  if (auto launched = launch_shards(snapshot_); !launched) return launched;
  watch_conditions();
  ready_.pass("started");
  return {};
}

Expected<void> Node::open_store() {
  auto blob_settings = blob_options(configuration_.node, options_.clock);
  if (options_.store) blob_settings.path = configuration_.node.store.blobs;
  auto blobs = store::FileBlobStore::open(std::move(blob_settings));
  if (!blobs) return fail(ErrorCode::unavailable, "store.blobs: " + blobs.error().text);
  blobs_ = std::move(*blobs);
  store_ = options_.store;
  if (store_) return {};
  auto store = store::make_store(store_options(configuration_.node, options_.clock));
  if (!store) return fail(ErrorCode::unavailable, "store: " + store.error().text);
  own_store_ = std::move(*store);
  store_ = own_store_.get();
  return {};
}

Expected<void> Node::open_sh() {
  if (options_.sh) {
    sh_ = options_.sh;
    return {};
  }
  if (!configuration_.node.diameter.enabled) {
    own_sh_ = std::make_unique<NoSh>();
  } else {
    auto stack = diameter::DiameterStack::start(diameter_options(configuration_.node));
    if (!stack) return fail(ErrorCode::unavailable, "diameter: " + stack.error().text);
    diameter_ = std::move(*stack);
    own_sh_ = diameter::make_sh_client(*diameter_, sh_options(configuration_.node));
  }
  sh_ = own_sh_.get();
  return {};
}

namespace {

io::TlsFiles tls_files(const TlsConfig& config) {
  return {config.certificate, config.key, config.ca, config.verify_peer && !config.ca.empty()};
}
io::TlsFiles tls_files(const HttpTlsConfig& config) {
  return {config.certificate, config.key, config.client_ca, config.verify == HttpTlsConfig::Verify::required};
}

template <class Config>
Expected<io::HttpEndpoint> listen(io::HttpServer& server, const SocketAddress& address, const std::optional<Config>& config) {
  if (!config) return server.listen(address.text());
  auto tls = io::TlsContext::load(tls_files(*config));
  if (!tls) return fail(tls.error());
  return server.listen(address.text(), std::move(*tls));
}

// None for an address that means all of them: nobody can be told to go there.
std::string http_url(const io::HttpEndpoint& endpoint, bool tls) {
  if (endpoint.address == "0.0.0.0" || endpoint.address == "::" || endpoint.port == 0) return {};
  return (tls ? "https://" : "http://") + SocketAddress{endpoint.address, endpoint.port}.text();
}

std::string node_json(Node& node) {
  nlohmann::json peers = nlohmann::json::array();
  for (const auto& peer : node.sh().peers())
    peers.push_back({{"identity", peer.identity}, {"open", peer.open}, {"state", peer.state}});
  const nlohmann::json document{
      {"name", node.configuration().node.node.name},
      {"version", kVersion},
      {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(node.uptime()).count()},
      {"configuration_hash", node.configuration().node.hash},
      {"shards", node.configuration().node.sip.shards},
      {"draining", node.draining()},
      {"peers", std::move(peers)},
  };
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Expected<void> Node::open_http() {
  const auto& config = configuration_.node;
  io_ = std::make_unique<io::IoLoop>(options_.clock);
  http_ = std::make_unique<io::HttpServer>(*io_, io::HttpServerSettings{"http", http_limits(config), blobs_.get()});
  admin_ = std::make_unique<io::HttpServer>(*io_, io::HttpServerSettings{"admin", {}});
  http_client_ = std::make_unique<io::HttpClientService>(*io_, io::HttpClientLimits{}, nullptr, blobs_.get());
  // /v1/node tells of things that only the control thread may look at, so it runs there like the other orders of operators.
  io::add_admin_routes(admin_->routes(*io_), {ready_, live_, nullptr});
  add_operator_routes(admin_->routes(options_.control), *this, [this] { return node_json(*this); });

  auto http = listen(*http_, config.http.listen, config.http.tls);
  if (!http) return fail(ErrorCode::unavailable, "http.listen: " + http.error().text);
  http_endpoint_ = *http;
  auto admin = listen(*admin_, config.admin.listen, config.admin.tls);
  if (!admin) return fail(ErrorCode::unavailable, "admin.listen: " + admin.error().text);
  admin_endpoint_ = *admin;
  if (!config.admin.socket.empty()) {
    if (auto socket = admin_->listen_unix(config.admin.socket); !socket)
      return fail(ErrorCode::unavailable, "admin.socket: " + socket.error().text);
  }
  return {};
}

Expected<void> Node::open_msrp() {
  const auto& config = configuration_.node.msrp;
  if (!config) return {};
  auto made = io::MsrpEndpointService::make(*io_, *blobs_, msrp_options(*config));
  if (!made) return fail(ErrorCode::unavailable, "msrp: " + made.error().text);
  msrp_ = std::move(*made);
  return {};
}

Expected<Shard::Content> Node::make_content(unsigned index, Executor& executor,
                                            const std::shared_ptr<const container::Snapshot>& snapshot) {
  const auto& config = configuration_.node;
  Shard::Content content;
  auto stack = sip::make_sip_stack(executor, sip_options(config, index));
  if (!stack) return fail(ErrorCode::unavailable, "sip.listen: " + stack.error().text);
  container::BorderRules border{
      .trusted = [trusted = trusted_](const sip::PeerAddress& peer) { return trusted->load()->contains(peer.host); },
      .trusted_domains = config.sip.trusted_domains,
      .next_hop = config.sip.next_hop,
      .require_protected = config.sip.require_protected_peers,
      .rates = {.trusted = config.sip.peer_rate.trusted.per_second, .untrusted = config.sip.peer_rate.untrusted.per_second}};
  if (!config.node.domain.empty()) border.trusted_domains.push_back(config.node.domain);
  content.stack = std::make_unique<container::BorderStack>(std::move(*stack), options_.clock, std::move(border));
  container::ShardParts parts{
      .index = index,
      .count = config.sip.shards,
      .executor = executor,
      .stack = *content.stack,
      .store = *store_,
      .sh = *sh_,
      .http = http_->routes(executor),
      .admin_http = admin_->routes(executor),
      .node = {config.node.name, config.node.domain, config.sip.next_hop, http_url(http_endpoint_, config.http.tls.has_value())},
      .trusted = [trusted = trusted_](const sip::PeerAddress& peer) { return trusted->load()->contains(peer.host); },
      .own_hosts = config.sip.own_hosts,
      .own_identities = {},
      .limits = {.session_timeout = config.limits.session_timeout,
                 .max_registrations = config.limits.registrations,
                 .max_sessions = config.limits.sessions},
      .reg_event = config.sip.reg_event,
      .reg_event_identity = config.sip.reg_event_identity,
      .http_client = http_client_.get(),
      .blobs = blobs_.get(),
      .msrp = msrp_.get()};
  content.container = std::make_unique<container::Container>(std::move(parts), containers_, modules_, snapshot);
  return content;
}

Expected<void> Node::launch_shards(const std::shared_ptr<const container::Snapshot>& snapshot) {
  // One after the other: each adds itself to `containers_`, which all of them read once they start.
  for (unsigned index = 0; index < configuration_.node.sip.shards; ++index) {
    auto shard = std::make_unique<Shard>(index, options_.clock, configuration_.node.limits.mailbox, options_.drive);
    auto launched = shard->launch([&](Executor& executor) { return make_content(index, executor, snapshot); });
    if (!launched) return launched;
    shards_.push_back(std::move(shard));
  }
  for (auto& shard : shards_)
    if (auto started = shard->start(); !started) return fail(ErrorCode::unavailable, started.error().text);
  log::info("listening for HTTP", {{"address", http_endpoint_.address}, {"port", http_endpoint_.port}});
  log::info("listening for operators", {{"address", admin_endpoint_.address}, {"port", admin_endpoint_.port}});
  if (options_.drive == Drive::own_thread) io_thread_ = std::thread([this] { io_->run(); });
  return {};
}

void Node::watch_conditions() {
  // A shard that does not get to its mailbox is in trouble whatever the reason.
  for (auto& shard : shards_)
    live_.add("shard-" + std::to_string(shard->index()),
              [&shard = *shard, limit = configuration_.node.limits.mailbox]() -> std::optional<std::string> {
                if (shard.mailbox_depth() >= limit) return "its mailbox is full";
                return std::nullopt;
              });
}

Node::Candidate Node::prepare(const std::string& file) const {
  Candidate candidate;
  ConfigIssues issues;
  candidate.configuration = load_configuration(file, issues);
  if (const auto& next = candidate.configuration) {
    std::vector<std::string> module_restart;
    auto prepared = modules_.prepare(next->modules, next->services, *snapshot_, issues, module_restart);
    if (prepared) {
      candidate.snapshot = std::move(*prepared);
      const auto changes = diff(configuration_.node, next->node);
      for (const auto& key : changes.changed) {
        const bool restart =
            std::find(changes.needs_restart.begin(), changes.needs_restart.end(), key) != changes.needs_restart.end();
        candidate.result.changes.push_back({key, restart});
      }
      for (const auto& key : module_restart) candidate.result.changes.push_back({key, true});
    }
  }
  if (!issues.ok()) candidate.snapshot.reset();
  candidate.result.ok = issues.ok();
  candidate.result.issues = issues.all();
  return candidate;
}

ReloadResult Node::compare(const std::string& file) { return prepare(file).result; }

ReloadResult Node::reload() {
  auto [result, next, prepared] = prepare(configuration_.node.file);
  if (!prepared) {
    result.ok = false;
    for (const auto& issue : result.issues) log::event(kReloadRefused, {{"issue", issue.line()}});
    return result;
  }
  snapshot_ = std::move(prepared);
  for (auto& shard : shards_)
    (void)shard->on_shard([this](Shard::Content& content) { content.container->reconfigure(snapshot_); });
  trusted_->store(std::make_shared<const Networks>(next->node.sip.trusted_peers));
  log::set_level(next->node.log.level);
  // What needs a restart stays as it runs, so that the next comparison still tells of it.
  auto running = configuration_.node;
  running.sip.trusted_peers = next->node.sip.trusted_peers;
  running.services = next->node.services;
  running.log.level = next->node.log.level;
  running.modules = next->node.modules;
  running.hash = next->node.hash;
  configuration_ = {std::move(running), std::move(next->services), std::move(next->modules)};
  for (const auto& change : result.changes)
    if (change.needs_restart) log::event(kNeedsRestart, {{"key", change.path}});
  log::info("configuration reloaded", {{"hash", configuration_.node.hash}});
  return result;
}

void Node::drain() {
  if (draining_) return;
  draining_ = true;
  ready_.fail("draining", "no new work is accepted");
  log::info("draining");
  for (auto& shard : shards_) shard->drain();
}

bool Node::idle() {
  for (auto& shard : shards_)
    if (!shard->idle()) return false;
  return true;
}

void Node::stop() {
  if (std::exchange(stopped_, true)) return;
  // HTTP first: its handlers live in the servlets.
  if (io_) {
    io_->complete([this] {
      http_.reset();
      admin_.reset();
      if (msrp_) msrp_->close();                // sessions tell their servlets
      if (http_client_) http_client_->close();  // servlets may still ask it, and are told that it is gone
    });
    io_->stop();
    if (io_thread_.joinable())
      io_thread_.join();
    else
      io_->step();
  }
  for (auto& shard : shards_) shard->close();
  // These complete what is still asked of them, on loops that must be running to take it.
  if (diameter_) diameter_->shutdown();
  own_store_.reset();
  if (blobs_) blobs_->stop();
  for (auto& shard : shards_) shard->end();
  shards_.clear();
  own_sh_.reset();
  diameter_.reset();
  http_.reset();
  admin_.reset();
  http_client_.reset();
  msrp_.reset();
  io_.reset();
}

}  // namespace herald::daemon
