#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "config/yaml_loader.h"
#include "herald/config_schema.h"

using namespace herald;
using namespace std::chrono_literals;

namespace {

enum class Mode { fast, safe };

struct Tls {
  std::string certificate;
  bool verify = true;
  bool operator==(const Tls&) const = default;
};
struct Peer {
  std::string name;
  std::uint16_t port = 3868;
};
struct Sample {
  std::string name = "as1";
  bool enabled = false;
  int level = 3;
  double factor = 1.5;
  Duration wait = 2s;
  std::chrono::milliseconds pause = 500ms;
  ByteSize size{65536};
  Rate rate{100};
  Secret token;
  Mode mode = Mode::safe;
  std::vector<std::string> words{"a"};
  std::vector<Mode> modes;
  std::optional<int> limit;
  Tls tls;
  std::optional<Tls> extra;
  std::vector<Peer> peers;
  std::map<std::string, Tls> named;
  ConfigNode section;
};

const ConfigSchema<Tls>& tls_schema() {
  static const auto schema = ConfigSchema<Tls>()
                                 .key("certificate", &Tls::certificate, {.help = "PEM file", .needs_restart = true})
                                 .key("verify", &Tls::verify, {.help = "Check the peer"});
  return schema;
}

const ConfigSchema<Sample>& schema() {
  static const Choices<Mode> modes{{"fast", Mode::fast}, {"safe", Mode::safe}};
  static const auto peer = ConfigSchema<Peer>()
                               .key("name", &Peer::name, {.help = "Peer", .required = true})
                               .key("port", &Peer::port, {.help = "Port", .min = 1});
  static const auto out =
      ConfigSchema<Sample>()
          .key("name", &Sample::name, {.help = "Name", .check = [](const std::string& v) { return v.empty() ? "is empty" : ""; }})
          .key("enabled", &Sample::enabled, {.help = "On"})
          .key("level", &Sample::level, {.help = "Level", .min = 1, .max = 9})
          .key("factor", &Sample::factor, {.help = "Factor", .max = 10.0})
          .key("wait", &Sample::wait, {.help = "Wait", .needs_restart = true, .min = 1ms, .max = 1h})
          .key("pause", &Sample::pause, {.help = "Pause"})
          .key("size", &Sample::size, {.help = "Size", .min = ByteSize{1024}})
          .key("rate", &Sample::rate, {.help = "Rate"})
          .key("token", &Sample::token, {.help = "Token"})
          .choice("mode", &Sample::mode, modes, {.help = "Mode"})
          .list("words", &Sample::words, {.help = "Words", .min_items = 1, .max_items = 3})
          .choices("modes", &Sample::modes, modes, {.help = "Modes"})
          .key("limit", &Sample::limit, {.help = "Limit"})
          .section("tls", &Sample::tls, tls_schema(), {.help = "TLS"})
          .section("extra", &Sample::extra, tls_schema(), {.help = "More TLS"})
          .sections("peers", &Sample::peers, peer, {.help = "Peers"})
          .named_sections("named", &Sample::named, tls_schema(), {.help = "Named"})
          .raw("section", &Sample::section, {.help = "Anything"})
          .check([](Sample& sample, const ConfigScope& at) {
            if (sample.enabled && sample.words.empty()) at.error("words", "is needed when enabled");
          });
  return out;
}

std::string lines(const ConfigIssues& issues) {
  std::string out;
  for (const auto& issue : issues.all()) out += issue.line() + '\n';
  return out;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += text + '\n';
  return out;
}

Sample parse(std::string_view text, ConfigIssues& issues) {
  const auto node = parse_yaml(text, "f.yaml", issues);
  return node ? schema().parse(*node, issues) : Sample{};
}

}  // namespace

