// The node's own configuration, herald.yaml, as one plain value. interfaces "heraldd"
// Thread: value; immutable once loaded.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/networks.h"
#include "herald/config_schema.h"
#include "herald/log.h"
#include "herald/registration_view.h"
#include "herald/sip_uri.h"

namespace herald {

struct TlsConfig {
  std::string certificate, key, ca;  // PEM files
  bool verify_peer = true;
};

// Of the listener for initiators: clients may or must show a certificate that `client_ca` verifies.
struct HttpTlsConfig {
  enum class Verify { optional, required };
  std::string certificate, key, client_ca;  // PEM files
  Verify verify = Verify::optional;
};

struct SipConfig {
  struct Hops {
    std::uint32_t max_in_flight = 200;
    std::uint32_t max_queued = 20000;
    std::uint32_t failures_to_open = 5;
    Duration probe_interval = std::chrono::seconds(5);
  };
  std::vector<SipListener> listen{{"udp", {"127.0.0.1", 5065}}, {"tcp", {"127.0.0.1", 5065}}};
  std::uint32_t shards = 1;
  std::vector<Network> trusted_peers{*Network::parse("127.0.0.1/32")};
  struct PeerRate {
    Rate trusted{0};
    Rate untrusted{200};
  };
  std::vector<std::string> trusted_domains;
  bool require_protected_peers = false;  // S-6
  PeerRate peer_rate;                    // S-10
  std::string next_hop = "sip:127.0.0.1:6060;lr";
  RegEventUse reg_event = RegEventUse::automatic;
  std::string reg_event_identity;
  std::vector<std::string> own_hosts;
  std::string user_agent = "Herald";
  ByteSize max_message{128 * 1024};
  ByteSize tcp_above{1300};
  bool udp_batch = true;
  Duration t1 = std::chrono::milliseconds(500);
  Hops hops;
  TlsConfig tls;
};

struct DiameterConfig {
  struct Peer {
    std::string identity;
    std::string address;
    std::uint16_t port = 3868;
    std::string transport = "tcp";
    bool tls = false;
  };
  struct Cache {
    ByteSize size{64 * 1024 * 1024};
    std::uint32_t entries = 200000;
    Duration repository_ttl = std::chrono::seconds(30);
    Duration user_state_ttl = std::chrono::seconds(10);
    Duration scscf_name_ttl = std::chrono::seconds(10);
    Duration identities_ttl = std::chrono::hours(1);
    Duration negative_ttl = std::chrono::seconds(60);
    Duration stale_grace = std::chrono::seconds(300);
  };
  std::optional<bool> enabled_key;
  bool enabled = false;  // `enabled`, or whether there are peers
  std::string identity;
  std::string realm;
  SocketAddress listen{"127.0.0.1", 0};  // port 0: not at all
  std::string destination_realm;
  std::vector<Peer> peers;
  Duration request_timeout = std::chrono::seconds(2);
  Duration total_budget = std::chrono::seconds(5);
  std::uint32_t max_in_flight = 200;
  std::uint32_t max_waiting = 20000;
  Cache cache;
  TlsConfig tls;
};

struct HttpConfig {
  struct Limits {
    ByteSize max_body{1024 * 1024};
    ByteSize max_header{16 * 1024};
    std::uint32_t max_connections = 1024;
    std::uint32_t max_in_flight = 4096;
    ByteSize max_buffered{64 * 1024 * 1024};
    Duration header_timeout = std::chrono::seconds(10);
    Duration body_timeout = std::chrono::seconds(15);
    Duration idle_timeout = std::chrono::seconds(60);
    Duration handler_timeout = std::chrono::seconds(60);
  };
  SocketAddress listen{"127.0.0.1", 8080};
  std::optional<HttpTlsConfig> tls;
  Limits limits;
};

// Sessions of MSRP. The section's absence means none.
struct MsrpConfig {
  struct Limits {
    std::uint32_t max_sessions = 10'000;
    std::uint32_t max_connections = 10'000;
    std::uint32_t max_connections_per_peer = 1'000;
    ByteSize max_buffered{256 * 1024 * 1024};
    ByteSize chunk{1024 * 1024};
    Duration transaction_timeout = std::chrono::seconds(30);
    Duration connect_timeout = std::chrono::seconds(10);
    Duration bind_timeout = std::chrono::seconds(30);
    Duration stall_timeout = std::chrono::seconds(30);
  };
  SocketAddress listen;      // no host: not without TLS
  SocketAddress tls_listen;  // no host: not with TLS
  std::string advertised_address;
  TlsConfig tls;
  Limits limits;
};

struct AdminConfig {
  SocketAddress listen{"127.0.0.1", 9090};
  std::optional<TlsConfig> tls;
  std::string socket;  // empty: none
};

struct StoreConfig {
  enum class Driver { sqlite, memory, redis };
  Driver driver = Driver::sqlite;
  std::string path = "herald.db";
  Secret url;  // redis: may hold a password
  ByteSize max_size{0};
  std::uint32_t max_queued_calls = 20000;
  std::string blobs;  // empty: beside the database
  ByteSize blobs_max_size{0};
};

struct ModuleConfig {
  std::string path = "builtin";
  ConfigNode section;  // `config:`, read by the module itself
};

struct LogConfig {
  enum class Format { json, text };
  log::Level level = log::Level::info;
  Format format = Format::json;
  bool privacy = true;
};

struct LimitsConfig {
  std::uint32_t mailbox = 65536;  // work waiting for one shard
  std::uint32_t sessions = 1'000'000;
  std::uint32_t registrations = 1'000'000;
  Duration session_timeout = std::chrono::minutes(3);
  Duration drain_timeout = std::chrono::seconds(30);
};

struct NodeConfig {
  struct Node {
    std::string name = "as1";
    std::string domain = "ims.lab";
  };
  Node node;
  SipConfig sip;
  DiameterConfig diameter;
  HttpConfig http;
  std::optional<MsrpConfig> msrp;
  AdminConfig admin;
  StoreConfig store;
  std::vector<std::string> services;  // paths
  std::map<std::string, ModuleConfig> modules;
  LogConfig log;
  LimitsConfig limits;

  std::string file;  // where it was read from
  std::string hash;  // of everything in the file; 16 hexadecimal digits
};

const ConfigSchema<NodeConfig>& node_schema();

// Completes what follows from other keys, makes paths absolute to the file's folder, and looks whether TLS files are there.
// Nothing when `issues` has an error.
[[nodiscard]] std::optional<NodeConfig> load_node_config(const std::filesystem::path& path, ConfigIssues& issues);
[[nodiscard]] std::optional<NodeConfig> parse_node_config(const ConfigNode& root, ConfigIssues& issues);

struct ConfigDiff {
  std::vector<std::string> changed;        // every key that differs
  std::vector<std::string> needs_restart;  // those of them that a reload cannot change
};
// A module's own section is compared as text; which of its keys need a restart is the module's to say (Module::needs_restart).
[[nodiscard]] ConfigDiff diff(const NodeConfig& before, const NodeConfig& after);

// Equal for files that say the same with other comments, order of keys or layout.
[[nodiscard]] std::string configuration_hash(const ConfigNode& root);

}  // namespace herald
