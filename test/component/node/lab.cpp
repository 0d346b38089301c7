#include "lab.h"

#include <doctest/doctest.h>
#include <fstream>
#include <poll.h>
#include <sstream>

#include "configuration.h"
#include "herald/log.h"

namespace herald::test {
namespace {

store::MemoryOptions on(const Clock& clock) {
  store::MemoryOptions options;
  options.clock = &clock;
  return options;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string indented(const std::string& lines, const std::string& indent) {
  std::istringstream in(lines);
  std::string out;
  for (std::string line; std::getline(in, line);) out += indent + line + "\n";
  return out;
}

}  // namespace

Lab::Lab(Options options) : memory(on(clock)), options_(std::move(options)) {
  // The service profile that ships, with one application more.
  write_file("push.yaml", read_file("../config/services/push.yaml") + "  - {id: shut.ua, consent: closed}\n");
  write_configuration(options_);
  scscf.answers(200);
  boot();
}

Lab::~Lab() = default;

void Lab::write_file(const std::string& name, const std::string& text) {
  std::ofstream out(folder_.file(name), std::ios::trunc);
  out << text;
  REQUIRE(out.flush().good());
}

void Lab::write_configuration(const Options& options) {
  const std::string initiators = options.push.find("initiators:") != std::string::npos ? "" : R"(
      initiators:
        - {name: news, token: news-token, identities: [sip:push-news@ims.lab], rate: 1000/s}
)";
  write_file("herald.yaml",
             "node: {name: as1, domain: ims.lab}\n"
             "sip:\n  listen: [\"udp:127.0.0.1:0\"]\n  shards: " +
                 std::to_string(options.shards) +
                 "\n  trusted_peers: [127.0.0.1/32]\n"
                 "  next_hop: \"" +
                 scscf.uri() +
                 ";lr\"\n"
                 "diameter: {enabled: false}\n"
                 "http: {listen: \"127.0.0.1:0\"}\n"
                 "admin: {listen: \"127.0.0.1:0\", socket: \"\"}\n"
                 "store: {driver: " +
                 (options.sqlite ? "sqlite, path: herald.db" : "memory") +
                 "}\n"
                 "services: [push.yaml]\n"
                 "modules:\n  push:\n    path: builtin\n    config:\n      sender_identity: \"sip:push@ims.lab\"\n" +
                 initiators + indented(options.push, "      ") +
                 (options.node.find("log:") == std::string::npos ? "log: {level: error}\n" : "") + options.node);
}

void Lab::boot() {
  ConfigIssues issues;
  auto configuration = daemon::load_configuration(folder_.file("herald.yaml"), issues);
  for (const auto& issue : issues.all()) INFO(issue.line());
  std::string told;
  for (const auto& issue : issues.all()) told += issue.line() + "\n";
  REQUIRE_MESSAGE(configuration.has_value(), told);
  log::set_level(configuration->node.log.level);
  daemon::Node::Options options{clock, control_, daemon::Drive::by_hand, &sh, options_.sqlite ? nullptr : &memory};
  auto started = daemon::Node::start(std::move(*configuration), options, issues);
  const std::string error = started ? "" : started.error().text;
  REQUIRE_MESSAGE(started.has_value(), error);
  node_ = std::move(*started);
  settle();
}

void Lab::restart() {
  node_.reset();
  control_.run_ready();
  boot();
}

bool Lab::turn() {
  bool busy = node_->io().step();
  for (auto& shard : node_->shards()) busy = shard->step() > 0 || busy;
  busy = control_.run_ready() > 0 || busy;
  for (auto* actor : {&scscf, &stranger}) busy = actor->poll(clock.now()) || busy;
  return busy;
}

void Lab::settle() {
  // What one loop writes another reads in the next turn, so quiet is believed when it repeats.
  constexpr int kQuietTurns = 3;
  for (int quiet = 0; quiet < kQuietTurns;) quiet = turn() ? 0 : quiet + 1;
}

std::optional<TimePoint> Lab::next_due() {
  auto due = node_->io().next_due();
  const auto earlier = [&due](const std::optional<TimePoint>& other) {
    if (other && (!due || *other < *due)) due = other;
  };
  for (auto& shard : node_->shards()) earlier(shard->next_due());
  earlier(control_.next_due());
  return due;
}

void Lab::advance(Duration span) {
  constexpr Duration kLongest = std::chrono::hours(24);  // Sofia's timers take no jump of more than 15 days
  constexpr Duration kShortest = std::chrono::milliseconds(1);
  settle();
  for (const auto end = clock.now() + span; clock.now() < end; settle()) {
    const auto left = end - clock.now();
    const auto due = next_due();
    auto step = std::min(left, kLongest);
    if (due) step = std::min(step, std::max(kShortest, *due - clock.now()));
    clock.advance(step);
  }
}

void Lab::until(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);  // a guard against hanging, not a measure
  for (settle(); !condition(); settle()) {
    REQUIRE_MESSAGE(std::chrono::steady_clock::now() < limit, "it never came");
    ::poll(nullptr, 0, 1);
  }
}