TEST_CASE("a schema reads every kind of key") {
  ::setenv("HERALD_TEST_SECRET", "hush", 1);
  ConfigIssues issues;
  const auto sample = parse(R"(name: "true"
enabled: true
level: 9
factor: 2
wait: 10m
pause: 20ms
size: 64KiB
rate: 30/m
token: {env: HERALD_TEST_SECRET}
mode: fast
words: [x, "y, z"]
modes: [safe, fast]
limit: -4
tls: {certificate: , verify: false}
extra: {certificate: a.pem}
peers:
  - name: hss
  - {name: two, port: 13868}
named: {one: {verify: false}, two: }
section: {any: [1, {b: c}]}
)",
                            issues);
  CHECK(lines(issues).empty());
  CHECK(sample.name == "true");
  CHECK(sample.enabled);
  CHECK(sample.level == 9);
  CHECK(sample.factor == 2.0);
  CHECK(sample.wait == 10min);
  CHECK(sample.pause == 20ms);
  CHECK(sample.size.bytes == 65536);
  CHECK(sample.rate.per_second == 0.5);
  CHECK(sample.token.value == "hush");
  CHECK(sample.mode == Mode::fast);
  CHECK(sample.words == std::vector<std::string>{"x", "y, z"});
  CHECK(sample.modes == std::vector<Mode>{Mode::safe, Mode::fast});
  CHECK(sample.limit == -4);
  CHECK(sample.tls.certificate.empty());
  CHECK_FALSE(sample.tls.verify);
  REQUIRE(sample.extra);
  CHECK(sample.extra->certificate == "a.pem");
  REQUIRE(sample.peers.size() == 2);
  CHECK(sample.peers[0].port == 3868);
  CHECK(sample.peers[1].port == 13868);
  CHECK(sample.named.size() == 2);
  CHECK_FALSE(sample.named.at("one").verify);
  CHECK(sample.section.find("any")->items.size() == 2);
}

TEST_CASE("an empty file means defaults") {
  ConfigIssues issues;
  const auto sample = parse("# nothing\n", issues);
  CHECK(lines(issues).empty());
  CHECK(sample.name == "as1");
  CHECK(sample.words == std::vector<std::string>{"a"});
  CHECK_FALSE(sample.extra);
  CHECK_FALSE(sample.limit);
}

