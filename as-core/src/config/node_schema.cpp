#include <algorithm>

#include "config/node_config.h"

namespace herald {
namespace {

using namespace std::chrono_literals;

std::string check_name(const std::string& value) {
  const bool good = !value.empty() && value.size() <= 253 && std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
  return good ? "" : "must be a name of letters, digits, '-', '.' and '_'";
}

std::string check_sip_uri(const std::string& value) {
  const auto uri = SipUri::parse(value);
  if (!uri) return uri.error().text;
  return uri->is_sip() ? "" : "must be a sip: or sips: URI";
}

std::string check_optional_sip_uri(const std::string& value) { return value.empty() ? "" : check_sip_uri(value); }

ConfigSchema<TlsConfig> tls_schema() {
  return ConfigSchema<TlsConfig>()
      .key("certificate", &TlsConfig::certificate, {.help = "PEM file with our certificate and intermediates"})
      .key("key", &TlsConfig::key, {.help = "PEM file with its private key"})
      .key("ca", &TlsConfig::ca, {.help = "PEM file with the authorities we believe"})
      .key("verify_peer", &TlsConfig::verify_peer, {.help = "Refuse peers whose certificate does not verify"})
      .check([](TlsConfig& tls, const ConfigScope& at) {
        if (tls.certificate.empty() != tls.key.empty()) {
          at.error(tls.key.empty() ? "key" : "certificate", "certificate and key go together");
        }
      });
}

ConfigSchema<HttpTlsConfig> http_tls_schema() {
  using Verify = HttpTlsConfig::Verify;
  return ConfigSchema<HttpTlsConfig>()
      .key("certificate", &HttpTlsConfig::certificate, {.help = "PEM file with our certificate and intermediates"})
      .key("key", &HttpTlsConfig::key, {.help = "PEM file with its private key"})
      .key("client_ca", &HttpTlsConfig::client_ca,
           {.help = "PEM file with the authorities of client certificates; empty: none are asked for"})
      .choice(
          "verify", &HttpTlsConfig::verify, {{"optional", Verify::optional}, {"required", Verify::required}},
          {.help = "With client_ca: whether a client must show a certificate; one that does not verify is refused either way"})
      .check([](HttpTlsConfig& tls, const ConfigScope& at) {
        if (tls.certificate.empty() != tls.key.empty())
          at.error(tls.key.empty() ? "key" : "certificate", "certificate and key go together");
        if (tls.verify == Verify::required && tls.client_ca.empty()) at.error("verify", "required needs client_ca");
      });
}

ConfigSchema<NodeConfig::Node> identity_schema() {
  using Node = NodeConfig::Node;
  return ConfigSchema<Node>()
      .key("name", &Node::name, {.help = "Name of this node in logs, metrics and leases", .check = check_name, .sample = "as1"})
      .key("domain", &Node::domain, {.help = "Home domain of the users it serves", .check = check_name, .sample = "ims.lab"});
}

ConfigSchema<SipConfig> sip_schema() {
  using Hops = SipConfig::Hops;
  auto hops = ConfigSchema<Hops>()
                  .key("max_in_flight", &Hops::max_in_flight,
                       {.help = "Client transactions to one next hop at a time", .min = 1, .max = 100000})
                  .key("max_queued", &Hops::max_queued, {.help = "Requests that may wait behind them", .max = 1000000})
                  .key("failures_to_open", &Hops::failures_to_open,
                       {.help = "Failures in a row after which the hop counts as down", .min = 1, .max = 1000})
                  .key("probe_interval", &Hops::probe_interval,
                       {.help = "While it is down, one request is tried this often", .min = 100ms, .max = 10min});
  using PeerRate = SipConfig::PeerRate;
  auto peer_rate = ConfigSchema<PeerRate>()
                       .key("trusted", &PeerRate::trusted, {.help = "Of one trusted peer; 0/s: no limit"})
                       .key("untrusted", &PeerRate::untrusted, {.help = "Of one address of all others; 0/s: no limit"});
  return ConfigSchema<SipConfig>()
      .list("listen", &SipConfig::listen,
            {.help = "Where SIP is received; port 0 takes a free one and prints it",
             .needs_restart = true,
             .min_items = 1,
             .max_items = 64,
             .sample = "[udp:127.0.0.1:5065, tcp:127.0.0.1:5065]"})
      .key("shards", &SipConfig::shards,
           {.help = "Threads that serve SIP; shard i listens on each port + i",
            .needs_restart = true,
            .min = 1,
            .max = 64,
            .sample = "1"})
      .list("trusted_peers", &SipConfig::trusted_peers,
            {.help = "Networks whose P- headers are believed; all others are served as untrusted",
             .max_items = 1000,
             .sample = "[127.0.0.1/32]"})
      .list(
          "trusted_domains", &SipConfig::trusted_domains,
          {.help = "Domains whose hosts may be sent P- headers, besides node.domain, trusted_peers and next_hop; all other next "
                   "hops get requests without them",
           .needs_restart = true,
           .max_items = 100})
      .key("require_protected_peers", &SipConfig::require_protected_peers,
           {.help = "Refuse requests of trusted peers that come neither over TLS nor from this host. Where IPsec protects the "
                    "links this stays false",
            .needs_restart = true})
      .section("peer_rate", &SipConfig::peer_rate, std::move(peer_rate),
               {.help = "Requests taken from one address; more are answered 503", .needs_restart = true, .in_sample = false})
      .key("next_hop", &SipConfig::next_hop,
           {.help = "Where requests go when neither a registration nor Sh names an S-CSCF",
            .needs_restart = true,
            .check = check_sip_uri,
            .sample = "sip:127.0.0.1:6060;lr"})
      .choice("reg_event", &SipConfig::reg_event,
              {{"auto", RegEventUse::automatic}, {"always", RegEventUse::always}, {"never", RegEventUse::never}},
              {.help = "Whether to watch the reg event of users who register; auto: of those whose REGISTER tells no contacts",
               .needs_restart = true})
      .key("reg_event_identity", &SipConfig::reg_event_identity,
           {.help = "SIP URI that asks for the reg event; none: server_name of the first service profile",
            .needs_restart = true,
            .check = check_optional_sip_uri})
      .list("own_hosts", &SipConfig::own_hosts,
            {.help = "Further host names or host:port by which peers reach this node", .needs_restart = true})
      .key("user_agent", &SipConfig::user_agent, {.help = "Server and User-Agent header", .needs_restart = true})
      .key("max_message", &SipConfig::max_message,
           {.help = "Largest SIP message; a larger one is answered 513",
            .needs_restart = true,
            .min = ByteSize{2048},
            .max = ByteSize{16 << 20}})
      .key("tcp_above", &SipConfig::tcp_above,
           {.help = "Requests over this size leave UDP for TCP",
            .needs_restart = true,
            .min = ByteSize{200},
            .max = ByteSize{65535}})
      .key("udp_batch", &SipConfig::udp_batch,
           {.help = "Many UDP datagrams a system call; false: one each, to compare or to rule it out", .needs_restart = true})
      .key("t1", &SipConfig::t1,
           {.help = "RFC 3261 timer T1; the others follow from it", .needs_restart = true, .min = 50ms, .max = 4s})
      .section("hops", &SipConfig::hops, std::move(hops),
               {.help = "Limits for each next hop", .needs_restart = true, .in_sample = false})
      .section("tls", &SipConfig::tls, tls_schema(),
               {.help = "Certificates of tls: listeners", .needs_restart = true, .in_sample = false})
      .check([](SipConfig& sip, const ConfigScope& at) {
        for (std::size_t i = 0; i < sip.listen.size(); ++i) {
          const auto& one = sip.listen[i];
          const auto key = "listen[" + std::to_string(i) + ']';
          if (one.transport == "tls" && sip.tls.certificate.empty()) at.error(key, "tls needs sip.tls.certificate and key");
          if (one.address.port + sip.shards - 1 > 65535) at.error(key, "port + shards goes past 65535");
          const auto same = std::find(sip.listen.begin(), sip.listen.end(), one);
          if (one.address.port != 0 && same - sip.listen.begin() < static_cast<std::ptrdiff_t>(i)) {
            at.error(key, one.text() + " stands here twice");
          }
        }
        if (!sip.require_protected_peers) return;
        const auto hop = SipUri::parse(sip.next_hop);
        const bool secure = hop && (hop->scheme == "sips" || hop->params.get("transport").value_or("") == "tls");
        const bool local = hop && (hop->host.starts_with("127.") || hop->host == "[::1]" || hop->host == "localhost");
        if (!secure && !local) at.error("next_hop", "require_protected_peers needs transport=tls here");
        const bool hears_tls =
            std::any_of(sip.listen.begin(), sip.listen.end(), [](const auto& one) { return one.transport == "tls"; });
        if (!hears_tls && !local) at.error("listen", "require_protected_peers needs a tls: listener");
      });
}

ConfigSchema<DiameterConfig> diameter_schema() {
  using Peer = DiameterConfig::Peer;
  using Cache = DiameterConfig::Cache;
  auto peer =
      ConfigSchema<Peer>()
          .key("identity", &Peer::identity,
               {.help = "Diameter identity", .required = true, .check = check_name, .sample = "hss.ims.lab"})
          .key("address", &Peer::address, {.help = "Address; none: the identity is resolved", .sample = "127.0.0.1"})
          .key("port", &Peer::port, {.help = "Port", .min = 1, .sample = "3868"})
          .choice("transport", &Peer::transport, {{"tcp", "tcp"}, {"sctp", "sctp"}}, {.help = "Transport", .sample = "tcp"})
          .key("tls", &Peer::tls, {.help = "Secure the connection; needs diameter.tls", .sample = "false"});
  auto cache =
      ConfigSchema<Cache>()
          .key("size", &Cache::size, {.help = "Memory for answers of the HSS"})
          .key("entries", &Cache::entries, {.help = "Most answers kept", .min = 1})
          .key("repository_ttl", &Cache::repository_ttl, {.help = "How long repository data counts as fresh", .max = 24h})
          .key("user_state_ttl", &Cache::user_state_ttl, {.help = "How long the IMS user state counts as fresh", .max = 24h})
          .key("scscf_name_ttl", &Cache::scscf_name_ttl, {.help = "How long the S-CSCF name counts as fresh", .max = 24h})
          .key("identities_ttl", &Cache::identities_ttl, {.help = "How long public identities count as fresh", .max = 24h})
          .key("negative_ttl", &Cache::negative_ttl, {.help = "How long \"user unknown\" is believed", .max = 24h})
          .key("stale_grace", &Cache::stale_grace,
               {.help = "How much longer an answer stands in while the HSS fails", .max = 24h});
  return ConfigSchema<DiameterConfig>()
      .key("enabled", &DiameterConfig::enabled_key,
           {.help = "Ask an HSS over Sh; default: when there are peers", .sample = "true"})
      .key("identity", &DiameterConfig::identity,
           {.help = "Our Diameter identity; default: node.name.node.domain", .check = check_name, .sample = "as1.ims.lab"})
      .key("realm", &DiameterConfig::realm, {.help = "Our realm; default: node.domain", .check = check_name, .sample = "ims.lab"})
      .key("listen", &DiameterConfig::listen, {.help = "Port 0: do not listen", .sample = "127.0.0.1:0"})
      .key("destination_realm", &DiameterConfig::destination_realm,
           {.help = "Realm of the HSS; default: ours", .check = check_name, .sample = "ims.lab"})
      .sections("peers", &DiameterConfig::peers, std::move(peer), {.help = "HSS or Diameter agents", .max_items = 64})
      .key("request_timeout", &DiameterConfig::request_timeout,
           {.help = "Longest wait for one answer", .min = 100ms, .max = 1min, .sample = "2s"})
      .key("total_budget", &DiameterConfig::total_budget,
           {.help = "Longest wait for one question with its retries", .min = 100ms, .max = 5min})
      .key("max_in_flight", &DiameterConfig::max_in_flight, {.help = "Requests to the HSS at one time", .min = 1, .max = 100000})
      .key("max_waiting", &DiameterConfig::max_waiting, {.help = "Questions that may wait behind them", .max = 1000000})
      .section("cache", &DiameterConfig::cache, std::move(cache), {.help = "Answers kept from the HSS", .in_sample = false})
      .section("tls", &DiameterConfig::tls, tls_schema(), {.help = "Certificates for peers with tls", .in_sample = false})
      .check([](DiameterConfig& diameter, const ConfigScope& at) {
        diameter.enabled = diameter.enabled_key.value_or(!diameter.peers.empty());
        if (diameter.enabled && diameter.peers.empty()) at.error("peers", "needs at least one peer while diameter is enabled");
        for (std::size_t i = 0; i < diameter.peers.size(); ++i) {
          if (diameter.peers[i].tls && diameter.tls.certificate.empty()) {
            at.error("peers[" + std::to_string(i) + "].tls", "needs diameter.tls.certificate and key");
          }
        }
      });
}

ConfigSchema<HttpConfig> http_schema() {
  using Limits = HttpConfig::Limits;
  auto limits =
      ConfigSchema<Limits>()
          .key("max_body", &Limits::max_body, {.help = "Largest request body", .min = ByteSize{1024}, .max = ByteSize{1 << 30}})
          .key("max_header", &Limits::max_header,
               {.help = "Request line and header fields", .min = ByteSize{1024}, .max = ByteSize{1 << 20}})
          .key("max_connections", &Limits::max_connections, {.help = "Open connections", .min = 1})
          .key("max_in_flight", &Limits::max_in_flight, {.help = "Requests being served", .min = 1})
          .key("max_buffered", &Limits::max_buffered, {.help = "Bodies of all connections together"})
          .key("header_timeout", &Limits::header_timeout, {.help = "From the accept to the end of the header", .min = 100ms})
          .key("body_timeout", &Limits::body_timeout, {.help = "For the body, plus what its size needs", .min = 100ms})
          .key("idle_timeout", &Limits::idle_timeout, {.help = "Between two requests", .min = 100ms})
          .key("handler_timeout", &Limits::handler_timeout, {.help = "For the answer", .min = 100ms});
  return ConfigSchema<HttpConfig>()
      .key("listen", &HttpConfig::listen,
           {.help = "REST, PAP and content for push initiators and receivers", .sample = "127.0.0.1:8080"})
      .section("tls", &HttpConfig::tls, http_tls_schema(), {.help = "Serve HTTPS", .in_sample = false})
      .section("limits", &HttpConfig::limits, std::move(limits), {.help = "What clients may cost", .in_sample = false});
}

ConfigSchema<MsrpConfig> msrp_schema() {
  using Limits = MsrpConfig::Limits;
  auto limits =
      ConfigSchema<Limits>()
          .key("max_sessions", &Limits::max_sessions, {.help = "Open sessions; pushes beyond take another mode", .min = 1})
          .key("max_connections", &Limits::max_connections, {.help = "Open connections", .min = 1})
          .key("max_connections_per_peer", &Limits::max_connections_per_peer, {.help = "Of one address", .min = 1})
          .key("max_buffered", &Limits::max_buffered,
               {.help = "Incoming messages held in memory, all together; beyond: 413", .min = ByteSize{65536}})
          .key("chunk", &Limits::chunk,
               {.help = "Content of one SEND; all above 2048 bytes can be interrupted",
                .min = ByteSize{2048},
                .max = ByteSize{64 << 20}})
          .key("transaction_timeout", &Limits::transaction_timeout,
               {.help = "For the response to a SEND (RFC 4975: 30s)", .min = 100ms, .max = 10min})
          .key("connect_timeout", &Limits::connect_timeout,
               {.help = "For one address of a peer, with TLS", .min = 100ms, .max = 5min})
          .key("bind_timeout", &Limits::bind_timeout,
               {.help = "Until a peer's first request names its session", .min = 100ms, .max = 10min})
          .key("stall_timeout", &Limits::stall_timeout,
               {.help = "Without a byte in the middle of a request, or without one taken", .min = 100ms, .max = 10min});
  return ConfigSchema<MsrpConfig>()
      .key("listen", &MsrpConfig::listen,
           {.help = "TCP address of sessions; empty: none without TLS", .sample = "127.0.0.1:2855"})
      .key("tls_listen", &MsrpConfig::tls_listen, {.help = "TLS address of sessions; empty: none with TLS"})
      .key("advertised_address", &MsrpConfig::advertised_address,
           {.help = "Address that peers are told; empty: the one listened on"})
      .section("tls", &MsrpConfig::tls, tls_schema(),
               {.help = "Certificates of tls_listen. Peers prove themselves by a=fingerprint, or by a certificate of ca",
                .in_sample = false})
      .section("limits", &MsrpConfig::limits, std::move(limits), {.help = "What peers may cost", .in_sample = false})
      .check([](MsrpConfig& msrp, const ConfigScope& at) {
        if (msrp.listen.host.empty() && msrp.tls_listen.host.empty()) at.error("listen", "msrp needs listen or tls_listen");
        if (!msrp.tls_listen.host.empty() && msrp.tls.certificate.empty())
          at.error("tls_listen", "needs msrp.tls.certificate and key");
        const auto every = [](const SocketAddress& address) {
          return address.host == "*" || address.host == "0.0.0.0" || address.host == "::" || address.host == "[::]";
        };
        if (msrp.advertised_address.empty() && (every(msrp.listen) || every(msrp.tls_listen)))
          at.error("advertised_address", "is required when every address is listened on: peers must be told one");
      });
}

ConfigSchema<AdminConfig> admin_schema() {
  return ConfigSchema<AdminConfig>()
      .key("listen", &AdminConfig::listen, {.help = "Metrics, health and operators; keep it private", .sample = "127.0.0.1:9090"})
      .section("tls", &AdminConfig::tls, tls_schema(),
               {.help = "Serve HTTPS; with ca, clients must show a certificate", .in_sample = false})
      .key("socket", &AdminConfig::socket,
           {.help = "Unix socket for heraldctl; access by file rights", .sample = "/run/herald/herald.sock"});
}

ConfigSchema<StoreConfig> store_schema() {
  using Driver = StoreConfig::Driver;
  return ConfigSchema<StoreConfig>()
      .choice("driver", &StoreConfig::driver, {{"sqlite", Driver::sqlite}, {"memory", Driver::memory}, {"redis", Driver::redis}},
              {.help = "Where pushes, subscriptions and registrations are kept", .sample = "sqlite"})
      .key("path", &StoreConfig::path, {.help = "sqlite: the database file", .sample = "herald.db"})
      .key("url", &StoreConfig::url, {.help = "redis: redis://HOST:PORT/DB"})
      .key("max_size", &StoreConfig::max_size, {.help = "0: memory 4GiB, sqlite as far as the disk goes"})
      .key("max_queued_calls", &StoreConfig::max_queued_calls, {.help = "Calls that may wait for the store", .min = 1})
      .key("blobs", &StoreConfig::blobs,
           {.help = "Directory of contents too large for a record; empty: PATH.blobs, with driver memory a temporary one"})
      .key("blobs_max_size", &StoreConfig::blobs_max_size, {.help = "Most bytes in that directory; 0: as far as the disk goes"})
      .check([](StoreConfig& store, const ConfigScope& at) {
        if (store.driver == Driver::redis && store.url.empty()) at.error("url", "is required with driver redis");
        if (store.driver == Driver::sqlite && store.path.empty()) at.error("path", "is required with driver sqlite");
      });
}

ConfigSchema<LogConfig> log_schema() {
  using log::Level;
  using Format = LogConfig::Format;
  return ConfigSchema<LogConfig>()
      .choice("level", &LogConfig::level,
              {{"debug", Level::debug}, {"info", Level::info}, {"warn", Level::warn}, {"error", Level::error}},
              {.help = "Least severe line that is written", .sample = "info"})
      .choice("format", &LogConfig::format, {{"json", Format::json}, {"text", Format::text}},
              {.help = "json for programs, text for people", .needs_restart = true})
      .key("privacy", &LogConfig::privacy, {.help = "Write users as hashes", .needs_restart = true});
}

ConfigSchema<LimitsConfig> limits_schema() {
  return ConfigSchema<LimitsConfig>()
      .key("mailbox", &LimitsConfig::mailbox, {.help = "Work that may wait for one shard", .min = 1024, .max = 10000000})
      .key("sessions", &LimitsConfig::sessions, {.help = "Application sessions of one shard", .min = 1})
      .key("registrations", &LimitsConfig::registrations, {.help = "Registered users of the node", .min = 1})
      .key("session_timeout", &LimitsConfig::session_timeout,
           {.help = "Idle life of an application session", .min = 1s, .max = 24h})
      .key("drain_timeout", &LimitsConfig::drain_timeout, {.help = "Longest a stop waits for running work", .max = 1h});
}

ConfigSchema<ModuleConfig> module_schema() {
  return ConfigSchema<ModuleConfig>()
      .key("path", &ModuleConfig::path,
           {.help = "Module file, looked up beside the daemon when relative; \"builtin\" = linked in", .needs_restart = true})
      .raw("config", &ModuleConfig::section, {.help = "The module's own keys"});
}

}  // namespace

const ConfigSchema<NodeConfig>& node_schema() {
  static const auto schema =
      ConfigSchema<NodeConfig>()
          .section("node", &NodeConfig::node, identity_schema(), {.help = "Who we are", .needs_restart = true})
          // Of `sip` only the trust in peers changes while it runs.
          .section("sip", &NodeConfig::sip, sip_schema(), {.help = "SIP towards the S-CSCF (ISC)"})
          .section("diameter", &NodeConfig::diameter, diameter_schema(), {.help = "Sh towards the HSS", .needs_restart = true})
          .section("http", &NodeConfig::http, http_schema(), {.help = "HTTP for push initiators", .needs_restart = true})
          .section("msrp", &NodeConfig::msrp, msrp_schema(),
                   {.help = "Sessions for large pushes (MSRP); absent: none", .needs_restart = true})
          .section("admin", &NodeConfig::admin, admin_schema(), {.help = "Metrics, health, heraldctl", .needs_restart = true})
          .section("store", &NodeConfig::store, store_schema(), {.help = "Durable state", .needs_restart = true})
          .list("services", &NodeConfig::services,
                {.help = "Service profiles, relative to this file", .max_items = 1000, .sample = "[services/push.yaml]"})
          .named_sections("modules", &NodeConfig::modules, module_schema(),
                          {.help = "Hosted applications by name", .max_items = 64})
          .section("log", &NodeConfig::log, log_schema(), {.help = "Logs on stderr"})
          .section("limits", &NodeConfig::limits, limits_schema(),
                   {.help = "What the node takes on", .needs_restart = true, .in_sample = false})
          .check([](NodeConfig& config, const ConfigScope&) {
            auto& diameter = config.diameter;
            if (diameter.identity.empty()) diameter.identity = config.node.name + '.' + config.node.domain;
            if (diameter.realm.empty()) diameter.realm = config.node.domain;
            if (diameter.destination_realm.empty()) diameter.destination_realm = diameter.realm;
          });
  return schema;
}

}  // namespace herald