Reply Lab::ask(std::uint16_t port, const std::string& method, const std::string& path, const std::optional<json>& body,
               const std::vector<HttpField>& headers) {
  const auto content = body ? body->dump() : std::string();
  std::string text = method + " " + path + " HTTP/1.1\r\nHost: herald\r\nConnection: close\r\n";
  for (const auto& field : headers) text += field.name + ": " + field.value + "\r\n";
  if (body) text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(content.size()) + "\r\n";
  Client client(port);
  client.while_waiting([this] { settle(); });
  client.send(text + "\r\n" + content);
  const auto answer = client.receive(method == "HEAD");
  REQUIRE_MESSAGE(answer.has_value(), (method + " " + path + ": closed without an answer"));
  auto parsed = json::parse(answer->body, nullptr, false);
  return {answer->status, answer->headers, answer->body, parsed.is_discarded() ? json() : std::move(parsed)};
}

Reply Lab::call(const std::string& method, const std::string& path, const std::optional<json>& body,
                const std::vector<HttpField>& headers, const std::string& token) {
  auto all = headers;
  if (!token.empty()) all.push_back({"Authorization", "Bearer " + token});
  return ask(node_->http_endpoint().port, method, path, body, all);
}

Reply Lab::admin(const std::string& method, const std::string& path, const std::optional<json>& body) {
  return ask(node_->admin_endpoint().port, method, path, body, {});
}

json Lab::push_body(const std::string& to, const json& more) const {
  json body{{"to", json::array({to})}, {"app", "news.ua"}, {"content", {{"type", "text/plain"}, {"text", "Goal!"}}}};
  body.update(more);
  return body;
}

std::string Lab::push(const std::string& to, const json& more) {
  const auto reply = call("POST", "/v1/pushes", push_body(to, more));
  REQUIRE_MESSAGE(reply.status == 202, reply.text);
  settle();
  return reply.body["id"];
}

json Lab::delivery(const std::string& id, std::size_t index) {
  const auto reply = call("GET", "/v1/pushes/" + id);
  REQUIRE_MESSAGE(reply.status == 200, reply.text);
  return reply.body["recipients"][index];
}

double Lab::metric(const std::string& name) {
  std::istringstream lines(admin("GET", "/metrics").text);
  double sum = 0;
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name) && line.size() > name.size() && (line[name.size()] == ' ' || line[name.size()] == '{'))
      sum += std::stod(line.substr(line.rfind(' ')));
  return sum;
}

std::uint16_t Lab::sip_port(unsigned shard) {
  for (const auto& address : node_->shards()[shard]->listening())
    if (address.transport == sip::Transport::udp) return address.port;
  FAIL("the node does not listen on UDP");
  return 0;
}

void Lab::send(SipActor& from, const std::string& text) {
  from.socket.connect(sip_port(), "127.0.0.1");
  REQUIRE(from.socket.send(text));
  settle();
}

void Lab::registers(const std::string& user, int seconds, const std::string& applications) {
  const auto before = scscf.responses.size();
  send(scscf, ThirdPartyRegister{user, seconds, applications}.text(scscf, sip_port(), ++registers_));
  REQUIRE(scscf.responses.size() == before + 1);
  REQUIRE(scscf.responses.back().status() == 200);
}

Stopwatch::Stopwatch(const VirtualClock& clock, std::string what)
    : clock_(clock), what_(std::move(what)), virtual_start_(clock.now()) {}

Stopwatch::~Stopwatch() {
  using namespace std::chrono;
  const auto real = duration_cast<milliseconds>(steady_clock::now() - start_).count();
  const auto passed = duration_cast<seconds>(clock_.now() - virtual_start_).count();
  MESSAGE(what_ << ": " << passed << " virtual seconds in " << real << " real ms");
}

}  // namespace herald::test