TEST_CASE("everything wrong is reported, with its place") {
  struct Row {
    const char* yaml;
    std::vector<std::string> issues;
  };
  const std::vector<Row> rows{
      {"nmae: x\nlevle: 3\nqqqqqq: 1\n",
       {"f.yaml:1:1: nmae: unknown key; did you mean \"name\"?", "f.yaml:2:1: levle: unknown key; did you mean \"level\"?",
        "f.yaml:3:1: qqqqqq: unknown key"}},
      {"name: ''\n", {"f.yaml:1:7: name: is empty"}},
      {"name: [a]\n", {"f.yaml:1:7: name: must be text"}},
      {"name: \"a\\nb\"\n", {"f.yaml:1:7: name: must not hold control characters"}},
      {"enabled: yes\n", {"f.yaml:1:10: enabled: must be true or false"}},
      {"enabled: \"true\"\n", {"f.yaml:1:10: enabled: must be true or false"}},
      {"level: 0\n", {"f.yaml:1:8: level: 0 is out of range: 1 to 9"}},
      {"level: 3.5\n", {"f.yaml:1:8: level: must be a whole number"}},
      {"level: \"3\"\n", {"f.yaml:1:8: level: must be a whole number"}},
      {"level: 99999999999999999999\n", {"f.yaml:1:8: level: must be a whole number"}},
      {"level: 3000000000\n", {"f.yaml:1:8: level: must be from -2147483648 to 2147483647"}},
      {"factor: nan\n", {"f.yaml:1:9: factor: must be a number"}},
      {"factor: 10.5\n", {"f.yaml:1:9: factor: 10.5 is out of range: at most 10.0"}},
      {"wait: 2\n", {"f.yaml:1:7: wait: must be a time such as 500ms, 2s, 10m or 1h"}},
      {"wait: -2s\n", {"f.yaml:1:7: wait: must not be negative"}},
      {"wait: 99999999999h\n", {"f.yaml:1:7: wait: is too long"}},
      {"wait: 2h\n", {"f.yaml:1:7: wait: 2h is out of range: 1ms to 1h"}},
      {"pause: 3us\n", {"f.yaml:1:8: pause: is finer than this key's resolution"}},
      {"size: 64kb\n", {"f.yaml:1:7: size: must be a size such as 1300, 64KiB or 2MiB"}},
      {"size: 99999999999GiB\n", {"f.yaml:1:7: size: is too large"}},
      {"size: 3\n", {"f.yaml:1:7: size: 3 is out of range: at least 1KiB"}},
      {"rate: 100\n", {"f.yaml:1:7: rate: must be a rate such as 100/s, 10/m or 5/h"}},
      {"token: {env: HERALD_NO_SUCH}\n", {"f.yaml:1:8: token: environment variable HERALD_NO_SUCH is not set"}},
      {"token: {file: /no/such/file}\n", {"f.yaml:1:8: token: file /no/such/file cannot be read"}},
      {"token: {url: x}\n", {"f.yaml:1:8: token: must be text, {file: PATH} or {env: NAME}"}},
      {"mode: sfae\n", {"f.yaml:1:7: mode: \"sfae\" is not one of fast | safe; did you mean \"safe\"?"}},
      {"mode: slow\n", {"f.yaml:1:7: mode: \"slow\" is not one of fast | safe"}},
      {"mode: save\n", {"f.yaml:1:7: mode: \"save\" is not one of fast | safe; did you mean \"safe\"?"}},
      {"words: a\n", {"f.yaml:1:8: words: must be a list"}},
      {"words: []\n", {"f.yaml:1:8: words: needs at least 1 item"}},
      {"words: [a, b, c, d]\n", {"f.yaml:1:8: words: has more than 3 items"}},
      {"words:\n  - a\n  - {b: c}\n", {"f.yaml:3:5: words[1]: must be text"}},
      {"modes: [fast, slow]\n", {"f.yaml:1:15: modes[1]: \"slow\" is not one of fast | safe"}},
      {"tls: on\n", {"f.yaml:1:6: tls: must be a section of \"key: value\""}},
      {"tls: {verfy: true}\n", {"f.yaml:1:7: tls.verfy: unknown key; did you mean \"verify\"?"}},
      {"peers: {name: x}\n", {"f.yaml:1:8: peers: must be a list"}},
      {"peers:\n  - port: 0\n  - name:\n    port: 70000\n",
       {"f.yaml:2:5: peers[0].name: is required", "f.yaml:2:11: peers[0].port: 0 is out of range: at least 1",
        "f.yaml:3:5: peers[1].name: is required", "f.yaml:4:11: peers[1].port: must be at most 65535"}},
      {"named: [a]\n", {"f.yaml:1:8: named: must be a section of named entries"}},
      {"named: {one: {verify: 3}}\n", {"f.yaml:1:23: named.one.verify: must be true or false"}},
      {"- a\n- b\n", {"f.yaml:1:1: must be a section of \"key: value\""}},
      {"just text\n", {"f.yaml:1:1: must be a section of \"key: value\""}},
  };
  for (const auto& row : rows) {
    INFO(row.yaml);
    ConfigIssues issues;
    (void)parse(row.yaml, issues);
    CHECK(lines(issues) == joined(row.issues));
    CHECK_FALSE(issues.ok());
  }
}

