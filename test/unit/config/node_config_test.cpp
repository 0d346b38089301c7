#include "config/node_config.h"

#include <doctest/doctest.h>
#include <filesystem>

#include "config/yaml_loader.h"

using namespace herald;
using namespace std::chrono_literals;

namespace {

std::optional<NodeConfig> parse(std::string_view text, ConfigIssues& issues, const char* name = "/etc/herald/herald.yaml") {
  const auto root = parse_yaml(text, name, issues);
  return root ? parse_node_config(*root, issues) : std::nullopt;
}

NodeConfig good(std::string_view text) {
  ConfigIssues issues;
  auto config = parse(text, issues);
  std::string lines;
  for (const auto& issue : issues.all()) lines += issue.line() + '\n';
  REQUIRE_MESSAGE(config, lines);
  return *config;
}

std::string wrong(std::string_view text) {
  ConfigIssues issues;
  const auto config = parse(text, issues, "h.yaml");
  CHECK(config.has_value() == issues.ok());
  std::string lines;
  for (const auto& issue : issues.all()) lines += issue.line() + '\n';
  return lines;
}

}  // namespace

TEST_CASE("a network contains its addresses in every spelling") {
  const auto network = [](const char* text) { return *Network::parse(text); };
  CHECK(network("127.0.0.1/32").contains("127.0.0.1"));
  CHECK(network("127.0.0.1").contains("127.0.0.1"));
  CHECK(network("127.0.0.1").contains("::ffff:127.0.0.1"));
  CHECK_FALSE(network("127.0.0.1/32").contains("127.0.0.2"));
  CHECK(network("10.0.0.0/9").contains("10.127.255.255"));
  CHECK_FALSE(network("10.0.0.0/9").contains("10.128.0.0"));
  CHECK(network("0.0.0.0/0").contains("255.1.2.3"));
  CHECK_FALSE(network("0.0.0.0/0").contains("::1"));
  CHECK(network("2001:db8::/33").contains("2001:db8:7fff::1"));
  CHECK_FALSE(network("2001:db8::/33").contains("2001:db8:8000::"));
  CHECK(network("::/0").contains("[2001:db8::1]"));
  CHECK(network("::1").contains("::1"));
  for (const char* nonsense : {"", "localhost", "127.0.0.1:5060", "127.1", "[::1", "127.0.0.1\n", "::1%lo",
                               "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"}) {
    INFO(nonsense);
    CHECK_FALSE(network("0.0.0.0/0").contains(nonsense));
    CHECK_FALSE(network("::/0").contains(nonsense));
    CHECK_FALSE(Network::parse(nonsense));
  }
  for (const char* bad : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::/129", "/8"})
    CHECK_FALSE(Network::parse(bad));
  CHECK(Network::parse("10.1.2.3/8").error().text == "\"10.1.2.3/8\" has bits behind its prefix; did you mean \"10.0.0.0/8\"?");
  CHECK(Network::parse("2001:db8::1/32").error().text ==
        "\"2001:db8::1/32\" has bits behind its prefix; did you mean \"2001:db8::/32\"?");
  CHECK(Networks({network("10.0.0.0/8"), network("::1")}).contains("::1"));
  CHECK_FALSE(Networks().contains("127.0.0.1"));
}

TEST_CASE("an address with a port") {
  CHECK(SocketAddress::parse("127.0.0.1:8080")->text() == "127.0.0.1:8080");
  CHECK(SocketAddress::parse("[::1]:0")->host == "::1");
  CHECK(SocketAddress::parse("[::1]:0")->text() == "[::1]:0");
  for (const char* bad : {"", "127.0.0.1", ":80", "::1:80", "localhost:80", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:8x",
                          "[127.0.0.1]:80", "[::1]80"}) {
    INFO(bad);
    CHECK_FALSE(SocketAddress::parse(bad));
  }
  CHECK(SipListener::parse("tls:[::1]:5061")->text() == "tls:[::1]:5061");
  CHECK_FALSE(SipListener::parse("sctp:127.0.0.1:5060"));
  CHECK_FALSE(SipListener::parse("127.0.0.1:5060"));
}

TEST_CASE("the configuration that the interfaces promise is understood") {
  const auto config = good(R"(
node: {name: as1, domain: ims.lab}
sip:
  listen: [udp:127.0.0.1:5065, tcp:127.0.0.1:5065, "udp:[::1]:0"]
  shards: 1
  trusted_peers: [127.0.0.1/32]
  next_hop: sip:127.0.0.1:6060;lr
  tls: {certificate: , key: , ca: , verify_peer: true}
diameter:
  enabled: true
  identity: as1.ims.lab
  realm: ims.lab
  listen: 127.0.0.1:0
  destination_realm: ims.lab
  peers: [{identity: hss.ims.lab, address: 127.0.0.1, port: 3868, transport: tcp, tls: false}]
  request_timeout: 2s
http: {listen: 127.0.0.1:8080}
admin: {listen: 127.0.0.1:9090, socket: /run/herald/herald.sock}
store: {driver: sqlite, path: herald.db}
services: [services/push.yaml, /srv/x.yaml]
modules:
  push:
    path: push.so
    config:
      sender_identity: sip:push@ims.lab
log: {level: debug, format: text, privacy: false}
)");
  CHECK(config.sip.listen.size() == 3);
  CHECK(config.sip.listen[2].address.host == "::1");
  CHECK(config.diameter.enabled);
  CHECK(config.diameter.peers.at(0).port == 3868);
  CHECK(config.store.path == "/etc/herald/herald.db");
  CHECK(config.admin.socket == "/run/herald/herald.sock");
  CHECK(config.services == std::vector<std::string>{"/etc/herald/services/push.yaml", "/srv/x.yaml"});
  CHECK(config.modules.at("push").path == "push.so");
  CHECK(config.modules.at("push").section.find("sender_identity")->scalar == "sip:push@ims.lab");
  CHECK(config.log.level == log::Level::debug);
  CHECK(config.hash.size() == 16);
  CHECK(config.file == "/etc/herald/herald.yaml");
}

TEST_CASE("an empty file is a node with defaults") {
  const auto config = good("");
  CHECK(config.node.name == "as1");
  CHECK(config.sip.listen.size() == 2);
  CHECK_FALSE(config.diameter.enabled);
  CHECK(config.diameter.identity == "as1.ims.lab");
  CHECK(config.diameter.destination_realm == "ims.lab");
  CHECK(config.admin.socket.empty());
  CHECK(config.log.privacy);
  CHECK(good("diameter: {peers: [{identity: h}]}").diameter.enabled);
  CHECK_FALSE(good("diameter: {enabled: false, peers: [{identity: h}]}").diameter.enabled);
  CHECK(good("node: {name: b, domain: x.org}").diameter.identity == "b.x.org");
}

TEST_CASE("mistakes in the node's configuration, and what is said about them") {
  CHECK(wrong("sip:\n  lisen: [udp:127.0.0.1:5065]\n") == "h.yaml:2:3: sip.lisen: unknown key; did you mean \"listen\"?\n");
  CHECK(wrong("sip: {listen: [udp:localhost:5065]}\n") ==
        "h.yaml:1:16: sip.listen[0]: \"localhost:5065\": the address must be numeric, as 127.0.0.1:8080 or [::1]:8080\n");
  CHECK(wrong("sip: {listen: [sctp:127.0.0.1:5065]}\n") ==
        "h.yaml:1:16: sip.listen[0]: \"sctp:127.0.0.1:5065\" must be udp:, tcp: or tls: with ADDRESS:PORT\n");
  CHECK(wrong("sip: {listen: []}\n") == "h.yaml:1:15: sip.listen: needs at least 1 item\n");
  CHECK(wrong("sip: {listen: [udp:127.0.0.1:1, tls:127.0.0.1:2]}\n") ==
        "h.yaml:1:33: sip.listen[1]: tls needs sip.tls.certificate and key\n");
  CHECK(wrong("sip: {listen: [udp:127.0.0.1:1, udp:127.0.0.1:1]}\n") ==
        "h.yaml:1:33: sip.listen[1]: udp:127.0.0.1:1 stands here twice\n");
  CHECK(wrong("sip: {shards: 3, listen: [udp:127.0.0.1:65534]}\n") ==
        "h.yaml:1:27: sip.listen[0]: port + shards goes past 65535\n");
  CHECK(wrong("sip: {shards: 0}\n") == "h.yaml:1:15: sip.shards: 0 is out of range: 1 to 64\n");
  CHECK(wrong("sip: {trusted_peers: [10.0.0.1/8]}\n") ==
        "h.yaml:1:23: sip.trusted_peers[0]: \"10.0.0.1/8\" has bits behind its prefix; did you mean \"10.0.0.0/8\"?\n");
  CHECK(wrong("sip: {next_hop: ims.lab}\n") == "h.yaml:1:17: sip.next_hop: URI: no scheme\n");
  CHECK(wrong("sip: {next_hop: 'tel:+1'}\n") == "h.yaml:1:17: sip.next_hop: must be a sip: or sips: URI\n");
  CHECK(wrong("sip: {tls: {certificate: a.pem}}\n") == "h.yaml:1:12: sip.tls.key: certificate and key go together\n");
  CHECK(wrong("http:\n  tls:\n    certificate: /no/a.pem\n    key: /no/b.pem\n") ==
        "h.yaml:3:18: http.tls.certificate: file /no/a.pem cannot be read\n"
        "h.yaml:4:10: http.tls.key: file /no/b.pem cannot be read\n");
  CHECK(wrong("http: {tls: {verify: required}}\n") == "h.yaml:1:22: http.tls.verify: required needs client_ca\n");
  CHECK(wrong("http: {tls: {client_ca: /no/ca.pem}}\n") == "h.yaml:1:25: http.tls.client_ca: file /no/ca.pem cannot be read\n");
  CHECK(wrong("diameter: {enabled: true}\n") ==
        "h.yaml:1:11: diameter.peers: needs at least one peer while diameter is enabled\n");
  CHECK(wrong("diameter: {peers: [{address: 127.0.0.1}]}\n") == "h.yaml:1:20: diameter.peers[0].identity: is required\n");
  CHECK(wrong("diameter: {peers: [{identity: h, tls: true}]}\n") ==
        "h.yaml:1:39: diameter.peers[0].tls: needs diameter.tls.certificate and key\n");
  CHECK(wrong("diameter: {request_timeout: 2}\n") ==
        "h.yaml:1:29: diameter.request_timeout: must be a time such as 500ms, 2s, 10m or 1h\n");
  CHECK(wrong("store: {driver: sqllite}\n") ==
        "h.yaml:1:17: store.driver: \"sqllite\" is not one of sqlite | memory | redis; did you mean \"sqlite\"?\n");
  CHECK(wrong("store: {driver: redis}\n") == "h.yaml:1:8: store.url: is required with driver redis\n");
  CHECK(wrong("node: {name: 'a b'}\n") == "h.yaml:1:14: node.name: must be a name of letters, digits, '-', '.' and '_'\n");
  CHECK(wrong("modules: [push]\n") == "h.yaml:1:10: modules: must be a section of named entries\n");
  CHECK(wrong("modules: {push: {pth: x}}\n") == "h.yaml:1:18: modules.push.pth: unknown key; did you mean \"path\"?\n");
  CHECK(wrong("log: {level: trace}\nstroe: {}\n") ==
        "h.yaml:2:1: stroe: unknown key; did you mean \"store\"?\n"
        "h.yaml:1:14: log.level: \"trace\" is not one of debug | info | warn | error\n");
}

TEST_CASE("the difference of two configurations names what needs a restart") {
  const auto before = good("modules: {push: {config: {a: 1}}}");
  const auto after = good(
      "node: {name: b}\nsip: {trusted_peers: [10.0.0.0/8], listen: [udp:127.0.0.1:1], hops: {max_queued: 5}}\n"
      "modules: {push: {config: {a: 2}}, other: {}}\nservices: [x]\nlog: {level: warn}\nstore: {driver: memory}\n");
  const auto difference = diff(before, after);
  CHECK(difference.changed == std::vector<std::string>{"node.name", "sip.listen", "sip.trusted_peers", "sip.hops.max_queued",
                                                       "diameter.identity", "store.driver", "services", "modules.push.config",
                                                       "modules.other", "log.level"});
  CHECK(difference.needs_restart == std::vector<std::string>{"node.name", "sip.listen", "sip.hops.max_queued",
                                                             "diameter.identity", "store.driver", "modules.other"});
  CHECK(diff(before, before).changed.empty());
}

TEST_CASE("the configuration hash looks at content only") {
  const auto base = good("node: {name: a, domain: b}\nsip: {shards: 2}");
  CHECK(base.hash == good("# comment\nsip:\n  shards: 2\nnode:\n  domain: b\n  name: a\n").hash);
  CHECK(base.hash != good("node: {name: a, domain: b}\nsip: {shards: 3}").hash);
}

TEST_CASE("S-6: require_protected_peers refuses to start with an unprotected next hop") {
  const auto text = wrong("sip: {require_protected_peers: true, next_hop: \"sip:10.1.0.1:5060;lr\"}\n");
  CHECK(text.find("sip.next_hop: require_protected_peers needs transport=tls here") != std::string::npos);
  CHECK(text.find("sip.listen: require_protected_peers needs a tls: listener") != std::string::npos);
  CHECK(wrong("sip: {require_protected_peers: true}\n").empty());  // this host
}
