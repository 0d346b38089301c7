#include "configuration.h"

#include "config/service_profile_loader.h"

namespace herald::daemon {

std::optional<Configuration> load_configuration(const std::filesystem::path& file, ConfigIssues& issues) {
  auto node = load_node_config(file, issues);
  if (!node) return std::nullopt;
  Configuration configuration;
  ServiceRules rules;
  for (const auto& [name, module] : node->modules) {
    configuration.modules.push_back({name, module.path, module.section});
    rules.applications.push_back(name);
  }
  auto services = load_service_profiles(node->services, rules, issues);
  if (!services) return std::nullopt;
  configuration.services = std::move(*services);
  configuration.node = std::move(*node);
  if (!issues.ok()) return std::nullopt;
  return configuration;
}

sip::StackOptions sip_options(const NodeConfig& config, unsigned shard) {
  sip::StackOptions options;
  for (const auto& listener : config.sip.listen) {
    sip::ListenAddress address;
    address.transport = listener.transport == "tls"   ? sip::Transport::tls
                        : listener.transport == "tcp" ? sip::Transport::tcp
                                                      : sip::Transport::udp;
    address.host = listener.address.host;
    // Shards have ports of their own: SO_REUSEPORT would send everything of one S-CSCF to one of them.
    address.port = listener.address.port == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(listener.address.port + shard);
    options.listen.push_back(std::move(address));
  }
  options.tls = {config.sip.tls.certificate, config.sip.tls.key, config.sip.tls.ca, config.sip.tls.verify_peer};
  options.user_agent = config.sip.user_agent;
  options.max_message_bytes = config.sip.max_message.bytes;
  options.tcp_above_bytes = config.sip.tcp_above.bytes;
  options.udp_batch = config.sip.udp_batch;
  options.t1 = config.sip.t1;
  options.hops.max_in_flight = config.sip.hops.max_in_flight;
  options.hops.max_queued = config.sip.hops.max_queued;
  options.hops.failures_to_open = config.sip.hops.failures_to_open;
  options.hops.probe_interval = config.sip.hops.probe_interval;
  return options;
}

diameter::DiameterOptions diameter_options(const NodeConfig& config) {
  const auto& from = config.diameter;
  diameter::DiameterOptions options;
  options.identity = from.identity;
  options.realm = from.realm;
  options.listen = from.listen.text();
  options.destination_realm = from.destination_realm;
  for (const auto& peer : from.peers) options.peers.push_back({peer.identity, {}, peer.address, peer.port, peer.tls});
  if (!from.tls.certificate.empty()) options.tls = diameter::DiameterTls{from.tls.certificate, from.tls.key, from.tls.ca, {}};
  return options;
}

diameter::ShOptions sh_options(const NodeConfig& config) {
  const auto& from = config.diameter;
  diameter::ShOptions options;
  options.destination_realm = from.destination_realm;
  options.request_timeout = from.request_timeout;
  options.total_budget = from.total_budget;
  options.max_in_flight = from.max_in_flight;
  options.max_waiting = from.max_waiting;
  options.repository_ttl = from.cache.repository_ttl;
  options.user_state_ttl = from.cache.user_state_ttl;
  options.scscf_name_ttl = from.cache.scscf_name_ttl;
  options.identities_ttl = from.cache.identities_ttl;
  options.negative_ttl = from.cache.negative_ttl;
  options.stale_grace = from.cache.stale_grace;
  options.cache_bytes = from.cache.size.bytes;
  options.cache_entries = from.cache.entries;
  return options;
}

store::StoreOptions store_options(const NodeConfig& config, const Clock& clock) {
  store::StoreOptions options;
  switch (config.store.driver) {
    case StoreConfig::Driver::sqlite:
      options.driver = "sqlite";
      break;
    case StoreConfig::Driver::memory:
      options.driver = "memory";
      break;
    case StoreConfig::Driver::redis:
      options.driver = "redis";
      break;
  }
  options.path = config.store.path;
  options.max_bytes = config.store.max_size.bytes;
  options.max_queued_calls = config.store.max_queued_calls;
  options.clock = &clock;
  return options;
}

store::BlobOptions blob_options(const NodeConfig& config, const Clock& clock) {
  store::BlobOptions options;
  options.path = config.store.blobs;
  if (options.path.empty() && config.store.driver == StoreConfig::Driver::sqlite) options.path = config.store.path + ".blobs";
  options.max_total_bytes = config.store.blobs_max_size.bytes;
  options.clock = &clock;
  return options;
}

io::HttpLimits http_limits(const NodeConfig& config) {
  const auto& from = config.http.limits;
  io::HttpLimits limits;
  limits.max_body_bytes = from.max_body.bytes;
  limits.max_header_bytes = from.max_header.bytes;
  limits.max_connections = from.max_connections;
  limits.max_in_flight = from.max_in_flight;
  limits.max_buffered_bytes = from.max_buffered.bytes;
  limits.header_timeout = from.header_timeout;
  limits.body_timeout = from.body_timeout;
  limits.idle_timeout = from.idle_timeout;
  limits.handler_timeout = from.handler_timeout;
  return limits;
}

io::MsrpOptions msrp_options(const MsrpConfig& config) {
  io::MsrpOptions options;
  if (!config.listen.host.empty()) options.listen = config.listen.text();
  if (!config.tls_listen.host.empty()) options.tls_listen = config.tls_listen.text();
  options.advertised_address = config.advertised_address;
  options.tls = {config.tls.certificate, config.tls.key, config.tls.ca, config.tls.verify_peer};
  auto& limits = options.limits;
  limits.sessions = config.limits.max_sessions;
  limits.connections = config.limits.max_connections;
  limits.connections_per_peer = config.limits.max_connections_per_peer;
  limits.buffered_bytes = config.limits.max_buffered.bytes;
  limits.chunk = config.limits.chunk.bytes;
  limits.transaction_timeout = config.limits.transaction_timeout;
  limits.connect_timeout = config.limits.connect_timeout;
  limits.bind_timeout = config.limits.bind_timeout;
  limits.stall_timeout = config.limits.stall_timeout;
  return options;
}

log::Options log_options(const NodeConfig& config) {
  log::Options options;
  options.level = config.log.level;
  options.format = config.log.format == LogConfig::Format::text ? log::Format::text : log::Format::json;
  options.privacy = config.log.privacy;
  options.node = config.node.name;
  return options;
}

}  // namespace herald::daemon