TEST_CASE("a secret comes from a file beside the configuration") {
  const auto folder = std::filesystem::temp_directory_path() / ("herald-secret-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "token") << "s3cret\r\n";
  std::ofstream(folder / "empty") << "\n";
  std::ofstream(folder / "c.yaml") << "token: {file: token}\n";
  std::ofstream(folder / "d.yaml") << "token: {file: empty}\n";
  ConfigIssues issues;
  auto node = load_yaml(folder / "c.yaml", issues);
  REQUIRE(node);
  CHECK(schema().parse(*node, issues).token.value == "s3cret");
  CHECK(issues.ok());
  node = load_yaml(folder / "d.yaml", issues);
  REQUIRE(node);
  (void)schema().parse(*node, issues);
  CHECK_FALSE(issues.ok());
  std::filesystem::remove_all(folder);
}

TEST_CASE("rules between keys run when the keys themselves are right") {
  ConfigIssues issues;
  Sample sample;
  const ConfigNode node;
  const auto rule = ConfigSchema<Sample>().key("enabled", &Sample::enabled, {}).check([](Sample& out, const ConfigScope& at) {
    out.name = "completed";
    if (!out.enabled) at.error("enabled", "must be on");
  });
  CHECK(rule.parse(node, issues, "x").name == "completed");
  REQUIRE(issues.all().size() == 1);
  CHECK(issues.all()[0].key == "x.enabled");
}

TEST_CASE("documentation has a row for every key, with defaults, ranges and restart marks") {
  const auto rows = schema().documentation("modules.x");
  const auto row = [&rows](std::string_view path) {
    for (const auto& candidate : rows) {
      if (candidate.path == path) return candidate;
    }
    FAIL(path);
    return ConfigKeyDoc{};
  };
  CHECK(row("modules.x.level").default_text == "3");
  CHECK(row("modules.x.level").range == "1 to 9");
  CHECK(row("modules.x.wait").default_text == "2s");
  CHECK(row("modules.x.wait").range == "1ms to 1h");
  CHECK(row("modules.x.wait").needs_restart);
  CHECK(row("modules.x.size").default_text == "64KiB");
  CHECK(row("modules.x.rate").default_text == "100/s");
  CHECK(row("modules.x.mode").default_text == "safe");
  CHECK(row("modules.x.mode").range == "fast | safe");
  CHECK(row("modules.x.words").type == "list of text");
  CHECK(row("modules.x.words").default_text == "[a]");
  CHECK(row("modules.x.token").secret);
  CHECK(row("modules.x.limit").default_text.empty());
  CHECK(row("modules.x.peers").type == "list of sections");
  CHECK(row("modules.x.peers[].name").required);
  CHECK(row("modules.x.named.<name>.verify").default_text == "true");
  CHECK(row("modules.x.tls.certificate").needs_restart);
}

TEST_CASE("diff names the keys that changed and those that need a restart") {
  ConfigIssues issues;
  const auto before = parse("words: [a]\npeers: [{name: x}]\nnamed: {a: , b: }\nsection: {x: 1}\n", issues);
  const auto after = parse(
      "level: 4\nwait: 3s\nwords: [b]\ntls: {certificate: x}\nextra: {}\npeers: [{name: y}]\nnamed: {a: {verify: false}, c: }\n"
      "section: {x: 2}\n",
      issues);
  REQUIRE(issues.ok());
  std::vector<std::string> changed;
  for (const auto& change : schema().diff(before, after)) changed.push_back(change.path + (change.needs_restart ? "!" : ""));
  CHECK(changed == std::vector<std::string>{"level", "wait!", "words", "tls.certificate!", "extra", "peers[0].name",
                                            "named.a.verify", "named.b!", "named.c!", "section"});
  CHECK(schema().diff(before, before).empty());
}

TEST_CASE("values are written as YAML reads them again") {
  CHECK(ConfigValue<std::string>::write("udp:127.0.0.1:5065") == "udp:127.0.0.1:5065");
  CHECK(ConfigValue<std::string>::write("tls:[::1]:5061") == "\"tls:[::1]:5061\"");
  CHECK(ConfigValue<std::string>::write("*") == "\"*\"");
  CHECK(ConfigValue<std::string>::write("42") == "\"42\"");
  CHECK(ConfigValue<std::string>::write("") == "\"\"");
  CHECK(ConfigValue<std::string>::write("a\"b\\\n") == "\"a\\\"b\\\\\\x0a\"");
  CHECK(ConfigValue<Duration>::write(90s) == "90s");
  CHECK(ConfigValue<Duration>::write(1500ms) == "1500ms");
  CHECK(ConfigValue<Duration>::write(48h) == "2d");
  CHECK(ConfigValue<Rate>::write(Rate{0.5}) == "30/m");
  CHECK(ConfigValue<Rate>::write(Rate{2.0 / 3600}) == "2/h");
  CHECK(ConfigValue<ByteSize>::write(ByteSize{1300}) == "1300");
  CHECK(ConfigValue<Secret>::write(Secret{"x"}) == "\"(set)\"");
}
